"""Adapters, aliases and the stack of deployments."""

from itertools import pairwise
from typing import Any

import pytest

from feedback.database import Database
from serving.errors import (
    LiveMoved,
    NotEligible,
    NothingToRollBack,
    PromotionHeld,
    UnknownResponder,
)
from serving.records import AdapterRecord
from serving.registry import Registry
from tests.serving_kit import BASE


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def registry(database: Database) -> Registry:
    return Registry(database, BASE, Clock())


def add(registry: Registry, **changes: Any) -> str:
    name = registry.next_adapter_name()
    fields: dict[str, Any] = {
        "name": name,
        "path": f"/adapters/{name}",
        "fingerprint": "f",
        "base_hash": registry.base_hash,
        "recipe": "kto",
        "dataset": "d",
        "cycle": "c1",
    }
    registry.add_adapter(AdapterRecord(**(fields | changes)))
    return name


def move(registry: Registry, responder: str) -> None:
    registry.promote(responder, reason="r", actor="a", force=True)


def test_a_new_base_starts_at_the_baseline(registry: Registry) -> None:
    deployment = registry.live_deployment()
    assert (registry.live(), registry.previous()) == ("rag", None)
    assert (deployment.actor, deployment.kind, deployment.below) == ("setup", "setup", None)
    assert len(registry.deployments()) == 1


def test_numbers_are_never_given_out_twice(database: Database, registry: Registry) -> None:
    assert [registry.next_adapter_name() for _ in range(2)] == ["ratchet-0001", "ratchet-0002"]
    assert Registry(database, "other-base").next_adapter_name() == "ratchet-0003"


def test_an_adapter_is_never_replaced(registry: Registry) -> None:
    name = add(registry, metrics={"loss": 0.5})
    assert registry.adapter(name) == registry.adapters()[0]
    assert registry.adapters()[0].metrics == {"loss": 0.5}
    record = registry.adapter(name)
    assert record is not None
    with pytest.raises(ValueError, match="exists"):
        registry.add_adapter(record)


def test_promotion_needs_a_passed_gate(registry: Registry) -> None:
    name = add(registry)
    with pytest.raises(NotEligible, match="force"):
        registry.promote(name, reason="r", actor="a")
    registry.record_decision("c1", name, {"decision": "pending"})
    assert not registry.passed(name)
    registry.record_decision("c1", name, {"decision": "promote", "checks": []})
    assert registry.passed(name)
    assert not registry.passed(f"{name}+rag")
    assert registry.promote(name, reason="better", actor="cycle").responder == name
    assert [d["decision"] for d in registry.decisions(name)] == ["pending", "promote"]
    assert len(registry.decisions()) == 2


def test_a_decision_of_earlier_is_checked_where_nobody_comes_in_between(
    registry: Registry,
) -> None:
    with pytest.raises(LiveMoved, match="rag is live, no longer base"):
        registry.promote("base", reason="r", actor="cycle", force=True, instead_of="base")
    registry.hold(reason="holiday", actor="ann")
    with pytest.raises(PromotionHeld, match="ann: holiday"):
        registry.promote("base", reason="r", actor="cycle", force=True, unless_held=True)
    assert registry.live() == "rag"
    registry.promote("base", reason="r", actor="ann", force=True, instead_of="rag")
    watched = registry.live_deployment().id
    registry.rollback(reason="r", actor="ann")
    with pytest.raises(LiveMoved, match="no longer"):
        registry.rollback(reason="worse", actor="watch", deployment=watched)


def test_the_last_decision_counts(registry: Registry) -> None:
    name = add(registry)
    registry.record_decision("c1", name, {"decision": "promote"})
    registry.record_decision("c2", name, {"decision": "reject"})
    with pytest.raises(NotEligible):
        registry.promote(name, reason="r", actor="a")


def test_what_was_live_before_may_come_back_without_force(registry: Registry) -> None:
    name = add(registry)
    move(registry, name)
    assert registry.promote("rag", reason="r", actor="a").responder == "rag"
    assert registry.promote(name, reason="r", actor="a").responder == name
    with pytest.raises(NotEligible):
        registry.promote("base", reason="r", actor="a")
    assert registry.promote("base", reason="r", actor="a", force=True).forced


@pytest.mark.parametrize("name", ["ratchet-0099", "ratchet-0099+rag", "nobody", "agent+rag"])
def test_nobody_unknown_is_promoted_even_by_force(registry: Registry, name: str) -> None:
    with pytest.raises(UnknownResponder):
        registry.promote(name, reason="r", actor="a", force=True)
    assert registry.live() == "rag"


def test_promote_pushes_and_rollback_pops(registry: Registry) -> None:
    first, second = add(registry), add(registry)
    move(registry, first)
    move(registry, f"{second}+rag")
    assert (registry.live(), registry.previous()) == (f"{second}+rag", first)
    assert registry.rollback(reason="r", actor="a").responder == first
    assert (registry.live(), registry.previous()) == (first, "rag")
    assert registry.rollback(reason="r", actor="a").responder == "rag"
    assert registry.previous() is None
    with pytest.raises(NothingToRollBack, match="'rag'"):
        registry.rollback(reason="r", actor="a")


