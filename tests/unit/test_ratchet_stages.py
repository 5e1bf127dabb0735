"""The real stages with a real database and library, without engine, training or judge."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import serving.tables  # noqa: F401
from eval.evidence import CandidateEvidence, Evidence, Paired, Preference
from eval.run import cache_key
from eval.stats import JudgeCheck
from eval.suite import load_suite
from feedback.consent import OUTDATED, REFUSED, UNASKED, Consents
from feedback.database import Database
from feedback.rankings import Rankings
from feedback.standing import Standings
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, Ranking
from feedback.uses import Uses
from ratchet import base_model, heard, learn, prove
from ratchet.client import ServiceMissing
from ratchet.cycle import CycleRun, Ending
from ratchet.cycles import CycleStore
from ratchet.forget import forget_everywhere
from ratchet.learn import suite_path
from ratchet.plan import advice, plan_cycle, plan_text
from ratchet.settings import Settings, SettingsError
from ratchet.stages import build_loop
from ratchet.wiring import Parts, largest_rank
from serving.records import AdapterRecord
from serving.registry import Registry
from training.dataset import read_manifest
from training.job import JobResult, RowCounts

LIKED = "The waiting period is 45 days (Article 2)."
DISLIKED = "I would think about 45 days."


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Parts]]:
    opened: list[Database] = []

    def build(**given: Any) -> Parts:
        suite = tmp_path / "suite.jsonl"
        row = {"id": "a", "messages": [{"role": "user", "content": "Is hail covered by Roof One?"}]}
        line = json.dumps(row | {"language": "en", "kind": "fact", "value": "5 days"})
        suite.write_text(f"{line}\n", encoding="utf-8")
        (tmp_path / "config.json").write_text("{}", encoding="utf-8")
        given.setdefault("evaluation", {"suite": str(suite), "load_seconds": 0.3})
        given.setdefault("engine", {"start_seconds": 0.3})
        settings = Settings(home=tmp_path, base_model=str(tmp_path), **given)
        database = Database(settings.database)
        opened.append(database)
        database.create_tables()
        parts = Parts(
            settings,
            database,
            FeedbackStore(database),
            Registry(database, "hash"),
            CycleStore(database),
            tmp_path,
            "hash",
        )
        parts.registry.live()
        return parts

    yield build
    for database in opened:
        database.dispose()


def begin(parts: Parts, **work: Any) -> CycleRun:
    """Open a cycle that has come as far as `work` says."""
    parts.cycles.request("auto", "tester")
    request = parts.cycles.next_request()
    assert request is not None
    run = CycleRun(parts.cycles, parts.cycles.start(request, "me"), lambda: False)
    run.begin("collect")
    run.keep(**work)
    return run


def votes(parts: Parts, count: int, liked_share: float = 0.5) -> None:
    """Let ten people vote on answers of one taste."""
    for n in range(count):
        liked = n % 100 < liked_share * 100
        name, person = f"c{n}", f"person-{n % 10}"
        parts.store.open_completion(
            Completion(
                id=name, conversation=name, person=person, responder="rag", sampling={},
                messages=({"role": "user", "content": f"How long is the wait in policy {n}?"},),
            )
        )  # fmt: skip
        text = f"{LIKED if liked else DISLIKED} Case {n}."
        parts.store.close_completion(name, text=text, status="complete", finish_reason="stop")
        parts.store.record_vote(name, person, liked)


@pytest.mark.parametrize(
    ("liked", "disliked", "word"),
    [(50, 40, "90 judged answers"), (100, 20, "100 liked and 20 disliked"), (70, 30, None)],
)
def test_too_little_evidence_is_said_in_numbers(
    make: Callable[..., Parts], liked: int, disliked: int, word: str | None
) -> None:
    missing = heard.shortage(heard.Heard(liked, disliked, 0), make().settings)
    assert missing is None if word is None else word in str(missing)


def test_a_window_with_too_little_is_skipped(make: Callable[..., Parts]) -> None:
    parts = make()
    votes(parts, 10)
    ending = learn.collect(parts, begin(parts))
    assert isinstance(ending, Ending)
    assert ending.outcome == "skipped"
    assert "10 judged answers" in ending.reason


def test_votes_after_the_cut_off_belong_to_the_next_cycle(make: Callable[..., Parts]) -> None:
    parts = make(evidence={"votes": 5, "rarer": 1})
    run = begin(parts)
    votes(parts, 60)
    assert isinstance(learn.collect(parts, run), Ending)
    assert learn.collect(parts, begin(parts)) == "50 liked, 10 disliked, 0 pairs"


def test_a_window_becomes_a_frozen_dataset(make: Callable[..., Parts]) -> None:
    parts = make()
    votes(parts, 120)
    run = begin(parts)
    line = learn.curate_window(parts, run)
    assert isinstance(line, str)
    dataset = run.cycle.dataset
    assert dataset is not None
    assert dataset["counts"]["train"] > 30
    assert dataset["split_by"] == "person"
    assert Path(run.work["dataset_path"]).name == dataset["hash"]
    again = begin(parts)
    learn.curate_window(parts, again)
    assert again.cycle.dataset is not None
    assert again.cycle.dataset["hash"] == dataset["hash"]


def test_people_are_told_what_became_of_their_votes(make: Callable[..., Parts]) -> None:
    parts = make()
    votes(parts, 120)
    uses = Uses(parts.database)
    assert {use.became for use in uses.of("person-3")} == {"waiting"}
    run = begin(parts, name="ratchet-0001")
    learn.curate_window(parts, run)
    sources = read_manifest(Path(run.work["dataset_path"]))["sources"]
    register(parts, "ratchet-0001")
    result = JobResult(
        kind="kto", name="ratchet-0001", job="j", checkpoint=parts.settings.home, seconds=1.0,
        rows=RowCounts(train=1),
    )  # fmt: skip
    run.keep(train=result.model_dump(mode="json"))
    learn.publish(parts, run)
    told = {use.id: use for n in range(10) for use in uses.of(f"person-{n}")}
    assert len(told) == 120
    for part, became in (("train", "trained"), ("judge", "judge"), ("check", "check")):
        assert {told[id_].became for id_ in sources[part]} == {became}
    assert {use.adapters for use in told.values() if use.became == "trained"} == {("ratchet-0001",)}
    assert {told[id_].reason for id_ in sources["heldout"]} == {"heldout"}


def test_rankings_are_heard_as_pairs(make: Callable[..., Parts]) -> None:
    parts = make()
    votes(parts, 21)  # of ten people: c0, c10 and c20 are one person's
    rankings = Rankings(parts.database)
    for name, order in (("won", (("c0",), ("c10", "c20"))), ("tied", (("c0", "c10", "c20"),))):
        rankings.open(Ranking(name, "person-0", ("c0", "c10", "c20")))
        rankings.record(name, "person-0", order)
    found = heard.heard(parts, float("inf"))
    assert (found.pairs, found.votes) == (1, 21 + 2)
    assert parts.store.feedback_since(0.0) == 21 + 2


def test_whoever_is_blocked_is_not_heard(make: Callable[..., Parts]) -> None:
    parts = make()
    votes(parts, 21)  # of ten people: c0, c10 and c20 are one person's
    rankings = Rankings(parts.database)
    rankings.open(Ranking("won", "person-0", ("c0", "c10", "c20")))
    rankings.record("won", "person-0", (("c0",), ("c10", "c20")))
    parts.store.open_comparison(Comparison("pair", "person-0", "c0", "c10"))
    parts.store.record_outcome("pair", "person-0", "left")
    assert heard.heard(parts, float("inf")).votes == 21 + 2 + 2
    Standings(parts.database).decide("person-0", "block", "a troll", "operator")
    found = heard.heard(parts, float("inf"))
    assert (found.votes, found.pairs) == (21 - 3, 0)


def test_the_plan_is_the_cycles_without_its_effects(make: Callable[..., Parts]) -> None:
    parts = make()
    votes(parts, 120)
    plan = plan_cycle(parts.settings, "auto")
    assert plan["would_run"]
    assert plan["method"] == "kto"
    assert plan["rows"]["train"] > 30
    assert not (parts.settings.home / "datasets").exists()
    assert parts.cycles.last() is None
    said = advice(parts.settings)
    assert (said["method"], said["ready"], said["votes"]) == ("kto", True, 120)
    assert sum(row["total"] for row in said["vote_rates"]) == 120


def test_a_no_counts_from_the_next_round_on_in_every_part_of_it(make: Callable[..., Parts]) -> None:
    parts = make()
    votes(parts, 120)
    consents = Consents(parts.database)
    before = plan_cycle(parts.settings, "auto")
    assert before["consent"] == {"mode": "ask", "version": "1"}
    first = begin(parts)
    learn.curate_window(parts, first)
    theirs = {c.id for c in parts.store.completions() if c.person == "person-3"}
    assert theirs & sources(first)
    consents.put("person-3", False, "1")
    plan = plan_cycle(parts.settings, "auto")
    assert plan["left_out"][REFUSED] == len(theirs)
    assert plan["heard"]["votes"] == before["heard"]["votes"] - len(theirs)
    assert sum(plan["people"].values()) == sum(before["people"].values()) - 1
    assert f"left out: {len(theirs)} {REFUSED}" in plan_text(plan)
    assert "person-3" not in {voter["person"] for voter in plan["trust"]}
    assert advice(parts.settings)["left_out"] == {REFUSED: len(theirs)}
    second = begin(parts)
    said = learn.curate_window(parts, second)
    assert f"{len(theirs)} {REFUSED}" in str(said)
    assert not theirs & sources(second)
    folder = Path(second.work["dataset_path"])
    assert read_manifest(folder)["meta"]["consent"] == {"mode": "ask", "version": "1"}
    assert REFUSED in (folder / "card.html").read_text(encoding="utf-8")
    told = {(use.became, use.reason) for use in Uses(parts.database).of("person-3")}
    assert told == {("left_out", "refused")}
    consents.put("person-3", True, "1")
    assert plan_cycle(parts.settings, "auto")["left_out"] == before["left_out"]


def sources(run: CycleRun) -> set[str]:
    """The completions that a round's dataset was made of, whichever part they are in."""
    parts = read_manifest(Path(run.work["dataset_path"]))["sources"].values()
    return {
        name
        for part in parts
        for line in part
        for name in ([line] if isinstance(line, str) else line)
    }


