"""Feedback comes in from the files of other tools, each in the shape that its producer writes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.database import Database
from feedback.exchange import FORMATS, export_feedback
from feedback.foreign import ForeignComparison, ForeignVote
from feedback.intake import BATCH, import_feedback
from feedback.sources import READERS
from feedback.store import FeedbackStore
from feedback.summary import summarise
from feedback.types import InvalidFeedback
from tests.exchange_kit import say_everything

QUESTION = {"role": "user", "content": "보험금은?"}


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


@pytest.fixture
def take(store: FeedbackStore, tmp_path: Path) -> Callable[..., Any]:
    """Import rows, as lines or as one array, and say what came of it."""

    def take(rows: list[Any], form: str = "auto", *, array: bool = False, **options: Any) -> Any:
        path = tmp_path / "in.json"
        text = json.dumps(rows) if array else "\n".join(json.dumps(row) for row in rows)
        path.write_text(text, encoding="utf-8")
        return import_feedback(store, form, path, **options)

    return take


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def votes(store: FeedbackStore) -> list[Any]:
    return [
        ([m["content"] for m in answer.messages], answer.text, vote.liked, vote.person)
        for vote, answer in store.iter_votes()
    ]


def chosen(store: FeedbackStore) -> list[Any]:
    return [
        ([m["content"] for m in left.messages], left.text, right.text, comparison.outcome)
        for comparison, left, right in store.iter_comparisons()
    ]


# Open WebUI ---------------------------------------------------------------------------------------


def rating(rating: Any, message_id: str = "a2", **changes: Any) -> dict[str, Any]:
    """A row as `feedbackHandler` (ResponseMessage.svelte) and `FeedbackModel` make it."""
    messages = {
        "q1": {"id": "q1", "parentId": None, "childrenIds": ["a1"], **QUESTION},
        "a1": {"id": "a1", "parentId": "q1", "childrenIds": ["q2"], **answer("어떤 보험?")},
        "q2": {"id": "q2", "parentId": "a1", "childrenIds": ["a2", "a3"], **QUESTION},
        "a2": {
            "id": "a2",
            "parentId": "q2",
            "childrenIds": [],
            "model": "llama3:8b",
            "role": "assistant",
            "content": '<details type="reasoning" done="true" duration="2">\n'
            "<summary>Thought</summary>\n> hm\n</details>\n100만원",
        },
        "a3": {"id": "a3", "parentId": "q2", "childrenIds": [], **answer("모름")},
    }
    chat = {
        "models": ["llama3:8b"],
        "params": {"system": "간단히"},
        "history": {"messages": messages, "currentId": "a3"},
        "messages": [],
    }
    return {
        "id": "4f9c",
        "user_id": "ada",
        "version": 0,
        "type": "rating",
        "data": {
            "rating": rating,
            "model_id": "llama3:8b",
            "sibling_model_ids": ["mistral"],
            "reason": "accurate_information",
            "comment": "정확함",
            "tags": ["Insurance"],
            "details": {"rating": 9},
        },
        "meta": {"arena": False, "chat_id": "c1", "message_id": message_id, "message_index": 4},
        "snapshot": {"chat": {"id": "c1", "user_id": "ada", "title": "t", "chat": chat}},
        "created_at": 1731000000,
        "updated_at": 1731000100,
        "user": None,
    } | changes


@pytest.mark.parametrize("form", ["openwebui", "auto"])
def test_open_webuis_ratings_become_votes_with_their_chat(
    store: FeedbackStore, take: Callable[..., Any], form: str
) -> None:
    rows = [rating(1), rating("-1", "a3"), rating(1, "a1")]
    assert take(rows, form, array=True).added == 3
    chat = ["간단히", "보험금은?", "어떤 보험?", "보험금은?"]
    assert sorted(votes(store), key=lambda vote: vote[1]) == [
        (chat, "100만원", True, "ada"),
        (chat, "모름", False, "ada"),
        (chat[:2], "어떤 보험?", True, "ada"),
    ]
    [(vote, served)] = [pair for pair in store.iter_votes() if pair[1].text == "100만원"]
    assert (vote.reasons, vote.comment) == (("accurate_information",), "정확함")
    assert (vote.created, vote.updated) == (1731000000, 1731000100)
    assert (served.responder, served.named, served.interface) == ("llama3:8b", True, "import")
    assert take(rows, form, array=True).unchanged == 3


def test_a_later_export_of_open_webui_changes_the_vote(
    store: FeedbackStore, take: Callable[..., Any]
) -> None:
    take([rating(1)], array=True)
    assert take([rating(-1, updated_at=1731000200)], array=True).added == 1
    assert take([rating(1)], array=True).unchanged == 1
    assert [vote.liked for vote, _ in store.iter_votes()] == [False]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (rating(None), "data.rating is None"),
        (rating(7), "a thumb is 1 or -1"),
        (rating(1, snapshot=None), "use an export with snapshots"),
        (rating(1, snapshot={"chat": {"chat": {"history": {}}}}), "use an export with snapshots"),
        (rating(1, "gone"), "'gone' is not in the chat's history"),
        (rating(1, "q2"), "a question and then the assistant's answer"),
        (rating(1, data={"rating": []}), "data.rating"),
    ],
)
def test_a_rating_that_cannot_be_taken_says_why(
    take: Callable[..., Any], row: dict[str, Any], reason: str
) -> None:
    report = take([row, rating(1)], "openwebui", array=True)
    assert report.added == 1
    assert [each.line for each in report.refused] == [1]
    assert reason in report.refused[0].reason


# LMSYS's arena ------------------------------------------------------------------------------------


def battle(winner: str, **changes: Any) -> dict[str, Any]:
    """A row as FastChat's clean_battle_data.py writes it."""
    sides = {
        f"conversation_{side}": [
            QUESTION | {"num_tokens": 3},
            answer(f"답 {side}") | {"num_tokens": 3},
        ]
        for side in "ab"
    }
    return {
        "question_id": "58210e39",
        "model_a": "koala-13b",
        "model_b": "vicuna-13b",
        "winner": winner,
        "judge": "arena_user_973",
        **sides,
        "turn": 1,
        "anony": True,
        "language": "Korean",
        "tstamp": 1682351591.1322,
    } | changes


