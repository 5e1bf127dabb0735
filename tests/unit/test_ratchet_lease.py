"""The lease: one leader, in one process or in two, and a dead one is replaced."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import ratchet.tables  # noqa: F401
from feedback.database import Database
from ratchet.lease import Lease, LeaseLost, holder_id, is_dead

ROOT = Path(__file__).parents[2]

# Tries to lead, says so, and holds on until it is killed.
CONTENDER = """
import sys, time
from feedback.database import Database
from ratchet.lease import Lease, holder_id
lease = Lease(Database(sys.argv[1]), holder_id())
print("led" if lease.acquire() else "waits", flush=True)
time.sleep(60)
"""


def start(database: Database) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CONTENDER, database.url], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_two_processes_one_leads_and_a_killed_leader_is_replaced_at_once(
    database: Database,
) -> None:
    contenders = [start(database), start(database)]
    try:
        words = [said(process) for process in contenders]
        assert sorted(words) == ["led", "waits"]
        mine = Lease(database, holder_id())
        assert not mine.acquire()
        leader = contenders[words.index("led")]
        leader.kill()
        leader.wait()
        assert mine.acquire()
    finally:
        for process in contenders:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def test_a_lease_from_elsewhere_is_taken_only_when_it_has_expired(database: Database) -> None:
    now = [1000.0]
    there = Lease(database, "elsewhere/1/1.00", clock=lambda: now[0])
    here = Lease(database, holder_id(), clock=lambda: now[0])
    assert there.acquire()
    now[0] += 19
    assert not here.acquire()
    now[0] += 2
    assert here.acquire()
    with pytest.raises(LeaseLost, match="elsewhere"):
        there.renew()
    assert there.lost()


def test_the_heartbeat_keeps_it_and_leaving_gives_it_back(database: Database) -> None:
    lease = Lease(database, "elsewhere/1/1.00", expires_after=0.4)
    other = Lease(database, "elsewhere/2/2.00", expires_after=0.4)
    assert lease.acquire()
    with lease:
        time.sleep(0.8)
        assert not other.acquire()
        assert not lease.lost()
    assert other.acquire()


def test_a_leader_that_lost_it_learns_so_and_leaves_it_to_the_other(database: Database) -> None:
    lease = Lease(database, "elsewhere/1/1.00", expires_after=0.2)
    other = Lease(database, "elsewhere/2/2.00", clock=lambda: time.time() + 60)
    assert lease.acquire()
    with lease:
        assert other.acquire()
        deadline = time.monotonic() + 5
        while not lease.lost() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert lease.lost()
    other.renew()


def test_only_a_process_of_this_machine_can_be_known_to_be_dead() -> None:
    assert not is_dead(holder_id())
    assert not is_dead("elsewhere/1/1.00")
    assert not is_dead("nonsense")
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    host = holder_id().split("/", maxsplit=1)[0]
    assert is_dead(f"{host}/{ended.pid}/1.00")
