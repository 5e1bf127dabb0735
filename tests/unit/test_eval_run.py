"""The evaluation against a small service over ASGI, and the gate broken on purpose."""

import asyncio
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from eval.contest import Contest, EvalSettings, Jury, Progress
from eval.evidence import Evidence
from eval.gate import Decision, GateRules, choose, decide
from eval.run import evaluate
from eval.stats import JudgeCheck, error_levels
from eval.subjects import Answer, Subject, retry_after
from eval.suite import Message, Sample, Suite, suite_of

GOOD_JUDGE = JudgeCheck(liked=60, liked_right=54, disliked=60, disliked_right=54)
ADAPTER, WITH_RAG = "ratchet-0002", "ratchet-0002+rag"


@dataclass
class Service:
    """Speaks the protocol: each responder is right and cites with its own probabilities."""

    right: dict[str, float] = field(default_factory=dict)
    cites: dict[str, float] = field(default_factory=dict)
    reply: Callable[["Service", str, int], tuple[int, object, dict[str, str]] | None] | None = None
    asked: list[tuple[str, float]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    most_at_once: int = 0
    _at_once: int = 0
    _random: random.Random = field(default_factory=lambda: random.Random(7))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = json.loads((await receive())["body"])
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self.keys.add(dict(scope["headers"]).get(b"authorization", b"").decode())
        status, content, headers = self._answer(body)
        self._at_once -= 1
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        raw = [(k.encode(), v.encode()) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": payload})

    def _answer(self, body: dict[str, object]) -> tuple[int, object, dict[str, str]]:
        name, number = str(body["model"]), len(self.asked)
        self.asked.append((name, float(str(body["temperature"]))))
        special = self.reply(self, name, number) if self.reply else None
        if special is not None:
            return special
        value = "3 days" if self._random.random() < self.right.get(name, 1.0) else "99 days"
        article = " (Article 4)" if self._random.random() < self.cites.get(name, 0.3) else ""
        return 200, spoken(name, f"It is {value}{article}.", number), {}


def spoken(name: str, text: str, number: int = 0) -> dict[str, object]:
    return {"id": f"c{number}", "model": name, "choices": [{"message": {"content": text}}]}


@dataclass
class LikesCitations:
    """A judge with a taste; `of` can bend its scores."""

    of: Callable[[float], float] = lambda score: score
    calls: int = 0

    def score(self, answers: list[tuple[Sequence[Message], str]]) -> list[float]:
        self.calls += 1
        return [self.of(0.9 if "Article" in text else 0.1) for _, text in answers]


def questions(count: int = 120) -> Suite:
    return suite_of(
        Sample(
            f"q{n:04}",
            (Message(role="user", content=f"{n}?"),),
            "en",
            "fact",
            "3 days",
            "Article 4",
        )
        for n in range(count)
    )


def contest(*candidates: str, live: str = "rag", history: Sequence[bool] = ()) -> Contest:
    candidates = candidates or (ADAPTER, WITH_RAG)
    levels = dict(zip(candidates, error_levels(history, 0.05, len(candidates)), strict=True))
    return Contest(candidates, live, levels)


async def run(
    service: Service,
    match: Contest | None = None,
    suite: Suite | None = None,
    jury: Jury | None = None,
    **changes: int,
) -> Evidence:
    settings = replace(EvalSettings(), **changes)
    transport = httpx.ASGITransport(app=service)

    async def no_sleep(_: float) -> None: ...

    async with Subject("http://ratchet", "key", transport=transport, sleep=no_sleep) as subject:
        return await evaluate(
            match or contest(),
            questions() if suite is None else suite,
            subject,
            jury or Jury(LikesCitations(), GOOD_JUDGE),
            settings,
            clock=lambda: 100.0,
        )


def decisions(evidence: Evidence) -> dict[str, Decision]:
    return {name: decide(one) for name, one in evidence.candidates.items()}


BETTER = {ADAPTER: 0.95, WITH_RAG: 0.95}


async def test_a_better_candidate_is_promoted_and_the_cheaper_one_chosen() -> None:
    service = Service(cites=BETTER)
    found = decisions(await run(service))
    assert {d.decision for d in found.values()} == {"promote"}
    assert choose(found.values()) == ADAPTER
    assert service.keys == {"Bearer key"}
    assert 1 < service.most_at_once <= 16


async def test_evidence_survives_json_and_decides_the_same() -> None:
    evidence = await run(Service(cites=BETTER))
    again = Evidence.from_json(json.loads(json.dumps(evidence.to_json(), allow_nan=False)))
    assert again == evidence
    assert decisions(again) == decisions(evidence)
    assert json.dumps([d.to_json() for d in decisions(evidence).values()], allow_nan=False)


async def test_live_and_baseline_are_asked_once_where_they_are_the_same() -> None:
    service = Service(cites=BETTER)
    evidence = await run(service)
    assert Counter(service.asked)["rag", 0.0] == 120
    assert list(evidence.candidates[ADAPTER].preference) == ["rag"]
    drawn = len(evidence.prompts)
    assert Counter(service.asked)["rag", 1.0] == drawn
    assert 24 <= drawn <= 72


async def test_both_opponents_must_be_beaten() -> None:
    service = Service(cites={**BETTER, "rag": 0.95})
    evidence = await run(service, contest(live="ratchet-0001"))
    against = evidence.candidates[ADAPTER].preference
    assert against["ratchet-0001"].ended == "won"
    assert against["rag"].ended in ("hopeless", "exhausted")
    assert {d.decision for d in decisions(evidence).values()} == {"pending"}


async def test_comparisons_end_with_the_prompts_that_are_allowed() -> None:
    service = Service()
    evidence = await run(service, contest(ADAPTER), max_prompts=20)
    assert evidence.candidates[ADAPTER].preference["rag"].ended == "exhausted"
    assert len(evidence.prompts) == evidence.candidates[ADAPTER].preference["rag"].prompts == 20


async def test_answers_to_reference_questions_are_paid_for_once() -> None:
    service, cache = Service(cites=BETTER), dict[str, dict[str, object]]()
    transport = httpx.ASGITransport(app=service)
    found = []
    async with Subject("http://ratchet", "key", transport=transport) as subject:
        for _ in range(2):
            match = replace(contest(ADAPTER), index_version="v1")
            jury = Jury(LikesCitations(), GOOD_JUDGE)
            stored = json.loads(json.dumps(cache))
            found.append(await evaluate(match, questions(40), subject, jury, cache=stored))
            cache = stored
    assert Counter(service.asked)["rag", 0.0] == 40
    assert Counter(service.asked)[ADAPTER, 0.0] == 40
    assert found[0].rates == found[1].rates
    assert len(cache) == 2
    assert all("v1" in key and questions(40).hash in key for key in cache)


async def test_guards_are_asked_reference_questions_only() -> None:
    service = Service(cites=BETTER, right={ADAPTER: 0.7})
    match = replace(contest(ADAPTER), guards=("base", ADAPTER))
    evidence = await run(service, match)
    assert {t for n, t in service.asked if n == "base"} == {0.0}
    assert evidence.candidates[ADAPTER].guards == ("base",)
    checks = {c.name: c.passed for c in decide(evidence.candidates[ADAPTER]).checks}
    assert checks["as often right as base"] is False


async def test_progress_counts_up_to_its_total() -> None:
    seen: list[Progress] = []
    async with Subject(
        "http://r", "k", transport=httpx.ASGITransport(app=Service(cites=BETTER))
    ) as s:
        jury = Jury(LikesCitations(), GOOD_JUDGE)
        await evaluate(contest(ADAPTER), questions(40), s, jury, on_progress=seen.append)
    reference = [p for p in seen if p.stage == "reference"]
    assert [p.done for p in reference] == [16, 32, 48, 64, 80]
    assert reference[-1].total == 80
    assert seen[-1].done == seen[-1].total
    assert "ratchet-0002 against rag: " in seen[-1].detail


# The gate, broken on purpose.


async def test_a_candidate_that_is_live_is_never_promoted() -> None:
    evidence = await run(Service(), contest("rag"))
    assert decisions(evidence)["rag"].decision == "reject"
    assert not decisions(evidence)["rag"].spent


@pytest.mark.parametrize("seed", range(5))
async def test_a_candidate_that_answers_like_live_is_not_promoted(seed: int) -> None:
    evidence = await run(Service(_random=random.Random(seed)), seed=seed)
    assert {d.decision for d in decisions(evidence).values()} <= {"pending", "reject"}


async def test_a_worse_candidate_is_rejected_soon() -> None:
    service = Service(cites={"rag": 0.95, ADAPTER: 0.1})
    evidence = await run(service, contest(ADAPTER))
    assert decisions(evidence)[ADAPTER].decision == "reject"
    assert "rag is preferred" in decisions(evidence)[ADAPTER].reason
    assert len(evidence.prompts) <= 48


async def test_a_flatterer_that_is_less_often_right_is_rejected_unasked() -> None:
    service = Service(cites=BETTER, right={ADAPTER: 0.7})
    evidence = await run(service, contest(ADAPTER))
    decision = decisions(evidence)[ADAPTER]
    assert decision.decision == "reject"
    assert "lower by more than 5 points" in decision.reason
    assert not decision.spent
    assert not evidence.prompts


@pytest.mark.parametrize(
    "check",
    [
        None,
        JudgeCheck(60, 60, 60, 0),  # constant
        JudgeCheck(60, 4, 60, 4),  # reversed
        JudgeCheck(2, 2, 2, 2),  # perfect on next to nothing
        JudgeCheck(200, 126, 200, 126),  # 63 %, surely above 59 % only
    ],
)
async def test_nothing_wins_by_a_judge_that_is_not_usable(check: JudgeCheck | None) -> None:
    judge = LikesCitations()
    evidence = await run(Service(cites=BETTER), jury=Jury(judge, check))
    assert {d.decision for d in decisions(evidence).values()} == {"pending"}
    assert not any(d.spent for d in decisions(evidence).values())
    assert not judge.calls


async def test_nothing_wins_without_a_judge_whatever_its_check_says() -> None:
    evidence = await run(Service(cites=BETTER), jury=Jury(None, GOOD_JUDGE))
    assert {d.decision for d in decisions(evidence).values()} == {"pending"}


@pytest.mark.parametrize("score", [0.5, 0.0, 1.0])
async def test_nothing_wins_by_a_judge_that_turned_constant(score: float) -> None:
    evidence = await run(
        Service(cites=BETTER), jury=Jury(LikesCitations(lambda _: score), GOOD_JUDGE)
    )
    assert {d.decision for d in decisions(evidence).values()} == {"pending"}
    assert evidence.candidates[ADAPTER].preference["rag"].ties > 0


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, 1.5])
async def test_nothing_wins_by_scores_that_are_no_probabilities(score: float) -> None:
    judge = LikesCitations(lambda s: score if s > 0.5 else s)
    evidence = await run(Service(cites=BETTER), jury=Jury(judge, GOOD_JUDGE))
    assert {d.decision for d in decisions(evidence).values()} == {"pending"}
    assert "no usable score" in decisions(evidence)[ADAPTER].reason
    assert judge.calls == 1


