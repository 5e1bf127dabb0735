"""All benchmarks in turn: `make bench`. Each writes its section of benchmarks/RESULTS.md."""

import subprocess
import sys

BENCHMARKS = (
    "gate",
    "votes",
    "gateway",
    "throughput",
    "swaps",
    "replicas",
    "pages",
    "feedback_page",
    "memory",
    "documents",
    "masking",
    "trust",
    "training",
    "loop",
)

if __name__ == "__main__":
    for name in BENCHMARKS:
        print(f"benchmarks.{name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
