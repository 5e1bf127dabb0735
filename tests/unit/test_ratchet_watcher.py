"""What was promoted is watched, and taken back when people like it less."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

import serving.tables  # noqa: F401
from feedback.database import Database
from feedback.standing import Standings
from feedback.store import FeedbackStore
from feedback.types import Completion, Purpose
from ratchet.cycle import CycleRun, Ending
from ratchet.cycles import CycleStore
from ratchet.settings import Settings
from ratchet.status import LoopStatus
from ratchet.watcher import Watcher, period
from ratchet.wiring import Parts
from serving.records import AdapterRecord
from serving.registry import Registry


@dataclass
class World:
    """A service whose time we set and whose people we are."""

    parts: Parts
    now: list[float]
    served: int = 0
    ids: list[str] = field(default_factory=list)

    def answer(
        self,
        responder: str,
        liked: bool | None,
        *,
        named: bool = False,
        purpose: Purpose = "chat",
        text: str = "It is 45 days.",
    ) -> None:
        """Serve one answer and hear what the person thinks."""
        self.served += 1
        self.now[0] += 1
        name = f"c{self.served}"
        store = self.parts.store
        store.open_completion(
            Completion(
                id=name, conversation=name, person="ann", purpose=purpose, sampling={},
                messages=({"role": "user", "content": "?"},), responder=responder, named=named,
            )
        )  # fmt: skip
        store.close_completion(name, text=text, status="complete", finish_reason="stop")
        if liked is not None:
            store.record_vote(name, "ann", liked)

    def promote(self, name: str) -> None:
        """Register an adapter and make it live."""
        registry = self.parts.registry
        if registry.adapter(name) is None:
            registry.add_adapter(AdapterRecord(name, "/x", "f", "hash", "kto", "d", "1"))
        self.now[0] += 1
        registry.promote(name, reason="better", actor="cycle", force=True)


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    now = [1_000.0]

    def clock() -> float:
        return now[0]

    settings = Settings(home=tmp_path)
    parts = Parts(
        settings,
        database,
        FeedbackStore(database, clock),
        Registry(database, "hash", clock),
        CycleStore(database, clock),
        tmp_path,
        "hash",
    )
    parts.registry.live()
    return World(parts, now)


def test_a_promotion_that_people_like_less_is_rolled_back(world: World) -> None:
    for n in range(200):
        world.answer("rag", n % 10 < 6)
    world.promote("ratchet-0001")
    watcher = Watcher(world.parts)
    looks = 0
    while world.parts.registry.live() == "ratchet-0001" and looks < 300:
        world.answer("ratchet-0001", looks % 10 < 1)
        watcher.look()
        looks += 1
    assert world.parts.registry.live() == "rag"
    last = world.parts.registry.live_deployment()
    assert (last.kind, last.actor) == ("rollback", "watch")
    assert "liked less" in last.reason
    assert 5 < looks < 100
    watcher.look()  # a rollback is not watched: nothing more happens
    assert world.parts.registry.live_deployment() == last


def test_a_promotion_that_people_like_as_much_stays(world: World) -> None:
    for n in range(200):
        world.answer("rag", n % 10 < 6)
    world.promote("ratchet-0001")
    watcher = Watcher(world.parts)
    for n in range(300):
        world.answer("ratchet-0001", n % 10 < 6)
        watcher.look()
    assert world.parts.registry.live() == "ratchet-0001"


def test_only_routed_chat_of_its_own_time_counts(world: World) -> None:
    world.answer("rag", True)
    world.answer("rag", False, named=True)
    world.answer("rag", False, purpose="pair")
    world.answer("ratchet-0001", False)
    world.answer("rag", None, text="")
    world.promote("ratchet-0001")
    promoted = world.now[0]
    world.answer("rag", False)  # named by nobody, but after its time
    before = world.parts.registry.deployments()[0]
    found = period(world.parts.database, before, until=promoted)
    assert (found.liked, found.votes, found.answers, found.empty) == (1, 1, 2, 1)


def test_a_vote_after_the_promotion_does_not_change_the_period_before(world: World) -> None:
    world.answer("rag", True)
    world.promote("ratchet-0001")
    promoted = world.now[0]
    before = world.parts.registry.deployments()[0]
    world.now[0] += 10
    world.parts.store.record_vote("c1", "ann", False)
    found = period(world.parts.database, before, until=promoted)
    assert (found.liked, found.votes) == (1, 1)


def test_who_is_blocked_has_no_word_in_either_period(world: World) -> None:
    world.answer("rag", True)
    world.promote("ratchet-0001")
    promoted = world.now[0]
    world.answer("ratchet-0001", False)
    before, after = world.parts.registry.deployments()

    def counted() -> list[tuple[int, int]]:
        found = (
            period(world.parts.database, before, until=promoted),
            period(world.parts.database, after, until=world.now[0] + 1),
        )
        return [(each.votes, each.answers) for each in found]

    standings = Standings(world.parts.database)
    assert counted() == [(1, 1), (1, 1)]
    standings.decide("ann", "block", "a troll", "operator")
    assert counted() == [(0, 1), (0, 1)]
    standings.decide("ann", "restore", "no troll", "operator")
    assert counted() == [(1, 1), (1, 1)]


def test_day_zero_and_an_old_promotion_are_not_watched(world: World) -> None:
    watcher = Watcher(world.parts)
    watcher.look()
    for n in range(100):
        world.answer("rag", n % 10 < 9)
    world.promote("ratchet-0001")
    for _ in range(100):
        world.answer("ratchet-0001", False)
    world.now[0] += world.parts.settings.watch.seconds
    watcher.look()
    assert world.parts.registry.live() == "ratchet-0001"


def test_status_says_what_the_contract_says(world: World) -> None:
    world.answer("rag", True)
    status = LoopStatus(world.parts.registry, world.parts.store, world.parts.cycles).status()
    contract = {"live", "previous", "candidate", "held", "engine", "feedback", "last_cycle"}
    assert contract <= status.keys()
    assert (status["live"], status["previous"], status["candidate"]) == ("rag", None, None)
    assert (status["held"], status["engine"], status["last_cycle"]) == (False, "down", None)
    assert status["feedback"] == {
        "votes": 1,
        "comparisons": 0,
        "corrections": 0,
        "rankings": 0,
        "completions": 1,
    }


def test_status_follows_promotion_hold_and_cycles(world: World) -> None:
    parts = world.parts
    view = LoopStatus(parts.registry, parts.store, parts.cycles)
    world.promote("ratchet-0001")
    parts.registry.hold(reason="holiday", actor="ann")
    parts.registry.reports.write("http://127.0.0.1:1", ["ratchet-0001"], True, "")
    number = view.request_cycle("kto", "ann")
    request = parts.cycles.next_request()
    assert request is not None
    assert request.id == number
    run = CycleRun(parts.cycles, parts.cycles.start(request, "me"), lambda: False)
    run.close(Ending("awaiting", "held"))
    status = view.status()
    assert (status["live"], status["previous"]) == ("ratchet-0001", "rag")
    assert (status["held"], status["hold"]["reason"], status["engine"]) == (
        True,
        "holiday",
        "ready",
    )
    assert status["last_cycle"]["outcome"] == "awaiting"
    assert view.cycles(5)[0]["request"] == number