async def test_a_judge_that_was_reversed_after_its_check_cannot_promote_the_better_one() -> None:
    evidence = await run(
        Service(cites=BETTER), jury=Jury(LikesCitations(lambda s: 1 - s), GOOD_JUDGE)
    )
    assert {d.decision for d in decisions(evidence).values()} == {"reject"}


async def test_a_judge_that_loses_scores_stops_the_evaluation() -> None:
    class Short(LikesCitations):
        def score(self, answers: list[tuple[Sequence[Message], str]]) -> list[float]:
            return super().score(answers)[1:]

    with pytest.raises(ValueError, match="scores for"):
        await run(Service(cites=BETTER), jury=Jury(Short(), GOOD_JUDGE))


def failing_for(name: str) -> Service:
    def reply(service: Service, asked: str, _: int) -> tuple[int, object, dict[str, str]] | None:
        fails = asked == name and sum(one == name for one, _ in service.asked) % 2
        return (500, {"error": {"message": "boom"}}, {}) if fails else None

    return Service(cites=BETTER, reply=reply)


@pytest.mark.parametrize("name", [ADAPTER, "rag"])
async def test_half_the_requests_failing_proves_nothing(name: str) -> None:
    evidence = await run(failing_for(name), contest(ADAPTER))
    decision = decisions(evidence)[ADAPTER]
    assert decision.decision == "pending"
    assert "failed (500: boom)" in decision.reason
    assert not evidence.prompts  # and nothing more was paid for