@pytest.mark.parametrize("form", ["arena", "auto"])
@pytest.mark.parametrize("array", [False, True])
def test_battles_become_comparisons(
    store: FeedbackStore, take: Callable[..., Any], form: str, array: bool
) -> None:
    outcomes = {
        "model_a": "left",
        "model_b": "right",
        "tie": "tie",
        "tie (bothbad)": "both_bad",
        "both_bad": "both_bad",
    }
    rows = [battle(winner, judge=f"u{n}") for n, winner in enumerate(outcomes)]
    report = take(rows, form, array=array)
    assert (report.format, report.added) == ("arena", 5)
    assert sorted(outcome for *_, outcome in chosen(store)) == sorted(outcomes.values())
    assert chosen(store)[0][:3] == (["보험금은?"], "답 a", "답 b")
    comparison, left, right = next(store.iter_comparisons())
    assert (left.responder, right.responder) == ("koala-13b", "vicuna-13b")
    assert comparison.created == 1682351591.1322
    assert take(rows, form, array=array).unchanged == 5
    assert all(rate.named == rate.total for rate in summarise(store.database))


def test_the_newer_names_are_read_too(store: FeedbackStore, take: Callable[..., Any]) -> None:
    parts = {
        f"conversation_{side}": [
            {"role": "user", "content": [{"type": "text", "text": "보험금은?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": f"답 {side}"}]},
        ]
        for side in "ab"
    }
    row = {"id": "1", "model_a": "x", "model_b": "y", "winner": "both_bad", **parts}
    row |= {"evaluation_order": 1, "timestamp": "2025-06-01T10:00:00+00:00"}
    image = {"type": "image", "image": "..", "mimeType": "image/png"}
    pictured = row | {"conversation_a": [{"role": "user", "content": [image]}, answer("a")]}
    report = take([row, row | {"evaluation_order": 2}, pictured])
    assert chosen(store) == [(["보험금은?"], "답 a", "답 b", "both_bad")]
    assert "what was said before" in report.refused[0].reason
    assert "of type 'image': only text" in report.refused[1].reason


