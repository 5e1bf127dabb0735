"""The base's chat template as it is served: a model that can think aloud answers at once.

Votes are about answers; thoughts in front of them would be judged, trained on and cut with them. So
the engine's default is `enable_thinking` false, and training renders its rows the same way.

Invariant: what is trained on is what the engine is sent, thinking off.
"""

from typing import TypeVar

_OFF = "{%- set enable_thinking = false -%}"
Template = TypeVar("Template", str, None)


def without_thinking(template: Template) -> Template:
    """Return a chat template that renders as if `enable_thinking` were false.

    Templates that do not know the word are returned as they are.
    """
    if template is None or "enable_thinking" not in template:
        return template
    return _OFF + template
