"""What stands on a sheet: the facts that passages state, and what they do not answer.

Values are drawn anew, so that only copying from the passages helps, and half of the documents have
invented names, so that a document that somebody adds works like those that ship.
Invariant: a passage is made as retrieval returns it.
"""

from collections.abc import Sequence
from random import Random

from demo.names import invented_name
from demo.questions import ABSENT_THINGS
from demo.terms import BOILERPLATE, GOVERNING_LAW, PURPOSE
from demo.world import (
    ATTRIBUTES,
    PRODUCTS,
    Attribute,
    Language,
    Statement,
    article_name,
    facts,
)
from knowledge.chunks import Passage

_HIGHEST_ARTICLE = 40
_ONE_DOCUMENT = 0.6
"""Share of sheets whose passages are all of one document, as for a question that names it."""


def passage(document: str, article: str, heading: str, text: str, language: Language) -> Passage:
    """Make a passage as retrieval returns it."""
    return Passage(
        id=f"{document}/{article}",
        document=document,
        article=article,
        heading=heading,
        text=text,
        language=language,
        source="",
    )


def stated_passage(stated: Statement, lead: bool = True) -> Passage:
    """Make the passage that states a fact."""
    heading = stated.attribute.name.of(stated.language)
    text = stated.text if lead else stated.sentence
    return passage(stated.document, stated.article, heading, text, stated.language)


def fresh(document: str, attribute: Attribute, language: Language, rng: Random) -> Statement:
    """State an attribute of a document with a value and an article drawn from wide ranges."""
    value = attribute.draw(rng).of(language)
    return Statement(document, attribute, value, rng.randint(1, _HIGHEST_ARTICLE), language)


def document_name(language: Language, rng: Random) -> str:
    """Name one of Hanbit's policies or an invented one."""
    if rng.random() < 0.5:
        return rng.choice(PRODUCTS).of(language)
    return invented_name(language, rng)


def statements(count: int, language: Language, rng: Random) -> list[Statement]:
    """State `count` facts: mostly of one document, as retrieval gives them, else near misses."""
    found = (
        _of_one(count, language, rng)
        if rng.random() < _ONE_DOCUMENT
        else _mixed(count, language, rng)
    )
    if rng.random() < 0.25:
        found = [_as_it_is(stated) for stated in found]
    return found


def _of_one(count: int, language: Language, rng: Random) -> list[Statement]:
    """What a question that names a document is given: some of that document's articles."""
    name = document_name(language, rng)
    return [fresh(name, each, language, rng) for each in rng.sample(ATTRIBUTES, count)]


def _mixed(count: int, language: Language, rng: Random) -> list[Statement]:
    """Statements that share a document or an attribute, so that both must be matched."""
    names = [document_name(language, rng) for _ in range(2)]
    attributes = rng.sample(ATTRIBUTES, 3)
    pairs: dict[tuple[str, str], Statement] = {}
    while len(pairs) < count:
        name = rng.choice(names) if rng.random() < 0.85 else document_name(language, rng)
        attribute = rng.choice(attributes)
        pairs.setdefault((name, attribute.key), fresh(name, attribute, language, rng))
    return list(pairs.values())


def _as_it_is(stated: Statement) -> Statement:
    """Return what Hanbit's own policy says, where the statement is about one."""
    for fact in facts():
        own = fact.stated(stated.language)
        if own.document == stated.document and own.attribute is stated.attribute:
            return own
    return stated


def _boilerplate(document: str, language: Language, rng: Random) -> Passage:
    heading, body = rng.choice((*BOILERPLATE, PURPOSE, GOVERNING_LAW))
    name = article_name(rng.randint(1, _HIGHEST_ARTICLE), language)
    return passage(document, name, heading.of(language), body.of(language), language)


def unanswerable(near: Statement, rng: Random) -> tuple[str, str]:
    """Choose a document and a subject close to a statement, but not what it states."""
    draw = rng.random()
    if draw < 0.2:
        return near.document, rng.choice(ABSENT_THINGS)
    if draw < 0.6:
        others = [attribute.key for attribute in ATTRIBUTES if attribute is not near.attribute]
        return near.document, rng.choice(others)
    while (name := document_name(near.language, rng)) == near.document:
        pass
    return name, near.attribute.key


def open_passages(
    stated: Statement,
    others: int,
    rng: Random,
    without: tuple[str, str] = ("", ""),
    mixed: bool = False,
) -> list[Passage]:
    """Lay out a statement among `others`, for measuring.

    The others are of the same document, as retrieval gives them; `mixed`: of other documents too.
    """
    language = stated.language
    pairs = {(stated.document, stated.attribute.key): stated}
    while len(pairs) <= others:
        same = not mixed or rng.random() < 0.5
        name = stated.document if same else document_name(language, rng)
        attribute = rng.choice(ATTRIBUTES) if same or rng.random() < 0.5 else stated.attribute
        if (name, attribute.key) != without:
            pairs.setdefault((name, attribute.key), fresh(name, attribute, language, rng))
    shown = [stated_passage(each) for each in pairs.values()]
    if rng.random() < 0.2:
        shown.append(_boilerplate(stated.document, language, rng))
    rng.shuffle(shown)
    return shown


def shown_on(known: Sequence[Statement], language: Language, rng: Random) -> list[Passage]:
    """Lay out the passages of a sheet: what it states, and now and then more."""
    lead = rng.random() < 0.85
    shown = [stated_passage(stated, lead) for stated in known]
    if rng.random() < 0.3:
        shown.append(_boilerplate(rng.choice(known).document, language, rng))
    if rng.random() < 0.05:
        other: Language = "ko" if language == "en" else "en"
        far = fresh(invented_name(other, rng), rng.choice(ATTRIBUTES), other, rng)
        shown.append(stated_passage(far))
    rng.shuffle(shown)
    return shown