def test_where_a_yes_is_required_only_that_trains(make: Callable[..., Parts]) -> None:
    parts = make(feedback={"consent": "required", "consent_version": "2"})
    votes(parts, 120)
    consents = Consents(parts.database)
    people = sorted({c.person for c in parts.store.completions()})
    for person in people[:6]:
        consents.put(person, True, "2")
    consents.put(people[6], True, "1")
    plan = plan_cycle(parts.settings, "auto")
    each = 120 // len(people)
    assert plan["left_out"][OUTDATED] == each
    assert plan["left_out"][UNASKED] == 120 - 7 * each
    assert sum(plan["people"].values()) == 6
    assert plan["heard"]["votes"] == 6 * each
    assert not plan["would_run"]


def test_who_is_forgotten_is_in_no_dataset(make: Callable[..., Parts]) -> None:
    parts = make()
    votes(parts, 120)
    run = begin(parts)
    learn.curate_window(parts, run)
    folder = Path(run.work["dataset_path"])
    found = forget_everywhere(parts.settings, "person-3")
    assert [each["hash"] for each in found["datasets"]] == [folder.name]
    assert found["completions"] == 12
    assert [file.name for file in folder.iterdir()] == ["manifest.json"]
    assert forget_everywhere(parts.settings, "person-3")["erasure"] == found["erasure"]


