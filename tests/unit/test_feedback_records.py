"""A file is cut into records whatever is in them, and each that is wrong is named by its number."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback import records as module
from feedback.records import Shape, read_fields, read_json, records, shape_of
from feedback.types import InvalidFeedback

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.lists(st.dictionaries(TEXT, VALUES, max_size=3), max_size=4)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records") / "file"


def cut(path: Path, data: bytes, shape: Shape) -> Iterator[Any]:
    path.write_bytes(data)
    assert shape_of(path, table=shape == "table") == shape
    return records(path, shape)


@unhurried
@given(OBJECTS, st.sampled_from(["", "\n", "  "]), st.integers(1, 9), st.booleans())
def test_an_array_comes_apart_into_its_elements(
    file: Path, objects: list[Any], space: str, chunk: int, ascii_only: bool
) -> None:
    data = json.dumps(objects, ensure_ascii=ascii_only, indent=2 if space == "\n" else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", max(chunk, 4))
        found = [read_json(each) for each in cut(file, (space + data).encode(), "array")]
    assert found == objects


@unhurried
@given(OBJECTS, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_lines_come_apart_with_any_line_end_and_mark(
    file: Path, objects: list[Any], end: bytes, mark: bool
) -> None:
    lines = end.join(json.dumps(each, ensure_ascii=False).encode() for each in objects)
    data = (b"\xef\xbb\xbf" if mark else b"") + lines
    assert [read_json(each) for each in cut(file, data, "lines")] == objects


@unhurried
@given(st.lists(st.lists(TEXT, min_size=2, max_size=4), min_size=1, max_size=6))
def test_a_table_comes_apart_as_it_was_written(file: Path, rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([["a", "b"], *rows])
    found = [read_fields(each) for each in cut(file, written.getvalue().encode(), "table")]
    # `csv` itself reads a carriage return that is alone in quotes as it was written, and so here.
    assert found == [["a", "b"], *rows]


def problems(found: Iterator[Any], *, table: bool = False) -> dict[int, str]:
    wrong = {}
    for record in found:
        try:
            _ = read_fields(record) if table else read_json(record)
        except InvalidFeedback as err:
            wrong[record.number] = str(err)
    return wrong


def test_each_broken_line_is_named_and_costs_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    lines = [
        b'{"a": 1}',
        b'{"a": "\xc7\xd1\xb1\xdb"}',
        b"",
        b'{"a": "nul \x00"}',
        b"[" * 400 + b"]" * 400,
        b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"a": "' + b"x" * 5000 + b'"}',
        b"[1]",
        b'{"a": 2',
        b'{"b": "of \\\\u0000"}',
        b'{"b": "nul \\u0000"}',
    ]
    wrong = problems(cut(file, b"\n".join(lines), "lines"))
    assert set(wrong) == {2, 4, 5, 6, 7, 8, 9, 11}
    assert "0xc7, is not UTF-8" in wrong[2]
    assert "contains the character NUL" in wrong[4]
    assert "recursion limit" in wrong[6]
    assert "more than 1000 bytes" in wrong[7]
    assert "this is a list" in wrong[8]


def test_each_broken_element_is_named_and_costs_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    elements = [
        b'{"a": 1}',
        b'{"a": nope}',
        b'{"a": "\xc7\xd1"}',
        b'{"a": "' + b"x" * 200_000 + b'"}',
        b'{"a": "]},[{\\"\\\\"}',
        b"7",
    ]
    data = b"[" + b",\n".join(elements) + b"]"
    wrong = problems(cut(file, data, "array"))
    assert set(wrong) == {2, 3, 4, 6}
    assert "something follows" in problems(cut(file, data + b" , x", "array"))[7]
    assert problems(cut(file, data[:-20], "array"))[5].endswith("it was cut off")


def test_each_broken_row_of_a_table_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    rows = [
        b"a,b",
        b'1,"two\nlines"',
        b"\xc7\xd1,2",
        b'"' + b"x" * 3000 + b'",2',
        b"3,4",
        b'5,"never',
    ]
    wrong = problems(cut(file, b"\r\n".join(rows), "table"), table=True)
    assert {number: text.split(":")[0] for number, text in wrong.items()} == {
        4: "byte 0 of the row, 0xc7, is not UTF-8",
        5: "the row has more than 1000 bytes",
        7: "a quote is opened here and never closed",
    }


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-be", "utf-32"])
def test_other_codings_are_named(file: Path, coding: str) -> None:
    file.write_bytes("\ufeff{}".encode(coding))
    with pytest.raises(InvalidFeedback, match="save it in UTF-8"):
        shape_of(file, table=True)


def test_memory_holds_one_record(file: Path) -> None:
    import tracemalloc

    row = json.dumps({"text": "x" * 1000})
    for shape, before, between, after in (("lines", "", "\n", ""), ("array", "[", ",", "]")):
        data = before + between.join([row] * 20_000) + after
        found = cut(file, data.encode(), shape)  # type: ignore[arg-type]
        del data
        tracemalloc.start()
        assert sum(1 for _ in found) == 20_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000, "20 MB of rows went through"
