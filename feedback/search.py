"""Finding words in what was said, in capitals or not, and however a syllable is composed.

SQLite folds ASCII only, so it is lent Python's way; PostgreSQL has its own. Invariant: the database
and `fold` make the same of a text, as far as PostgreSQL's locale knows its letters.
"""

import re
import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

LANGUAGES = ("ko", "other")
"""Korean is what holds a Hangul syllable or letter."""
_HANGUL = "[\u1100-\u11ff\uac00-\ud7a3]"


def fold(text: str | None) -> str | None:
    """Return a text in lower case and with composed characters (NFC), as Hangul is mostly typed."""
    return None if text is None else unicodedata.normalize("NFC", text).lower()


class Folded(FunctionElement[str]):
    """`fold`, done by the database."""

    type = String()
    inherit_cache = True


class Asked(FunctionElement[str]):
    """The text of the last message in a column of messages."""

    type = String()
    inherit_cache = True


class Language(FunctionElement[str]):
    """The language of the last message in a column of messages, one of `LANGUAGES`."""

    type = String()
    inherit_cache = True


def mentions(word: str, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a column's text holds `word`, which is taken literally."""
    literally = re.sub(r"([/%_])", r"/\1", word)
    # Both are folded by the database: Python makes another letter of a last sigma than PostgreSQL.
    return Folded(column).like(Folded(literal(f"%{literally}%")), escape="/")


@compiles(Folded, "sqlite")
def _folded_by_us(element: Folded, compiler: SQLCompiler, **options: Any) -> str:
    return f"fold({compiler.process(element.clauses, **options)})"


@compiles(Folded, "postgresql")
def _folded_by_postgresql(element: Folded, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower(normalize({compiler.process(element.clauses, **options)}))"


@compiles(Asked, "sqlite")
def _asked_in_sqlite(element: FunctionElement[str], compiler: SQLCompiler, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)}, '$[#-1].content')"


@compiles(Asked, "postgresql")
def _asked_in_postgresql(
    element: FunctionElement[str], compiler: SQLCompiler, **options: Any
) -> str:
    return f"({compiler.process(element.clauses, **options)} -> -1 ->> 'content')"


@compiles(Language, "sqlite")
def _language_in_sqlite(element: Language, compiler: SQLCompiler, **options: Any) -> str:
    asked = _asked_in_sqlite(element, compiler, **options)
    return f"CASE WHEN {asked} GLOB '*{_HANGUL}*' THEN 'ko' ELSE 'other' END"


@compiles(Language, "postgresql")
def _language_in_postgresql(element: Language, compiler: SQLCompiler, **options: Any) -> str:
    asked = _asked_in_postgresql(element, compiler, **options)
    return f"CASE WHEN {asked} ~ '{_HANGUL}' THEN 'ko' ELSE 'other' END"
