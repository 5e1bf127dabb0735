"""Rows are masked as a whole: no form of them keeps what another form hides."""

from dataclasses import replace
from typing import Any

from training.curation import curate
from training.masking import UNFOUNDED, masked, masked_questions, report
from training.preferences import PreferencePair, Preferences, UnpairedPreference
from training.served import Turns

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


HOTLINE = "02-345-6789"


def test_question_and_answer_share_their_placeholders_and_passages_are_public() -> None:
    asked = f"I am {MAIL}. Whom do I call?"
    passages = f"Passages: boss@example.com, {HOTLINE}.\n\nQuestion: "
    given = row(
        2,
        asked,
        prompt=turns(passages + asked),
        completion=turns(f"{MAIL}, call {HOTLINE} or write to Boss@example.com.", "assistant"),
    )
    (found,) = masked(Preferences((given,), (), {})).unpaired
    assert found.question == turns("I am [EMAIL_1]. Whom do I call?")
    said = f"[EMAIL_1], call {HOTLINE} or write to Boss@example.com."
    assert found.completion == turns(said, "assistant")
    assert found.prompt == turns(passages + found.question[0]["content"])
    assert found.masked == ("e-mail",)
    assert found.by_heart, "what it says by heart is published"


def test_no_answer_teaches_to_say_a_placeholder_that_its_prompt_does_not_hold() -> None:
    told = turns(f"Call {PHONE}.", "assistant")
    rows = tuple(row(n, completion=told) for n in (1, 2))
    (disliked,) = (found := masked(Preferences(rows, (), {"tie": 1}))).unpaired
    assert not disliked.label
    assert found.left_out == {"tie": 1, UNFOUNDED: 1}
    assert found.reasons == {("vote", "id-2"): UNFOUNDED}
    given = row(2, f"Is {PHONE} my number?", completion=told)
    assert masked(Preferences((given,), (), {})).unpaired[0].by_heart


def test_what_only_the_passages_hold_as_a_placeholder_is_not_said_by_heart() -> None:
    prompt = turns("Passages: call [PHONE_1].\n\nQuestion: What about 2?")
    given = row(2, prompt=prompt, completion=turns("Call [PHONE_1].", "assistant"))
    (found,) = masked(Preferences((given,), (), {})).unpaired
    assert not found.by_heart


def test_chosen_and_rejected_share_theirs() -> None:
    pair = PreferencePair(
        prompt=turns(f"Is it {MAIL}?"), chosen=turns(MAIL, "assistant"),
        rejected=turns(f"{PHONE} {MAIL}", "assistant"), person="ada", chosen_id="a",
        rejected_id="b", origin="comparison", created=1.0, question=turns(f"Is it {MAIL}?"),
        by_heart=True,
    )  # fmt: skip
    other = replace(pair, chosen=pair.rejected, rejected=pair.chosen, chosen_id="b")
    (found,) = masked(Preferences((), (pair, other), {})).pairs
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