def test_a_new_database_gives_out_no_name_that_has_a_folder(make: Callable[..., Parts]) -> None:
    parts = make()
    for number in (1, 2):
        (parts.settings.home / "adapters" / f"ratchet-000{number}").mkdir(parents=True)
    assert learn._new_name(parts) == "ratchet-0003"


def test_a_missing_suite_is_named(make: Callable[..., Parts]) -> None:
    parts = make(evaluation={"suite": "nowhere.jsonl"})
    with pytest.raises(SettingsError, match=r"evaluation\.suite = 'nowhere\.jsonl'"):
        learn.protected_questions(parts.settings)


def test_defaults_go_by_the_bases_size_and_settings_win(make: Callable[..., Parts]) -> None:
    parts = make(training={"epochs": 1, "hyper": {"beta": 0.2}})
    tiny = learn.hyper(parts, "kto")
    assert tiny == {**learn.TINY, "epochs": 1, "beta": 0.2}
    assert largest_rank(parts.settings, parts.base) == tiny["lora"]["r"]
    with (parts.base / "model.safetensors").open("wb") as file:
        file.truncate(base_model.SMALL_MODEL + 1)
    assert learn.hyper(parts, "kto") == {**learn.REAL, "epochs": 1, "beta": 0.2}
    assert largest_rank(parts.settings, parts.base) == 32
    assert learn.hyper(make(training={"learning_rate": 0.1}), "dpo")["learning_rate"] == 0.1