async def test_a_candidate_whose_wrong_answers_fail_gains_nothing() -> None:
    def reply(_: Service, name: str, number: int) -> tuple[int, object, dict[str, str]] | None:
        return (502, b"<html>", {}) if name == ADAPTER and number % 3 else None

    service = Service(cites=BETTER, right={ADAPTER: 0.3}, reply=reply)
    assert decisions(await run(service, contest(ADAPTER)))[ADAPTER].decision == "pending"


async def test_failures_that_begin_with_the_comparisons_prove_nothing() -> None:
    def reply(
        service: Service, name: str, number: int
    ) -> tuple[int, object, dict[str, str]] | None:
        late = service.asked[-1][1] > 0 and name == ADAPTER
        return (500, {"error": {"message": "boom"}}, {}) if late else None

    evidence = await run(Service(cites=BETTER, reply=reply), contest(ADAPTER), questions(40))
    assert decisions(evidence)[ADAPTER].decision == "pending"
    assert evidence.candidates[ADAPTER].preference["rag"].ended == "failing"
    assert evidence.candidates[ADAPTER].preference["rag"].failed == 24


async def test_a_service_that_is_gone_proves_nothing_and_is_left_alone() -> None:
    service = Service(
        reply=lambda *_: (503, {"error": {"message": "loading"}}, {"Retry-After": "9"})
    )
    evidence = await run(service)
    assert {d.decision for d in decisions(evidence).values()} == {"pending"}
    assert len(service.asked) <= (32 + 16) * 6