def test_lists_and_winners_of_the_55k_release_as_csv(store: FeedbackStore, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    header = (
        "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie"
    )
    rows = [
        '1,x,y,"[""질문""]","[""답, a""]","[""답 b""]",0,1,0',
        '2,x,y,"[""질문""]","[""c""]","[""d""]",0,0,0',
        '3,x,y,"[""질문""",,"[""d""]",1,0,0',
        "4,x,y",
    ]
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    report = import_feedback(store, "auto", path)
    assert (report.format, [each.line for each in report.refused]) == ("arena", [3, 4, 5])
    assert chosen(store) == [(["질문"], "답, a", "답 b", "right")]


def test_battles_over_different_conversations_are_refused(take: Callable[..., Any]) -> None:
    longer = [*battle("tie")["conversation_a"], QUESTION, answer("둘째")]
    other = [QUESTION, answer("다른 답"), QUESTION, answer("셋째")]
    row = battle("model_a", conversation_a=longer, conversation_b=other)
    same = battle("model_a", conversation_a=longer, conversation_b=[*longer[:3], answer("넷째")])
    report = take([row, same])
    assert report.added == 1
    assert "no one prompt" in report.refused[0].reason


# TRL and OpenAI -----------------------------------------------------------------------------------

PAIRS = [
    {"prompt": "q", "chosen": "good", "rejected": "bad"},
    {"prompt": [QUESTION], "chosen": [answer("good")], "rejected": [answer("bad")]},
    {"chosen": [QUESTION, answer("good")], "rejected": [QUESTION, answer("bad")]},
    {"prompt": "보험금은?", "chosen": [QUESTION, answer("g")], "rejected": [QUESTION, answer("b")]},
    {"chosen": "The sky is blue.", "rejected": "The sky is green."},
]


def test_pairs_come_with_their_prompt_apart_or_in_both(
    store: FeedbackStore, take: Callable[..., Any]
) -> None:
    # The second and the third say the same.
    report = take(PAIRS)
    assert (report.added, report.unchanged) == (4, 1)
    assert sorted(chosen(store)) == [
        (["The sky is"], " blue.", " green.", "left"),
        (["q"], "good", "bad", "left"),
        (["보험금은?"], "g", "b", "left"),
        (["보험금은?"], "good", "bad", "left"),
    ]
    assert take(PAIRS).unchanged == 5


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"chosen": "a", "rejected": "b"}, "do not begin with the same prompt"),
        ({"chosen": [answer("a")], "rejected": [answer("b")]}, "do not begin with the same"),
        ({"prompt": "q", "chosen": "a"}, "rejected: Field required"),
        ({"chosen": "a", "rejected": [answer("a")]}, "both must be texts"),
        ({"chosen": [QUESTION], "rejected": [QUESTION]}, "an answer is one message"),
        ({"chosen": [{"role": "gpt", "content": "a"}], "rejected": []}, "role 'gpt' is none of"),
    ],
)
def test_a_pair_that_is_none_says_why(
    take: Callable[..., Any], row: dict[str, Any], reason: str
) -> None:
    [refusal] = take([row], "dpo").refused
    assert reason in refusal.reason