def register(parts: Parts, name: str = "ratchet-0001") -> None:
    parts.registry.add_adapter(AdapterRecord(name, "/x", "f", "hash", "kto", "d", "1"))


def test_loading_ends_when_every_engine_has_it(make: Callable[..., Parts]) -> None:
    parts = make()
    register(parts)
    run = begin(parts, name="ratchet-0001")
    with pytest.raises(prove.NotLoaded, match="no engine reported"):
        prove.load(parts, run)
    parts.registry.reports.write("http://127.0.0.1:1", [], True, "refused: rank 64")
    with pytest.raises(prove.NotLoaded, match="refused: rank 64"):
        prove.load(parts, run)
    parts.registry.reports.write("http://127.0.0.1:1", ["ratchet-0001"], True, "")
    assert prove.load(parts, run) == "ratchet-0001 is loaded beside what is live"
    assert parts.registry.candidate() == "ratchet-0001"


def evidence(wins: int, losses: int, *, live: str = "rag") -> dict[str, Any]:
    """Evidence on one candidate, as an evaluation would have left it."""
    known = CandidateEvidence(
        responder="ratchet-0001", live=live, baseline="rag", guards=("base",), level=0.02,
        judge=JudgeCheck(100, 95, 100, 95),
        reference={name: Paired(400, 20, 10, 70) for name in dict.fromkeys((live, "rag", "base"))},
        preference={
            name: Preference(wins, losses, 0, ended="won") for name in dict.fromkeys((live, "rag"))
        },
    )  # fmt: skip
    found = Evidence(
        live=live, baseline="rag", suite_hash="s", suite_size=500, reference_size=500,
        index_version=None, settings={}, prompts=(), rates={}, candidates={"ratchet-0001": known},
        started=0.0, seconds=1.0,
    )  # fmt: skip
    return found.to_json()


def test_a_winner_passes_and_its_error_is_spent_once(make: Callable[..., Parts]) -> None:
    parts = make()
    run = begin(parts, name="ratchet-0001", evidence=evidence(60, 5))
    for _ in range(2):  # a restart decides again
        assert prove.decide_candidate(parts, run) == "ratchet-0001 passed the gate"
    assert len(parts.registry.decisions()) == 1
    assert parts.registry.passed("ratchet-0001")
    assert run.cycle.gate is not None
    assert run.cycle.gate["ratchet-0001"]["decision"] == "promote"


@pytest.mark.parametrize(("wins", "losses", "outcome"), [(5, 60, "rejected"), (6, 5, "pending")])
def test_without_a_winner_the_cycle_says_why(
    make: Callable[..., Parts], wins: int, losses: int, outcome: str
) -> None:
    parts = make()
    ending = prove.decide_candidate(parts, begin(parts, evidence=evidence(wins, losses)))
    assert isinstance(ending, Ending)
    assert ending.outcome == outcome
    assert ending.reason.startswith("ratchet-0001: ")


def passed(parts: Parts, **given: Any) -> CycleRun:
    """A cycle whose candidate has passed and is loaded."""
    register(parts)
    parts.registry.reports.write("http://127.0.0.1:1", ["ratchet-0001"], True, "")
    run = begin(parts, name="ratchet-0001", evidence=evidence(60, 5), **given)
    prove.decide_candidate(parts, run)
    return run


@pytest.fixture(autouse=True)
def _web_goes_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "_web_follows", lambda parts, responder: True)


def test_a_winner_is_promoted_once_even_after_a_crash(make: Callable[..., Parts]) -> None:
    parts = make()
    run = passed(parts)
    for _ in range(2):
        ending = prove.promote(parts, run)
        assert isinstance(ending, Ending)
        assert ending.outcome == "promoted"
    assert parts.registry.live() == "ratchet-0001"
    assert len(parts.registry.deployments()) == 2
    assert run.cycle.promoted == "ratchet-0001"
    # Rolled back between the crash and the restart: the restart does not promote it again.
    parts.registry.rollback(reason="worse", actor="ann")
    prove.promote(parts, run)
    assert parts.registry.live() == "rag"


