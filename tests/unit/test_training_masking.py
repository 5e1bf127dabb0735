"""Rows are masked as a whole: no form of them keeps what another form hides."""

from typing import Any

from training.curation import curate
from training.masking import masked, masked_questions, report
from training.preferences import PreferencePair, Preferences, Turns, UnpairedPreference

MAIL, PHONE = "ann@example.com", "010-2345-6789"


def turns(text: str, role: str = "user") -> Turns:
    return ({"role": role, "content": text},)


def row(number: int, text: str = "", **changes: Any) -> UnpairedPreference:
    question = turns(text or f"What about {number}?")
    fields: dict[str, Any] = {
        "prompt": question,
        "completion": turns(f"Answer {number}", "assistant"),
        "label": number % 2 == 0,
        "person": f"person-{number % 25}",
        "completion_id": f"id-{number}",
        "origin": "vote",
        "created": float(number),
        "question": question,
        "by_heart": True,
        **changes,
    }
    return UnpairedPreference(**fields)


def test_question_answer_and_passages_share_their_placeholders() -> None:
    asked = f"I am {MAIL}. Whom do I call?"
    given = row(
        1,
        asked,
        prompt=turns(f"Passages: boss@example.com.\n\nQuestion: {asked}"),
        completion=turns(f"{MAIL}, call {PHONE} or write to boss@example.com.", "assistant"),
    )
    (found,) = masked(Preferences((given,), (), {})).unpaired
    assert found.question == turns("I am [EMAIL_1]. Whom do I call?")
    said = "[EMAIL_1], call [PHONE_1] or write to [EMAIL_2]."
    assert found.completion == turns(said, "assistant")
    assert found.prompt == turns(
        f"Passages: [EMAIL_2].\n\nQuestion: {found.question[0]['content']}"
    )
    assert found.masked == ("e-mail", "mobile phone", "e-mail")


def test_chosen_and_rejected_share_theirs() -> None:
    pair = PreferencePair(
        prompt=turns("Who?"), chosen=turns(MAIL, "assistant"),
        rejected=turns(f"{PHONE} {MAIL}", "assistant"), person="ada", chosen_id="a",
        rejected_id="b", origin="comparison", created=1.0, question=turns("Who?"), by_heart=True,
    )  # fmt: skip
    (found,) = masked(Preferences((), (pair,), {})).pairs
    assert found.chosen[0]["content"] == "[EMAIL_1]"
    assert found.rejected[0]["content"] == "[PHONE_1] [EMAIL_1]"


def test_what_a_tool_was_called_with_is_masked_too() -> None:
    call = {"id": "1", "type": "function"}
    call["function"] = {"name": "mail", "arguments": f'{{"to": "{MAIL}"}}'}  # type: ignore[assignment]
    told: Any = ({"role": "assistant", "content": "", "tool_calls": [call]}, *turns("Thanks"))
    (found,) = masked(Preferences((row(1, question=told, prompt=told),), (), {})).unpaired
    (masked_call,) = found.question[0]["tool_calls"]
    assert masked_call["function"] == {"name": "mail", "arguments": '{"to": "[EMAIL_1]"}'}
    assert call["function"]["arguments"] == f'{{"to": "{MAIL}"}}', "what was stored stays"  # type: ignore[index]


def test_a_row_without_anything_personal_stays_the_same() -> None:
    given = row(1)
    assert masked(Preferences((given,), (), {})).unpaired[0] is given


def test_the_report_counts_a_thing_once_a_row_that_is_used() -> None:
    rows = [row(n, f"I am user{n}@example.com, {n}?", prompt=turns("P")) for n in range(100)]
    found = curate(masked(Preferences(tuple(rows), (), {})), method="kto", seed=1)
    used = {form.row.completion_id for form in (*found.train, *found.heldout)}  # type: ignore[union-attr]
    count = len(used) + len(found.judge) + len(found.check)
    assert report(found) == {"rows": count, "found": {"EMAIL": {"e-mail": count}}}


def test_a_protected_question_is_known_in_its_masked_form() -> None:
    asked = f"May I write to {MAIL} about my claim?"
    rows = masked(Preferences((row(1, asked.replace("ann", "joe")),), (), {}))
    found = curate(rows, method="kto", seed=1, protected=masked_questions([asked]))
    assert found.left_out == {"close to a protected question": 1}
