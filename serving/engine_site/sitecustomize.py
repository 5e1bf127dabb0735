"""Loaded by every Python that the engine starts: it dies when its parent does, however that dies.

vLLM's engine core watches nobody: kill the API server and the core lives on, holding its memory.
The kernel can watch for us: a process with this mark is killed when the thread that started it
ends.

Invariant: only vLLM's server and what multiprocessing spawns is marked, since those are started by
threads that live as long as their process does. Nothing is imported here but the standard library.
"""

import ctypes
import importlib.machinery
import importlib.util
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getpgid(os.getppid()) != os.getpgrp():
        # The parent, always of our group, was gone before the mark was set: nothing will ever come.
        os._exit(1)


def _is_engine() -> bool:
    words = " ".join(sys.orig_argv)
    guard = "serving.engine_guard" in words
    return not guard and ("vllm.entrypoints" in words or "multiprocessing" in words)


def _run_the_one_behind() -> None:
    """Run the sitecustomize that this one hides, if the installation has one."""
    here = os.path.dirname(os.path.abspath(__file__))
    path = [entry for entry in sys.path if os.path.abspath(entry) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if _is_engine():
    _die_with_parent()
    os.register_at_fork(after_in_child=_die_with_parent)
_run_the_one_behind()
