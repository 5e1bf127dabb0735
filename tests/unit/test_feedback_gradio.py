"""Gradio's flags are read from the very files that its own loggers write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.events import LikeData
from gradio.flagging import ChatCSVLogger, ClassicCSVLogger, CSVLogger

from feedback.database import Database
from feedback.intake import import_feedback
from feedback.store import FeedbackStore

CHAT = [
    {"role": "user", "content": "보험금은, =얼마?"},
    {"role": "assistant", "content": "100만원"},
    {"role": "user", "content": "언제?"},
    {"role": "assistant", "content": "내일"},
    {"role": "assistant", "content": "아마도"},
]


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


def said(store: FeedbackStore) -> list[tuple[str, str, bool, str]]:
    """What was asked, answered and thought of it, and by whom."""
    return [
        (answer.messages[-1]["content"], answer.text, vote.liked, vote.person)
        for vote, answer in store.iter_votes()
    ]


def chat_log(folder: Path, *flags: tuple[Any, Any]) -> Path:
    """Let Gradio log thumbs on a chat: at which message, and which."""
    logger = ChatCSVLogger()
    logger.setup(str(folder))
    chatbot = gr.Chatbot()
    messages = chatbot.preprocess(chatbot.postprocess(CHAT))
    for index, liked in flags:
        logger.flag(LikeData(None, {"index": index, "value": [], "liked": liked}), messages)
    return folder / "log.csv"


@pytest.mark.parametrize("form", ["gradio", "auto"])
def test_a_chats_thumbs_are_found_under_the_wrong_names(
    store: FeedbackStore, tmp_path: Path, form: str
) -> None:
    path = chat_log(tmp_path / "flags", (1, True), (3, False))
    assert path.read_text(encoding="utf-8").startswith("conversation,index,value,flag,timestamp\n")
    report = import_feedback(store, form, path)
    assert (report.format, report.added) == ("gradio", 2)
    assert said(store) == [
        ("보험금은, =얼마?", "100만원", True, "imported"),
        ("언제?", "내일\n아마도", False, "imported"),
    ]
    assert import_feedback(store, form, path).unchanged == 2


def test_a_thumb_that_was_clicked_again_is_taken_back(store: FeedbackStore, tmp_path: Path) -> None:
    path = chat_log(tmp_path / "flags", (1, True), (3, True), (1, ""))
    assert import_feedback(store, "gradio", path).added == 3
    assert [liked for _, _, liked, _ in said(store)] == [True]
    assert import_feedback(store, "gradio", path).added == 0


def test_what_is_no_answer_or_no_thumb_is_refused(store: FeedbackStore, tmp_path: Path) -> None:
    path = chat_log(tmp_path / "flags", (0, True), (9, True), (1, "Spam"), (1, True))
    report = import_feedback(store, "gradio", path)
    assert report.added == 1
    assert [(each.line, each.reason.split(":")[0][:27]) for each in report.refused] == [
        (2, "index 0 is no answer in a ch"[:27]),
        (3, "index 9 is no answer in a ch"[:27]),
        (4, "flag 'Spam' is no thumb; kn"),
    ]


def test_chats_of_pairs_are_read_too(store: FeedbackStore, tmp_path: Path) -> None:
    logger = ChatCSVLogger()
    logger.setup(str(tmp_path / "flags"))
    pairs = [["질문", "답"], ["둘째", "둘째 답"]]
    logger.flag(LikeData(None, {"index": (1, 1), "value": "", "liked": True}), pairs)
    import_feedback(store, "gradio", tmp_path / "flags" / "log.csv")
    assert said(store) == [("둘째", "둘째 답", True, "imported")]


def components() -> list[Any]:
    return [gr.Textbox(label="Question"), gr.Textbox(label="Answer")]


def test_an_interfaces_flags_are_found_where_its_header_lacks_them(
    store: FeedbackStore, tmp_path: Path
) -> None:
    logger = CSVLogger(verbose=False)
    logger.setup(components(), tmp_path / "flags")
    # The first flag decides the header: no flag, no user. What comes later is longer than it.
    logger.flag(["처음", "없음"])
    logger.flag(["=1+1?", "-2"], "Like")
    logger.flag(["1+1?", "2,=2"], "Dislike", "ada")
    logger.flag(["2+2?", "4"], None, "ada")
    path = tmp_path / "flags" / "dataset1.csv"
    text = path.read_text(encoding="utf-8")
    assert text.startswith("Question,Answer,timestamp\n")
    assert "'=1+1?" in text
    report = import_feedback(store, "auto", path)
    assert said(store) == [
        ("=1+1?", "-2", True, "imported"),
        ("1+1?", "2,=2", False, "ada"),
    ]
    assert [each.line for each in report.refused] == [2, 5]


def test_a_header_with_flag_and_user_may_stand_over_rows_without(
    store: FeedbackStore, tmp_path: Path
) -> None:
    logger = CSVLogger(verbose=False)
    logger.setup(components(), tmp_path / "flags")
    logger.flag(["a?", "a"], "Like", "ada")
    logger.flag(["b?", "b"], "Dislike")
    logger.flag(["c?", "c"])
    path = tmp_path / "flags" / "dataset1.csv"
    assert path.read_text(encoding="utf-8").startswith("Question,Answer,flag,username,timestamp\n")
    report = import_feedback(store, "gradio", path)
    assert said(store) == [("a?", "a", True, "ada"), ("b?", "b", False, "imported")]
    assert [each.line for each in report.refused] == [4]


def test_the_classic_logger_and_changed_components(store: FeedbackStore, tmp_path: Path) -> None:
    logger = ClassicCSVLogger()
    logger.setup(components(), tmp_path / "flags")
    logger.flag(["a?", "a"], "Like")
    logger.setup([*components(), gr.Textbox(label="Note")], tmp_path / "flags")
    logger.flag(["b?", "b", "note"], "Like", "ada")
    report = import_feedback(store, "gradio", tmp_path / "flags" / "log.csv")
    assert said(store) == [("a?", "a", True, "imported")]
    [refusal] = report.refused
    assert "the app had others" in refusal.reason


def test_a_chat_in_one_component_ends_in_its_answer(store: FeedbackStore, tmp_path: Path) -> None:
    logger = CSVLogger(verbose=False)
    chatbot = gr.Chatbot(label="Chat")
    logger.setup([chatbot], tmp_path / "flags")
    logger.flag([chatbot.postprocess(CHAT[:2]).model_dump()], "good", "ada")
    import_feedback(store, "gradio", tmp_path / "flags" / "dataset1.csv")
    assert said(store) == [("보험금은, =얼마?", "100만원", True, "ada")]


def test_flags_that_are_no_csv_are_named(
    new_database: Callable[[], Database], tmp_path: Path
) -> None:
    path = tmp_path / "flags.json"
    path.write_text('{"timestamp": 1}', encoding="utf-8")
    from feedback.types import InvalidFeedback

    with pytest.raises(InvalidFeedback, match="Gradio's flags are CSV"):
        import_feedback(FeedbackStore(new_database()), "gradio", path)