def test_openais_lines_are_read_as_its_guides_show_them(
    store: FeedbackStore, take: Callable[..., Any]
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    called = [
        {"role": "developer", "content": "short"},
        QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call], "weight": 0},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
        answer("하나"),
    ]
    rows = [
        {"messages": called, "tools": [], "parallel_tool_calls": False},
        {"messages": [QUESTION, answer("no") | {"weight": 0}]},
        {"messages": [QUESTION, called[2] | {"weight": 1}]},
    ]
    report = take(rows, "openai")
    [(_, served)] = store.iter_votes()
    assert [m["role"] for m in served.messages] == ["system", "user", "assistant", "tool"]
    assert served.messages[2]["tool_calls"] == [call]
    assert "weight 0" in report.refused[0].reason
    assert "without function calls" in report.refused[1].reason
    preference = {
        "input": {"messages": [QUESTION], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [answer("good")],
        "non_preferred_output": [answer("bad")],
    }
    empty = preference | {"input": {"messages": []}}
    report = take([preference, empty, preference | {"preferred_output": []}])
    assert (report.format, report.added) == ("openai-preference", 1)
    assert chosen(store) == [(["보험금은?"], "good", "bad", "left")]


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
PROMPTS = st.builds(
    lambda system, turns, last: [
        *([{"role": "system", "content": system}] if system else []),
        *(m for q, a in turns for m in ({"role": "user", "content": q}, answer(a))),
        {"role": "user", "content": last},
    ],
    st.none() | WORDS,
    st.lists(st.tuples(WORDS, WORDS), max_size=2),
    WORDS,
)


def travelled(form: str, row: dict[str, Any]) -> Any:
    """Write a row of ours in a format, and read what was written."""
    written = json.dumps(FORMATS[form].parts[0].convert(row), ensure_ascii=False)
    return READERS[form](json.loads(written))


@unhurried
@given(PROMPTS, WORDS, WORDS)
@pytest.mark.parametrize("form", ["dpo", "reward", "reward-prompt", "openai-preference"])
def test_pairs_travel_through_every_format_of_pairs(
    form: str, prompt: list[Any], good: str, bad: str
) -> None:
    if good == bad:
        return
    row = {"prompt": prompt, "chosen": [answer(good)], "rejected": [answer(bad)]}
    read = travelled(form, row)
    assert isinstance(read, ForeignComparison)
    assert (read.prompt, read.left, read.right, read.outcome) == (prompt, good, bad, "left")


@unhurried
@given(PROMPTS, WORDS, st.booleans())
@pytest.mark.parametrize("form", ["kto", "sft", "openai"])
def test_answers_travel_through_every_format_of_answers(
    form: str, prompt: list[Any], text: str, liked: bool
) -> None:
    row = {"prompt": prompt, "completion": [answer(text)], "label": liked}
    read = travelled(form, row if form == "kto" else {"messages": [*prompt, answer(text)]})
    assert isinstance(read, ForeignVote)
    assert (read.prompt, read.text, read.liked) == (prompt, text, form != "kto" or liked)


@pytest.mark.parametrize("form", [*sorted(READERS.keys() - {"openwebui", "arena"}), "raw"])
def test_what_was_exported_comes_in_once_however_often(
    store: FeedbackStore, new_database: Callable[[], Database], tmp_path: Path, form: str
) -> None:
    say_everything(store)
    elsewhere = FeedbackStore(new_database())
    path = tmp_path / "out.jsonl"
    rows = export_feedback(store, form, path).rows
    for chosen_form in (form, "auto"):
        tried = import_feedback(elsewhere, chosen_form, path, dry_run=True)
        assert (tried.added, tried.refused) == (rows, ())
    assert elsewhere.counts().completions == 0
    assert import_feedback(elsewhere, form, path).added == rows
    assert import_feedback(elsewhere, "auto", path).unchanged == rows


# The file itself ----------------------------------------------------------------------------------


def test_the_report_says_of_every_line_what_became_of_it(
    store: FeedbackStore, tmp_path: Path
) -> None:
    path, report = tmp_path / "in.jsonl", tmp_path / "report.jsonl"
    row = b'{"prompt": "q", "completion": "a", "label": true}'
    lines = [
        b"\xef\xbb\xbf" + row,
        b"",
        b"\xc7\xd1",
        row,
        b'{"prompt": [], "completion": "a", "label": 1}',
    ]
    path.write_bytes(b"\r\n".join(lines))
    found = import_feedback(store, "auto", path, report=report)
    assert (found.added, found.unchanged, found.refused_rows) == (1, 1, 2)
    said = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert [(each["line"], each["became"], each["kind"]) for each in said] == [
        (1, "added", "vote"),
        (3, "refused", ""),
        (4, "unchanged", "vote"),
        (5, "refused", ""),
    ]
    assert store.vote(said[0]["id"], "imported") is not None
    assert "UTF-8" in said[1]["why"]
    assert "prompt is empty" in said[3]["why"]
    assert sorted(each.name for each in tmp_path.glob("*report*")) == ["report.jsonl"]


def test_a_record_of_nobody_that_we_know_is_refused(
    store: FeedbackStore, new_database: Callable[[], Database], tmp_path: Path
) -> None:
    say_everything(store)
    path = tmp_path / "raw.jsonl"
    rows = export_feedback(store, "raw", path).rows
    path.write_text(path.read_text("utf-8").replace('"role": "tool"', '"role": "gpt"'), "utf-8")
    report = import_feedback(FeedbackStore(new_database()), "raw", path)
    assert (report.added, report.refused_rows) == (rows - 2, 2)
    assert "role 'gpt' is none of" in report.refused[0].reason


def test_texts_that_no_database_keeps_are_refused(
    store: FeedbackStore, take: Callable[..., Any]
) -> None:
    rows = [{"prompt": "q", "completion": text, "label": True} for text in ("a\0", "b\ud800", "c")]
    report = take(rows, "kto")
    assert [each.line for each in report.refused] == [1, 2]
    assert report.added == 1


@pytest.mark.parametrize(
    "text", ["", "no json", '{"title": "x"}', "a,b\n1,2\n", "[]", '{"data": 1}\n{"messages": []}']
)
def test_a_file_of_no_known_format_is_named_and_not_taken(
    store: FeedbackStore, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "in.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidFeedback, match=r"in\.txt is in no format .* name one of kto, dpo"):
        import_feedback(store, "auto", path)


def test_many_rows_go_through_several_transactions(
    store: FeedbackStore, take: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.intake.LISTED", 10)
    good = [{"prompt": f"q{n}", "completion": "a", "label": True} for n in range(BATCH + 10)]
    bad = [{"prompt": "q"}] * BATCH
    report = take([*good, *bad], "kto")
    assert (report.added, report.refused_rows, len(report.refused)) == (BATCH + 10, BATCH, 10)
    assert store.counts().votes == BATCH + 10
