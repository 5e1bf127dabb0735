"""What an answer may be made of: calls of the caller's functions, or JSON of a given form.

Both reach the engine as grammars that it compiles, so their size is bounded here.

Invariant: a tool that must be called is among those that were offered.
"""

import re
from typing import Any

import orjson

from serving.errors import BadRequest

MOST_TOOLS = 128
LARGEST_SCHEMA = 64 * 2**10
"""Bytes of all schemas of a request: compiling a larger one holds everybody's answers up."""
DEEPEST_SCHEMA = 32
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FUNCTION = frozenset({"name", "description", "parameters", "strict"})


def tools(parameter: str, value: Any) -> list[dict[str, Any]]:
    """Return the functions that the model may call.

    Raises:
        BadRequest: they are not a list of functions with unique names.
    """
    if not isinstance(value, list) or not 0 < len(value) <= MOST_TOOLS:
        raise BadRequest(f"`{parameter}` must be a list of 1 to {MOST_TOOLS} functions")
    _bounded(parameter, value)
    read = [_tool(f"{parameter}[{i}]", tool) for i, tool in enumerate(value)]
    names = [tool["function"]["name"] for tool in read]
    if len(set(names)) < len(names):
        raise BadRequest(f"`{parameter}` has two functions of one name")
    return read


def tool_choice(parameter: str, value: Any) -> Any:
    """Return which tool is called.

    Raises:
        BadRequest: it is neither a word that is known nor a function.
    """
    if isinstance(value, str) and value in {"none", "auto", "required"}:
        return value
    function = value.get("function") if isinstance(value, dict) else None
    called = function.get("name") if isinstance(function, dict) else None
    if not isinstance(called, str) or value.get("type") != "function":
        raise BadRequest(
            f'`{parameter}` must be "none", "auto", "required" or '
            '{"type": "function", "function": {"name": ".."}}'
        )
    return {"type": "function", "function": {"name": called}}


def check_tools(settings: dict[str, Any]) -> None:
    """Check what the parameters say together.

    Raises:
        BadRequest: a tool is to be called that was not offered.
    """
    choice = settings.get("tool_choice")
    if choice is None:
        return
    offered = [tool["function"]["name"] for tool in settings.get("tools", ())]
    if not offered:
        raise BadRequest("`tool_choice` needs `tools`")
    called = choice["function"]["name"] if isinstance(choice, dict) else None
    if called is not None and called not in offered:
        raise BadRequest(f"`tool_choice` names {called!r}, which is not among the `tools`")


def response_format(parameter: str, value: Any) -> dict[str, Any] | None:
    """Return the form of the answer; None for plain text.

    Raises:
        BadRequest: it is not one of OpenAI's three.
    """
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    given = value.get("json_schema") if kind == "json_schema" else None
    if not isinstance(given, dict) or not isinstance(given.get("schema"), dict):
        raise BadRequest(
            f"`{parameter}` must be of the type `text`, `json_object`, or `json_schema` with a "
            '`json_schema` of the form {"name": "..", "schema": {..}}'
        )
    _bounded(parameter, given["schema"])
    named = given.get("name", "answer")
    if not isinstance(named, str) or not _NAME.fullmatch(named):
        raise BadRequest(f"`{parameter}.json_schema.name` must match {_NAME.pattern}")
    return {"type": "json_schema", "json_schema": {"name": named, "schema": given["schema"]}}


def _tool(where: str, tool: Any) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or tool.get("type") != "function":
        raise BadRequest(f'{where} must be {{"type": "function", "function": {{..}}}}')
    named, parameters = function.get("name"), function.get("parameters")
    if not isinstance(named, str) or not _NAME.fullmatch(named):
        raise BadRequest(f"{where}.function.name must match {_NAME.pattern}")
    if parameters is not None and not isinstance(parameters, dict):
        raise BadRequest(f"{where}.function.parameters must be a JSON schema")
    if not isinstance(function.get("description"), str | None):
        raise BadRequest(f"{where}.function.description must be a text")
    if not isinstance(function.get("strict"), bool | None):
        raise BadRequest(f"{where}.function.strict must be true or false")
    kept = {k: v for k, v in function.items() if k in _FUNCTION and v is not None}
    return {"type": "function", "function": kept}


def _bounded(parameter: str, value: Any) -> None:
    """Refuse schemas that are too large or too deep.

    Raises:
        BadRequest: they are.
    """
    if _deeper(value, DEEPEST_SCHEMA):
        raise BadRequest(f"`{parameter}` is nested deeper than {DEEPEST_SCHEMA} levels")
    if len(orjson.dumps(value)) > LARGEST_SCHEMA:
        raise BadRequest(f"`{parameter}` is longer than {LARGEST_SCHEMA} bytes")


def _deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return levels == 0 or any(_deeper(item, levels - 1) for item in value)