def test_after_a_rollback_a_promotion_lies_on_what_is_live(registry: Registry) -> None:
    first, second = add(registry), add(registry)
    move(registry, first)
    registry.rollback(reason="r", actor="a")
    move(registry, second)
    assert (registry.live(), registry.previous()) == (second, "rag")


def test_promoting_what_is_live_changes_nothing(registry: Registry) -> None:
    name = add(registry)
    move(registry, name)
    before = registry.live_deployment()
    assert registry.promote(name, reason="again", actor="b") == before
    assert registry.previous() == "rag"


def test_exactly_one_deployment_is_open(registry: Registry) -> None:
    name = add(registry)
    for responder in (name, "rag", "base"):
        move(registry, responder)
    registry.rollback(reason="r", actor="a")
    rows = registry.deployments()
    assert [d.ended is None for d in rows] == [False] * (len(rows) - 1) + [True]
    for earlier, later in pairwise(rows):
        assert earlier.ended == later.started


def test_aliases_and_deployments_belong_to_a_base(database: Database, registry: Registry) -> None:
    name = add(registry)
    registry.set_candidate(name)
    move(registry, name)
    other = Registry(database, "other-base")
    assert (other.live(), other.previous(), other.candidate()) == ("rag", None, None)
    assert [a.name for a in other.adapters()] == [name]
    assert other.routes().adapters == ()
    with pytest.raises(UnknownResponder, match="another base"):
        other.promote(name, reason="r", actor="a", force=True)
    with pytest.raises(UnknownResponder, match="another base"):
        other.set_candidate(name)
    assert registry.live() == name


def test_wanted_is_what_may_be_asked(registry: Registry) -> None:
    one, two, three, four = (add(registry) for _ in range(4))
    move(registry, one)
    move(registry, f"{two}+rag")
    registry.set_candidate(three)
    registry.set_canary(f"{four}+rag", 0.2)
    assert set(registry.routes().adapters) == {one, two, three, four}
    routes = registry.routes()
    assert (routes.live, routes.previous) == (f"{two}+rag", one)
    assert routes.candidate == three
    assert routes.canary is not None
    assert routes.canary.share == 0.2
    registry.set_candidate(None)
    registry.set_canary(None)
    assert registry.candidate() is None
    assert registry.routes().canary is None
    assert set(registry.routes().adapters) == {one, two}


def test_a_candidate_must_exist(registry: Registry) -> None:
    with pytest.raises(UnknownResponder):
        registry.set_candidate("ratchet-0099")
    with pytest.raises(ValueError, match="share"):
        registry.set_canary("rag", 1.5)


def test_holding_and_resuming(registry: Registry) -> None:
    assert registry.held() is None
    registry.hold(reason="release week", actor="ann")
    registry.hold(reason="still", actor="bob")
    held = registry.held()
    assert held is not None
    assert (held.reason, held.actor) == ("still", "bob")
    registry.resume(reason="done", actor="ann")
    assert registry.held() is None
    registry.resume(reason="again", actor="ann")


def test_history_is_one_line_of_time(registry: Registry) -> None:
    name = add(registry)
    registry.live()
    move(registry, name)
    registry.hold(reason="h", actor="a")
    registry.rollback(reason="worse", actor="watch")
    registry.resume(reason="ok", actor="a")
    assert [event["kind"] for event in registry.history()] == [
        "resume",
        "rollback",
        "hold",
        "promotion",
        "setup",
    ]
    assert registry.history()[1]["reason"] == "worse"
    assert registry.history()[1]["actor"] == "watch"


def test_replicas_are_believed_only_for_a_while(database: Database) -> None:
    clock = Clock()
    registry = Registry(database, BASE, clock)
    assert not registry.reports.loaded_everywhere("ratchet-0001")
    registry.reports.write("http://a", ["ratchet-0001", "base-null"], True, "ready")
    registry.reports.write("http://b", ["ratchet-0001"], True, "ready")
    assert registry.reports.loaded_everywhere("ratchet-0001")
    assert not registry.reports.loaded_everywhere("base-null")
    registry.reports.write("http://b", [], False, "restarted")
    assert registry.reports.loaded_everywhere("base-null")
    registry.reports.write("http://b", [], True, "ready")
    assert not registry.reports.loaded_everywhere("ratchet-0001")
    registry.reports.keep(["http://a"])
    assert [r.url for r in registry.reports.latest()] == ["http://a"]
    clock.now += 60
    assert registry.reports.latest() == []
    assert not registry.reports.loaded_everywhere("ratchet-0001")


def test_two_promotions_at_once_both_count(database: Database, registry: Registry) -> None:
    from concurrent.futures import ThreadPoolExecutor

    names = [add(registry) for _ in range(6)]
    registry.live()

    def go(name: str) -> None:
        Registry(database, BASE).promote(name, reason="r", actor="a", force=True)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(go, names))
    order = [d.responder for d in registry.deployments()][1:]
    assert sorted(order) == sorted(names)
    for expected in [*reversed(order[:-1]), "rag"]:
        assert registry.rollback(reason="r", actor="a").responder == expected


def test_a_promotion_that_fails_half_way_changes_nothing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = add(registry)
    registry.live()
    from serving import stack

    def dies(*_: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(stack, "entry", dies)
    with pytest.raises(RuntimeError):
        move(registry, name)
    monkeypatch.undo()
    assert registry.live() == "rag"
    assert len(registry.deployments()) == 1