def test_while_held_or_to_be_approved_it_waits(make: Callable[..., Parts]) -> None:
    parts = make()
    run = passed(parts)
    parts.registry.hold(reason="holiday", actor="ann")
    ending = prove.promote(parts, run)
    assert isinstance(ending, Ending)
    assert (ending.outcome, parts.registry.live()) == ("awaiting", "rag")
    assert "holiday" in ending.reason
    parts.registry.resume(reason="back", actor="ann")
    approve = make(promotion={"mode": "approve"})
    ending = prove.promote(approve, run)
    assert isinstance(ending, Ending)
    assert (ending.outcome, parts.registry.live()) == ("awaiting", "rag")


def test_what_was_compared_with_another_live_is_not_promoted(make: Callable[..., Parts]) -> None:
    parts = make()
    run = passed(parts)
    parts.registry.promote("base", reason="cheap", actor="ann", force=True)
    with pytest.raises(prove.LiveChanged, match="base is live, no longer rag"):
        prove.promote(parts, run)
    assert parts.registry.live() == "base"


def test_what_no_engine_holds_any_more_is_not_promoted(make: Callable[..., Parts]) -> None:
    parts = make()
    run = passed(parts)
    parts.registry.reports.write("http://127.0.0.1:1", [], True, "")
    with pytest.raises(prove.NotLoaded):
        prove.promote(parts, run)
    assert parts.registry.live() == "rag"


@pytest.mark.parametrize(
    ("outcome", "candidate"),
    [("rejected", None), ("failed", None), ("pending", "ratchet-0001"), ("promoted", None)],
)
def test_only_a_candidate_that_is_still_needed_stays(
    make: Callable[..., Parts], outcome: Any, candidate: str | None
) -> None:
    parts = make()
    run = passed(parts)
    parts.registry.set_candidate("ratchet-0001")
    build_loop(parts).leave(run, Ending(outcome, "because"))
    assert parts.registry.candidate() == candidate


def test_the_contest_names_everybody_and_spends_by_history(make: Callable[..., Parts]) -> None:
    parts = make()
    register(parts)
    fresh = prove.contest(parts, "ratchet-0001", {})
    assert fresh.candidates == ("ratchet-0001", "ratchet-0001+rag")
    assert (fresh.live, fresh.baseline, fresh.guards) == ("rag", "rag", ("base",))
    prove.decide_candidate(parts, begin(parts, evidence=evidence(5, 60)))
    later = prove.contest(parts, "ratchet-0001", {})
    searching = make(promotion={"baseline": "agent"})
    assert prove.contest(searching, "ratchet-0001", {}).baseline == "agent"
    assert later.levels["ratchet-0001"] < fresh.levels["ratchet-0001"]


def test_the_best_ever_is_known_from_its_earlier_answers(make: Callable[..., Parts]) -> None:
    parts = make()
    register(parts)
    parts.registry.promote("ratchet-0001", reason="x", actor="ann", force=True)
    suite = load_suite(suite_path(parts.settings))
    version, length = (
        prove.index_version(parts.settings),
        prove.longest_answer(parts.settings, parts.base),
    )

    def key(name: str, index: str | None = version) -> str:
        return cache_key(prove.versioned(parts, name), suite, index, length)

    right = {sample.id: [True, None, True] for sample in suite.reference}
    wrong = {sample.id: [False, None, True] for sample in suite.reference}
    cache = {key("rag"): wrong, key("ratchet-0001"): right, key("ratchet-0009"): right}
    assert prove.best_ever(parts, cache) == "ratchet-0001"
    assert prove.best_ever(parts, {key("rag"): {}}) is None
    other_documents = {key("rag"): wrong, key("ratchet-0001", "an earlier index"): right}
    assert prove.best_ever(parts, other_documents) == "rag", "it can no longer be asked"


def test_without_web_the_evaluation_fails_and_says_how_to_start_it(
    make: Callable[..., Parts],
) -> None:
    from ratchet.client import operator_service

    parts = make(port=1)
    with pytest.raises(ServiceMissing, match="ratchet up"):
        operator_service(parts.settings).call("GET", "/v1/status")
