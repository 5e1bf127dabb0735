"""Children of `up`: restarted, stopped, and gone when their parent is."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from ratchet.children import BACKOFF, Child, log_tail

ROOT = Path(__file__).parents[2]

# A child that watches its parent and otherwise sleeps.
SLEEPER = "import time; from ratchet.children import watch_parent; watch_parent(); time.sleep(60)"
# A parent that starts one, says its number and sleeps.
PARENT = f"""
import sys, time
from pathlib import Path
from ratchet.children import Child
child = Child("sleeper", [sys.executable, "-c", {SLEEPER!r}], Path(sys.argv[1]), {{}})
child.start()
time.sleep(1)
print(child.pid, flush=True)
time.sleep(60)
"""


def gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    assert gone(pid, 15)


def test_a_child_is_stopped_even_when_it_does_not_listen(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    child = Child("stubborn", [sys.executable, "-c", stubborn], tmp_path / "log", {})
    child.start()
    time.sleep(0.5)
    pid = child.pid
    assert pid is not None
    child.stop(grace=0.3)
    assert child.pid is None
    assert gone(pid, 5)


def test_a_hurried_child_hears_that_it_was_asked_twice(tmp_path: Path) -> None:
    # For a while it does not listen, in which two signals become one.
    patient = """
import signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
heard = []
signal.signal(signal.SIGTERM, lambda *_: heard.append(1) if not heard else sys.exit(7))
print("ready", flush=True)
time.sleep(0.5)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
time.sleep(60)
"""
    child = Child("patient", [sys.executable, "-c", patient], tmp_path / "log", {})
    child.start()
    while not log_tail(tmp_path / "log"):
        time.sleep(0.01)
    hurry = threading.Event()
    hurry.set()
    child.stop(grace=60, hurry=hurry)
    assert child._process is not None
    assert child._process.returncode == 7


def test_an_ended_child_is_restarted_after_a_pause_that_grows(tmp_path: Path) -> None:
    now = [0.0]
    command = [sys.executable, "-c", "print('ran')"]
    child = Child("brief", command, tmp_path / "log", {}, clock=lambda: now[0])
    child.start()
    for pause in BACKOFF[:3]:
        assert child._process is not None
        child._process.wait()
        child.watch()
        restarts = child.restarts
        now[0] += pause - 0.1
        child.watch()
        assert child.restarts == restarts
        now[0] += 0.2
        child.watch()
        assert child.restarts == restarts + 1
    child.stop()
    assert log_tail(tmp_path / "log").splitlines()[:3] == ["ran"] * 3


def test_a_child_that_ran_long_starts_again_at_the_first_pause(tmp_path: Path) -> None:
    now = [0.0]
    child = Child("x", [sys.executable, "-c", ""], tmp_path / "log", {}, clock=lambda: now[0])
    child.start()
    child.restarts = 5
    assert child._process is not None
    child._process.wait()
    now[0] = 100.0
    child.watch()
    assert child.restarts == 0
    child.stop()


def test_the_tail_of_a_log_is_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert log_tail(log) == ""
    log.write_text("".join(f"line {n}\n" for n in range(100)), encoding="utf-8")
    assert log_tail(log, 2) == "line 98\nline 99"
