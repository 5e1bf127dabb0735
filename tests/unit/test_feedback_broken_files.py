"""Whatever stands in a file, an import takes a row or refuses it: nothing else ever happens."""

import csv
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.database import Database
from feedback.exchange import export_feedback
from feedback.intake import import_feedback
from feedback.store import FeedbackStore
from feedback.types import InvalidFeedback

ASKED, ANSWERED = {"role": "user", "content": "보험금은?"}, {"role": "assistant", "content": "답"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CHAT = [ASKED, {"role": "assistant", "content": None, "tool_calls": [CALL]}, ASKED, ANSWERED]
BATTLE = {"model_a": "x", "model_b": "y", "winner": "tie", "judge": "u", "evaluation_order": 1}
HISTORY = {
    "q": {"id": "q", "parentId": None, **ASKED},
    "a": {"id": "a", "parentId": "q", **ANSWERED},
}
ANSWER = {"id": "1", "conversation": "c", "person": "p", "messages": [ASKED], "text": "답"}
ANSWER |= {"responder": "rag", "sampling": {"n": 1}, "status": "complete", "prompt_tokens": 5}
ROWS: dict[str, dict[str, Any]] = {
    "kto": {"prompt": [ASKED], "completion": [ANSWERED], "label": True, "person": "p"},
    "dpo": {"prompt": "q", "chosen": [ASKED, ANSWERED], "rejected": [ASKED, ANSWERED]},
    "openai": {"messages": CHAT},
    "openai-preference": {
        "input": {"messages": CHAT[:3]},
        "preferred_output": [ANSWERED],
        "non_preferred_output": [ANSWERED],
    },
    "openwebui": {
        "user_id": "p",
        "data": {"rating": 1, "model_id": "m", "reason": "r", "comment": "c"},
        "meta": {"message_id": "a"},
        "snapshot": {
            "chat": {"chat": {"params": {"system": "s"}, "history": {"messages": HISTORY}}}
        },
        "created_at": 1731000000,
        "updated_at": 1731000000,
    },
    "arena": BATTLE
    | {"conversation_a": [ASKED, ANSWERED], "conversation_b": [ASKED, ANSWERED], "tstamp": 1.5},
    "raw": {"kind": "vote", "person": "p", "completion_id": "1", "liked": True}
    | {"completions": [ANSWER], "created": "2026-01-01T00:00:00Z"},
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([1e300, -1e300, 2**70, float("inf"), float("nan"), -1, 10**12])
    | st.sampled_from(["", "\0", "\ud800", "2026-01-01", "user", "a", "q", "1"])
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every way from a value to something in it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [(*way, key) for key, _ in inner]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return found + [
        deeper
        for key, each in inner
        if isinstance(each, dict | list)
        for deeper in places(each, (*way, key))
    ]


def changed(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    """A copy with one thing in it replaced."""
    if not way:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = changed(copy[way[0]], way[1:], new)
    return copy


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


def goes_well(store: FeedbackStore, form: str, path: Path) -> None:
    """Import, and then export all that came in: what was taken can be written."""
    import_feedback(store, form, path)
    for kind in ("raw", "llamafactory", "openai"):
        folder = path.parent / f"{kind}-{len(list(path.parent.iterdir()))}"
        export_feedback(store, kind, folder)


anything_goes = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=30,
    deadline=None,
)


@anything_goes
@given(data=st.data())
@pytest.mark.parametrize("form", ROWS)
def test_a_row_with_any_value_anywhere_is_taken_or_refused(
    store: FeedbackStore, tmp_path: Path, form: str, data: st.DataObject
) -> None:
    row = ROWS[form]
    for _ in range(2):
        way = data.draw(st.sampled_from(places(row)))
        row = changed(row, way, data.draw(VALUES))
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    goes_well(store, form, path)


@anything_goes
@given(
    chat=VALUES | st.lists(VALUES | st.just(ASKED) | st.just(ANSWERED), max_size=3),
    index=st.sampled_from(["0", "1", "(0, 1)", "[0, 1]", "", "x", "-1", "99999999999999999999"]),
    flag=st.sampled_from(["Like", "Dislike", "", "x"]),
    at=st.sampled_from(["2026-01-01 10:00:00.5", "", "0001-01-01", "9999-12-31 23:59:59"]),
)
def test_a_flag_with_any_chat_is_taken_or_refused(
    store: FeedbackStore, tmp_path: Path, chat: Any, index: str, flag: str, at: str
) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["conversation", "index", "value", "flag", "timestamp"])
    writer.writerow([json.dumps(chat), index, flag, at])
    path = tmp_path / "log.csv"
    path.write_text(table.getvalue(), encoding="utf-8")
    goes_well(store, "gradio", path)


@anything_goes
@given(form=st.sampled_from([*ROWS, "auto"]), data=st.data())
def test_a_file_with_any_bytes_anywhere_is_read_or_named(
    store: FeedbackStore, tmp_path: Path, form: str, data: st.DataObject
) -> None:
    rows = [json.dumps(ROWS[data.draw(st.sampled_from(list(ROWS)))]) for _ in range(3)]
    array = data.draw(st.booleans())
    content = bytearray(("[" + ",".join(rows) + "]" if array else "\n".join(rows)).encode())
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(
            st.sampled_from([b'"', b"[", b"}", b"\\", b",", b"\n", b"\xff", b"\0", b"\xef\xbb\xbf"])
        )
    path = tmp_path / "in.json"
    path.write_bytes(bytes(content))
    with suppress(InvalidFeedback):
        goes_well(store, form, path)
