"""A base that can think aloud is trained as it is served: without thoughts."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

from training.chat_template import without_thinking

QUESTION = [{"role": "user", "content": "How long?"}]
ANSWERED = [*QUESTION, {"role": "assistant", "content": "30 days."}]


def qwen() -> str:
    """Qwen3's own template, as TRL ships it."""
    spec = find_spec("trl")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "chat_templates" / "qwen3.jinja").read_text()


def rendered(template: str, messages: list[dict[str, str]], **values: Any) -> str:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(messages=messages, **values)


def test_rows_are_rendered_as_the_engine_is_asked() -> None:
    served = rendered(qwen(), QUESTION, add_generation_prompt=True, enable_thinking=False)
    assert served != rendered(qwen(), QUESTION, add_generation_prompt=True)
    prompt = rendered(without_thinking(qwen()), QUESTION, add_generation_prompt=True)
    assert prompt == served
    whole = rendered(without_thinking(qwen()), ANSWERED)
    assert whole == f"{prompt}30 days.<|im_end|>\n"


def test_a_template_that_knows_no_thinking_stays_as_it_is() -> None:
    assert without_thinking("{{ messages }}") == "{{ messages }}"
    assert without_thinking(None) is None
