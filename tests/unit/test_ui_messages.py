"""A conversation as it is shown: every message knows its completion, strangers' text is escaped."""

import re
from dataclasses import replace

from feedback.threads import Turn
from feedback.types import Completion
from serving.ui import messages
from serving.ui.messages import (
    completion_id,
    excerpt,
    history,
    next_messages,
    notice,
    revealed,
    thumbs,
)
from serving.ui.text import ENGLISH, KOREAN

PASSAGE = {
    "id": "p1",
    "document": "Travel *Shield*",
    "article": "Article 2",
    "heading": "<b>Waiting</b>",
    "text": "The waiting period is 45 days. ![x](http://evil.example)",
}


def turn(name: str = "chatcmpl-1", **changes: object) -> Completion:
    completion = Completion(
        id=name,
        conversation="c",
        person="web-1",
        messages=({"role": "user", "content": "How long?"},),
        text="45 days.",
        responder="rag",
        sampling={},
        status="complete",
    )
    return replace(completion, **changes)  # type: ignore[arg-type]


def test_question_answer_and_sources_carry_the_completions_id() -> None:
    shown = history([turn(passages=(PASSAGE,))], ENGLISH)
    assert [m["role"] for m in shown] == ["user", "assistant", "assistant"]
    assert {completion_id(m) for m in shown} == {"chatcmpl-1"}
    assert shown[1]["metadata"] == {"id": "chatcmpl-1"}


def test_sources_open_and_are_escaped() -> None:
    sources = history([turn(passages=(PASSAGE, PASSAGE))], KOREAN)[2]
    assert sources["metadata"]["title"] == "출처 (2)"
    assert sources["metadata"]["status"] == "done"
    assert "<b>" not in sources["content"]
    assert "![" not in sources["content"]
    assert "*Shield*" not in sources["content"]
    assert "Article 2" in sources["content"]


def test_an_answer_without_passages_has_no_sources() -> None:
    assert len(history([turn()], ENGLISH)) == 2


def test_what_an_agent_searched_for_stands_before_what_it_found() -> None:
    steps = (
        {"tool": "search_documents", "query": "waiting <b>*period*</b>", "passages": ["p1"]},
        {"tool": "search_documents", "query": "대기 기간", "passages": []},
    )
    sources = history([turn(passages=(PASSAGE,), steps=steps)], ENGLISH)[2]
    assert sources["metadata"]["title"] == "Sources (1)"
    first, second, found = sources["content"].split("\n\n", 2)
    assert first == "*Searched: waiting &#60;b&#62;period&#60;/b&#62; (passages found: 1)*"
    assert second == "*Searched: 대기 기간 (passages found: 0)*"
    assert "Article 2" in found
    vain = history([turn(steps=steps[1:])], KOREAN)[2]
    assert vain["metadata"]["title"] == "출처 (0)"
    assert "대기 기간" in vain["content"]
    blind = Turn(turn(steps=steps), ("chatcmpl-1",), ("chatcmpl-1",), blind=True)
    assert len(history([blind.completion], ENGLISH, {"chatcmpl-1": blind})) == 2


def test_what_was_cut_or_failed_says_so() -> None:
    assert ENGLISH.cut in history([turn(status="cut")], ENGLISH)[1]["content"]
    assert ENGLISH.failed in history([turn(status="failed", text="")], ENGLISH)[1]["content"]
    assert ENGLISH.cut not in history([turn()], ENGLISH)[1]["content"]


def test_long_conversations_show_their_end() -> None:
    turns = [turn(f"chatcmpl-{i}") for i in range(100)]
    shown = history(turns, ENGLISH)
    assert len(shown) == 2 * messages.SHOWN_TURNS
    assert completion_id(shown[-1]) == "chatcmpl-99"


def test_thumbs_stand_at_the_answers_they_belong_to() -> None:
    shown = history([turn("a", passages=(PASSAGE,)), turn("b"), turn("c")], ENGLISH)
    assert thumbs(shown, {"a": True, "c": False}) == ["Like", None, "Dislike"]


def test_the_next_question_follows_what_was_recorded() -> None:
    first = next_messages([], "One?")
    assert first == ({"role": "user", "content": "One?"},)
    second = next_messages([turn(messages=first, text="1")], "Two?")
    assert [m["content"] for m in second] == ["One?", "1", "Two?"]


def test_notices_are_read_aloud_and_escaped() -> None:
    assert 'role="alert"' in notice("bad", "down")
    assert "<b>" not in notice("good", "<b>")
    assert notice("plain", "") == ""


def test_the_reveal_names_both_makers() -> None:
    said = revealed("right", "rag", "ratchet-0007+rag", ENGLISH)
    assert "rag" in said
    assert "ratchet-0007+rag" in said
    assert "B" in said


def test_excerpts_are_one_short_line() -> None:
    assert excerpt("**a**\n b") == "a b"
    assert len(excerpt("word " * 100)) <= 90
    assert excerpt("word " * 100).endswith("…")


def test_a_pair_of_the_same_model_says_so() -> None:
    said = revealed("tie", "rag", "rag", ENGLISH)
    assert "the same model twice" in said
    assert said.count("rag") == 1


def test_other_answers_can_be_leafed_through_and_do_not_move_the_thumbs() -> None:
    middle = turn("b", passages=(PASSAGE,))
    placed = {"b": Turn(middle, ("a", "b", "c"), ("b",))}
    shown = history([turn("0"), middle], ENGLISH, placed)
    leaf = shown[-1]
    assert leaf["metadata"] == {"id": "b/leaves"}
    assert "Answer 2 of 3" in leaf["content"]
    assert re.findall('value="(.)"', leaf["content"]) == ["a", "c"]
    assert completion_id(leaf) == "b"
    assert thumbs(shown, {"b": True}) == [None, "Like"]


def test_at_the_ends_there_is_nothing_to_leaf_to() -> None:
    (leaf,) = messages.leaves(Turn(turn("a"), ("a",), ("a", "z")), KOREAN)
    assert "질문 1/2" in leaf["content"]
    assert leaf["content"].count("disabled") == 1
    assert messages.leaves(Turn(turn("a"), ("a",), ("a",)), KOREAN) == []


def test_a_blind_side_shows_no_sources() -> None:
    side = turn("a-left", passages=(PASSAGE,))
    placed = {"a-left": Turn(side, ("a-left",), ("a-left",), blind=True)}
    assert len(history([side], ENGLISH, placed)) == 2
