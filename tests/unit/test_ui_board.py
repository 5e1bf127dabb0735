"""The operator's page: the most urgent thing first, everything escaped, every handler guarded."""

import inspect
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from feedback.summary import ResponderSummary
from feedback.types import Completion, Counts
from serving.app import assemble
from serving.errors import Forbidden, Unauthorized
from serving.identity import OPERATOR_COOKIE, PERSON_COOKIE
from serving.records import Deployment, Hold, ReplicaReport
from serving.services import Services
from serving.ui import cycle_panels, lever_text, panels
from serving.ui.board import Board, health, offers, read_board, span
from serving.ui.operator import SECTIONS, OperatorPage
from serving.ui.operator_text import ENGLISH, KOREAN
from tests.serving_kit import Loop, config_for, database_in, publish

NASTY = "<script>alert('x')</script>&\""
NOW = 1_000_000.0
VOID = {"circle", "line", "rect", "path", "br"}


class Balanced(HTMLParser):
    """Fails on tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def check(name: str, passed: bool | None, **figures: Any) -> dict[str, Any]:
    return {"name": name, "passed": passed, "reason": NASTY, "figures": figures}


def cycle(**changes: Any) -> dict[str, Any]:
    interval = {"win_rate": 0.7, "low": 0.6, "high": 0.8, "wins": 14, "losses": 6}
    points = {"difference": 0.02, "low": -0.01, "high": 0.05, "questions": 100}
    checks = [
        check("judge", True),
        check(f"preferred to {NASTY}", None, **interval),
        check("as often right as rag", False, **points),
        check("preferred to base", None),
    ]
    stages = [
        {"name": "collect", "state": "done", "seconds": 0.4, "progress": 1.0, "detail": NASTY},
        {"name": "train", "state": "running", "seconds": 3.0, "progress": 0.4, "detail": NASTY},
    ]
    made = {
        "id": 3, "actor": NASTY, "state": "running", "stage": "train", "outcome": None,
        "reason": NASTY, "adapter": "ratchet-0003", "promoted": None, "created": NOW - 60,
        "dataset": {"hash": "abcdef0123"}, "stages": stages,
        "gate": {NASTY: {"decision": "pending", "reason": NASTY, "checks": checks}},
    }  # fmt: skip
    return made | changes


def board(**changes: Any) -> Board:
    said = {"actor": NASTY, "reason": NASTY}
    live = Deployment(2, "promotion", "ratchet-0002+rag", NASTY, NASTY, False, NOW - 7200, None, 1)
    replica = ReplicaReport("http://127.0.0.1:1", ("ratchet-0002",), True, NASTY, NOW)
    made = Board(
        now=NOW,
        live=live,
        previous=replace(live, id=1, responder="rag"),
        candidate=NASTY,
        candidate_adapter=None,
        held=None,
        replicas=(replica,),
        engines=1,
        counts=Counts(5, 2, 1, 9),
        votes=(ResponderSummary(NASTY, 3, 5, 4, 2, 0, 9),),
        cycles=(),
        history=(
            {"kind": "promotion", "at": NOW - 7200, "responder": NASTY, **said},
            {"kind": "hold", "at": NOW - 9000, **said},
        ),
    )
    return replace(made, **changes)


down = ReplicaReport("http://127.0.0.1:1", (), False, "connection refused", NOW)
held = Hold("waiting for documents", "kim", NOW - 120)
failed = cycle(state="done", outcome="failed", reason="train failed: killed.")
awaiting = cycle(state="done", outcome="awaiting", reason="Approve it.")


@pytest.mark.parametrize(
    ("changes", "tone", "title"),
    [
        ({}, "good", ENGLISH.fine[0]),
        ({"cycles": (cycle(),)}, "good", ENGLISH.running[0]),
        ({"cycles": (failed,)}, "wait", ENGLISH.cycle_failed[0]),
        ({"cycles": (awaiting,)}, "wait", ENGLISH.awaiting[0]),
        ({"held": held, "cycles": (failed,)}, "wait", ENGLISH.on_hold[0]),
        ({"engines": 2}, "wait", ENGLISH.partly[0]),
        ({"replicas": (down,), "held": held}, "bad", ENGLISH.down[0]),
        ({"replicas": ()}, "bad", ENGLISH.down[0]),
    ],
)
def test_one_glance_names_the_most_urgent_thing(
    changes: dict[str, Any], tone: str, title: str
) -> None:
    seen = health(board(**changes), ENGLISH)
    assert (seen.tone, seen.title) == (tone, title)
    assert "{" not in seen.text
    assert "{" not in health(board(**changes), KOREAN).text


def test_it_says_why_no_engine_answers() -> None:
    assert "connection refused" in health(board(replicas=(down,)), ENGLISH).text


@pytest.mark.parametrize("words", [ENGLISH, KOREAN], ids=["en", "ko"])
@pytest.mark.parametrize("cycles", [(), (cycle(), failed, awaiting)], ids=["none", "some"])
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_escaped_and_balanced(section: str, cycles: Any, words: Any) -> None:
    html = SECTIONS[section](board(cycles=cycles, held=replace(held, reason=NASTY)), words)
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert not parser.open
    assert "script" not in parser.tags
    assert "<script" not in html


def test_a_running_stage_shows_how_far_it_is_and_the_rest_waits() -> None:
    html = cycle_panels.cycle(cycle(), NOW, ENGLISH)
    assert "width:40%" in html
    assert html.count('class="waiting"') == len(cycle_panels.STAGES) - 2
    ended = cycle_panels.cycle(failed, NOW, ENGLISH)
    assert ENGLISH.states["left_out"] in ended


def test_the_gate_shows_each_check_and_draws_each_interval() -> None:
    html = cycle_panels.gate(cycle(), ENGLISH)
    assert html.count("<tr><th") == 4 + 1  # and the head of the table
    assert "70 % (60 % – 80 %)" in html
    assert "+2.0 (-1.0 – +5.0)" in html
    assert "Preferred to base" in html


def test_simulated_people_are_called_simulated() -> None:
    html = panels.votes(board().votes, ENGLISH)
    assert "2 simulated" in html
    assert "Votes given by simulated people: 2 of 5." in html
    assert "60 % (23 – 88 %)" in html
    real = (ResponderSummary("rag", 3, 5, 4, 0, 0, 9),)
    assert "simulated" not in panels.votes(real, ENGLISH)


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [(5, "5 s", "5초"), (65, "1 min", "1분"), (7_380, "2 h 3 min", "2시간 3분"), (0, "0 s", "0초"),
     (90_061, "1 d 1 h", "1일 1시간"), (-3, "0 s", "0초")],
)  # fmt: skip
def test_spans_of_time(seconds: float, english: str, korean: str) -> None:
    assert span(seconds, ENGLISH).replace("\N{NO-BREAK SPACE}", " ") == english
    assert span(seconds, KOREAN) == korean


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    database = database_in(tmp_path)
    yield assemble(config_for(tmp_path, "http://127.0.0.1:9"), database, Loop())
    database.dispose()


def test_the_board_is_read_from_the_real_tables(services: Services, tmp_path: Path) -> None:
    name = publish(services.registry, tmp_path)
    services.registry.promote(f"{name}+rag", reason="r", actor="a", force=True)
    services.registry.set_candidate(name)
    completion = Completion(
        id="c1", conversation="c", person="simulated-01", responder="rag", sampling={},
        messages=({"role": "user", "content": "q"},),
    )  # fmt: skip
    services.store.open_completion(completion)
    services.store.record_vote("c1", "simulated-01", True)
    seen = read_board(services)
    assert seen.live.responder == f"{name}+rag"
    assert seen.previous is not None
    assert seen.previous.responder == "rag"
    assert seen.candidate == name
    assert seen.votes[0].simulated == 1
    assert {o.responder: o.eligible for o in offers(services)} == {
        name: False, "rag": True, "base": False,
    }  # fmt: skip


def test_the_agent_is_offered_where_the_base_calls_tools(services: Services) -> None:
    assert "agent" not in {offer.responder for offer in offers(services)}
    calling = replace(services, config=replace(services.config, tool_parser="hermes"))
    assert {o.responder: o.eligible for o in offers(calling)} == {"agent": False, "base": False}
    services.registry.promote("agent", reason="r", actor="a", force=True)
    assert {o.responder: o.eligible for o in offers(calling)} == {"rag": True, "base": False}


def asking(services: Services, *cookies: str, language: str = "en") -> gr.Request:
    made = {
        PERSON_COOKIE: services.identity.new_person_cookie(),
        OPERATOR_COOKIE: services.identity.new_operator_cookie(),
    }
    header = "; ".join(f"{name}={made[name]}" for name in cookies)
    scope = {
        "type": "http", "method": "POST", "path": "/", "query_string": b"", "scheme": "http",
        "server": ("chat.example.com", 80), "client": ("10.0.0.9", 1),
        "headers": [(b"host", b"chat.example.com"), (b"cookie", header.encode()),
                    (b"accept-language", language.encode())],
    }  # fmt: skip
    from starlette.requests import Request

    return gr.Request(request=Request(scope), session_hash="tab")


def handlers(page: OperatorPage) -> list[tuple[str, Any]]:
    named = [
        (name, handler)
        for name, handler in inspect.getmembers(page, inspect.iscoroutinefunction)
        if name.startswith("on_")
    ]
    return [*named, *((f"lever {a}", page._asking(a)) for a in ("promote", "rollback", "hold"))]


async def called(handler: Any, request: gr.Request, **given: Any) -> Any:
    names = [n for n in inspect.signature(handler).parameters if n != "request"]
    return await handler(**{n: given.get(n) for n in names}, request=request)


@pytest.mark.parametrize("cookies", [(), (PERSON_COOKIE,)], ids=["nobody", "a person"])
async def test_every_handler_asks_for_the_operators_role(
    services: Services, cookies: tuple[str, ...]
) -> None:
    page = OperatorPage(services)
    page.build()
    request = asking(services, *cookies)
    seen = []
    for name, handler in handlers(page):
        seen.append(name)
        given = {"seen": {}, "name": "hold", "reason": "sabotage"}
        try:
            updates = await called(handler, request, **given)
        except (Forbidden, Unauthorized):
            continue
        assert all(updates[page.sections[section]] == "" for section in SECTIONS), name
        assert ENGLISH.forbidden in updates[page.said], name
    assert {"on_load", "on_look", "on_confirm", "on_cancel"} <= set(seen)
    assert services.registry.held() is None


async def test_an_operator_looks_holds_and_resumes(services: Services) -> None:
    page = OperatorPage(services)
    page.build()
    request = asking(services, OPERATOR_COOKIE)
    shown = await called(page.on_load, request)
    assert "rag" in shown[page.sections["cards"]]
    again = await called(page.on_look, request, seen=shown[page.seen])
    assert page.sections["gate"] not in again
    refused = await called(page.on_confirm, request, name="hold", reason="  ", seen={})
    assert lever_text.ENGLISH.reason_needed in refused[page.said]
    assert services.registry.held() is None
    await called(page.on_confirm, request, name="hold", reason="documents", seen={})
    holding = services.registry.held()
    assert holding is not None
    assert holding.reason == "documents"
    await called(page.on_confirm, request, name="resume", reason="they came", seen={})
    assert services.registry.held() is None


async def test_a_cycle_needs_no_reason_and_an_impossible_promotion_says_why(
    services: Services,
) -> None:
    page = OperatorPage(services)
    page.build()
    request = asking(services, OPERATOR_COOKIE, language="ko")
    started = await called(page.on_confirm, request, name="cycle", method="kto", seen={})
    assert lever_text.KOREAN.done["cycle"].format(number=1) in started[page.said]
    refused = await called(
        page.on_confirm, request, name="promote", responder="ratchet-9999", reason="r", seen={}
    )
    assert "ratchet-9999" in refused[page.said]
    assert services.registry.live() == "rag"
    nothing = await called(page._asking("rollback"), request)
    assert lever_text.KOREAN.nothing_below in nothing[page.said]


def test_reading_everything_is_quick(services: Services) -> None:
    started = time.thread_time()
    read_board(services)
    assert time.thread_time() - started < 1.0


def test_an_adapter_that_knew_a_forgotten_person_says_so_while_it_is_in_use() -> None:
    knew = board(knew_forgotten=frozenset({"ratchet-0002"}), candidate="ratchet-0004")
    assert panels.cards(knew, ENGLISH).count(ENGLISH.knew_forgotten) == 1
    assert ENGLISH.knew_forgotten not in panels.cards(board(), ENGLISH)
    assert KOREAN.knew_forgotten in panels.cards(knew, KOREAN)