async def test_answers_under_another_name_prove_nothing() -> None:
    def reply(_: Service, name: str, number: int) -> tuple[int, object, dict[str, str]] | None:
        return (200, spoken("base", "It is 3 days (Article 4)."), {}) if number == 7 else None

    evidence = await run(Service(cites=BETTER, reply=reply), contest(ADAPTER))
    decision = decisions(evidence)[ADAPTER]
    assert decision.decision == "pending"
    assert "base answered" in decision.reason


async def test_an_empty_suite_proves_nothing() -> None:
    evidence = await run(Service(cites=BETTER), suite=suite_of([]))
    assert {d.decision for d in decisions(evidence).values()} == {"pending"}
    assert "add questions to the suite" in decisions(evidence)[ADAPTER].reason


async def test_a_suite_without_reference_questions_cannot_promote() -> None:
    taste = suite_of(replace(sample, kind="open", value=None) for sample in questions(50).samples)
    evidence = await run(Service(cites=BETTER), suite=taste)
    assert {d.decision for d in decisions(evidence).values()} == {"pending"}


async def test_too_few_reference_questions_leave_it_open() -> None:
    evidence = await run(Service(cites=BETTER), contest(ADAPTER), questions(20))
    decision = decisions(evidence)[ADAPTER]
    assert decision.decision == "pending"
    assert "too few to rule out" in decision.reason


# The subject by itself.


async def asked(reply: object, *, times: int = 1, naps: list[float] | None = None) -> list[Answer]:
    transport = httpx.ASGITransport(app=Service(reply=reply))  # type: ignore[arg-type]
    slept = [] if naps is None else naps

    async def nap(seconds: float) -> None:
        slept.append(seconds)

    async with Subject("http://ratchet", "key", transport=transport, sleep=nap) as subject:
        prompts = [[Message(role="user", content="?")]] * times
        return await subject.ask("rag", prompts, temperature=0.0, streams=2)


async def test_a_busy_service_is_asked_again_after_the_pause_it_wants() -> None:
    def reply(_: Service, name: str, number: int) -> tuple[int, object, dict[str, str]] | None:
        return (503, {}, {"Retry-After": "2.5"}) if number < 2 else None

    naps: list[float] = []
    (answer,) = await asked(reply, naps=naps)
    assert answer.ok
    assert naps == [2.5, 2.5]


@pytest.mark.parametrize(
    ("header", "pause"),
    [(None, 1.0), ("soon", 1.0), ("nan", 1.0), ("-3", 0.0), ("3", 3.0), ("3600", 10.0)],
)
def test_a_pause_is_bounded(header: str | None, pause: float) -> None:
    assert retry_after(header) == pause


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"<html>", "unreadable reply"),
        ({"id": "a", "model": "rag", "choices": []}, "unreadable reply"),
        ([], "unreadable reply"),
        ({"id": "a", "model": "rag", "choices": [{"message": {"content": None}}]}, "is None"),
    ],
)
async def test_an_unreadable_reply_is_a_failure(content: object, word: str) -> None:
    (answer,) = await asked(lambda *_: (200, content, {}))
    assert not answer.ok
    assert word in str(answer.error)


async def test_a_refusal_is_not_asked_again() -> None:
    naps: list[float] = []
    (answer,) = await asked(lambda *_: (401, {"error": {"message": "no key"}}, {}), naps=naps)
    assert answer.error == "401: no key"
    assert not naps


async def test_no_connection_is_a_failure_after_some_tries() -> None:
    calls = 0

    def refuse(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        raise httpx.ConnectError("refused", request=request)

    async def nap(_: float) -> None: ...

    async with Subject(
        "http://r", "k", transport=httpx.MockTransport(refuse), sleep=nap
    ) as subject:
        prompts = [[Message(role="user", content="?")]] * 100
        answers = await subject.ask("rag", prompts, temperature=0.0, streams=4)
    assert not any(answer.ok for answer in answers)
    assert "no connection" in str(answers[0].error)
    assert "not asked" in str(answers[-1].error)
    assert calls <= (32 + 4) * 6


async def test_a_reply_that_does_not_come_is_a_failure_at_once() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    async with Subject("http://r", "k", transport=httpx.MockTransport(silent)) as subject:
        (answer,) = await subject.ask("rag", [[Message(role="user", content="?")]], temperature=0.0)
    assert answer.error == "ReadTimeout: too slow"


def test_the_rules_of_the_gate_are_the_default_of_a_contest() -> None:
    assert contest().rules == GateRules()
