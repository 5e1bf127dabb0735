"""Write a benchmark's rows into benchmarks/RESULTS.md: one section each, with its machine.

Invariant: writing a section leaves all other sections as they are.
"""

import os
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
_TITLE = "# Results\n\nMeasured by the scripts in this folder; each section names its machine.\n"


def write_section(name: str, body: str, path: Path = RESULTS) -> None:
    """Replace the section called `name`, or add it at the end."""
    text = path.read_text(encoding="utf-8") if path.exists() else _TITLE
    head, *sections = re.split(r"(?m)^(?=## )", text)
    section = f"## {name}\n\n{body.strip()}\n\n{_footer()}\n\n"
    titles = [part.splitlines()[0] for part in sections]
    if f"## {name}" in titles:
        sections[titles.index(f"## {name}")] = section
    else:
        sections.append(section)
    parts = [part.rstrip("\n") for part in (head, *sections)]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def machine() -> str:
    """Describe this machine in one line: processor, cores, memory, Python."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        info = ""  # not Linux: the platform's own word must do
    model = re.search(r"model name\s*:\s*(.+)", info)
    processor = model[1].strip() if model else platform.processor() or platform.machine()
    cores = os.cpu_count()  # all: a benchmark may have pinned itself to one
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{processor}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def _footer() -> str:
    return f"*{machine()}; {time.strftime('%Y-%m-%d', time.gmtime())}*"
