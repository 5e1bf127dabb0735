"""The benchmark of replicas: which broken stream it puts down to a kill."""

import os
import time
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import replicas
from benchmarks.replicas import Run, Seen


def seen(began: float, ended: float, end: str = "engine_cut") -> Seen:
    return Seen(began, ended, "chatcmpl-1", "rag", "", end)


def test_only_a_stream_that_ran_during_a_kill_may_end_early() -> None:
    run = Run(kills=[(10.0, 10.1)])
    touched = [seen(8, 10), seen(9, 30), seen(10.1, 11)]
    others = [seen(8, 9.9), seen(10.2, 11)]
    run.seen += [*touched, *others, seen(20, 21, "whole")]
    assert (run.early(), run.other()) == (touched, others)


def test_a_kill_begins_when_processes_are_killed_and_not_when_they_are_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []

    def clock() -> float:
        done.append("clock")
        return float(len(done))

    def members(group: int) -> set[int]:
        done.append("look")
        return {group, 1}

    monkeypatch.setattr(time, "monotonic", clock)
    monkeypatch.setattr(os, "kill", lambda pid, signal: done.append(f"kill {pid}"))
    monkeypatch.setattr(replicas, "group_members", members)
    monkeypatch.setattr(replicas, "ready", lambda operator: set())
    monkeypatch.setattr(replicas, "wait_until_ready", lambda operator, urls: None)
    run, engine = Run(), SimpleNamespace(group=7, url="http://engine")
    nobody: Any = None
    replicas.kill(run, engine, nobody, [])  # type: ignore[arg-type]
    assert done[:4] == ["look", "clock", "kill 1", "clock"]
    assert run.kills == [(2.0, 4.0)]
