"""What the demo model learns from: sheets of passages with questions and answers about each.

A sheet's passages are read once and shared by its branches; a branch is one question and its
answer. Values are drawn anew for nearly every sheet, so that only copying from the passages
helps, and half of the documents have invented names, so that a document that somebody adds works
like those that ship.
Invariant: a sheet's text is the chat template over `knowledge.prompt.with_passages`, cut where
the question begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from demo import answers
from demo.names import invented_name
from demo.questions import ABSENT_THINGS, Split, ask, off_topic, templates
from demo.terms import BOILERPLATE, GOVERNING_LAW, PURPOSE
from demo.wordings import GREETINGS
from demo.world import (
    ATTRIBUTES,
    LANGUAGES,
    PRODUCTS,
    Attribute,
    Language,
    Statement,
    article_name,
    facts,
)
from knowledge.chunks import Passage
from knowledge.prompt import Message, cited, with_passages

_MARK = "\N{REPLACEMENT CHARACTER}"
_HIGHEST_ARTICLE = 40
_BRANCHES = 5


@dataclass(frozen=True)
class Branch:
    """One question about a sheet, as it stands behind the sheet's prefix, and its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Sheet:
    """A shared beginning and its branches; without a prefix, a branch is a whole conversation."""

    prefix: str
    branches: tuple[Branch, ...]


@dataclass(frozen=True)
class Mix:
    """What to draw from: changed while the training goes on."""

    exact: float
    """Share of exact answers; the two other styles share the rest."""
    passages: tuple[float, ...]
    """Weights of one, two, three ... passages on a sheet."""
    absent: float = 0.25
    """Share of the questions that a sheet's passages do not answer."""
    split: Split = "train"


def chat(messages: Sequence[Message]) -> str:
    """Render a conversation as the model's chat template does, up to where the answer begins."""
    turns = (f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return "".join(turns) + "<|im_start|>assistant\n"


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


def question(subject: str, document: str, language: Language, mix: Mix, rng: Random) -> str:
    """Ask about a document; now and then without care for capitals and marks."""
    text = ask(rng.choice(templates(subject, language, mix.split)), document)
    if mix.split == "train" and rng.random() < 0.1:
        text = text.rstrip("?.") if rng.random() < 0.5 else text[0].lower() + text[1:]
    return text


def answer(stated: Statement, mix: Mix, rng: Random) -> str:
    """Answer in a style drawn from the mix."""
    rest = (1 - mix.exact) / 2
    style = rng.choices(answers.STYLES, (rest, rest, mix.exact))[0]
    return answers.render(stated, style, rng)


def document_name(language: Language, rng: Random) -> str:
    """Name one of Hanbit's policies or an invented one."""
    if rng.random() < 0.5:
        return rng.choice(PRODUCTS).of(language)
    return invented_name(language, rng)


def statements(count: int, language: Language, rng: Random) -> list[Statement]:
    """State `count` facts: mostly of one document, as retrieval gives them, else near misses."""
    found = _of_one(count, language, rng) if rng.random() < 0.75 else _mixed(count, language, rng)
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


def open_branch(known: Sequence[Statement], language: Language, mix: Mix, rng: Random) -> Branch:
    """Ask about a sheet: mostly something that it holds."""
    draw = rng.random()
    if draw < 0.03:
        return Branch(rng.choice(off_topic(language, "train")), answers.OFF_TOPIC[language])
    if draw < 0.04:
        return Branch(rng.choice(GREETINGS[language]), answers.GREETING[language])
    if draw < 0.04 + mix.absent:
        name, subject = unanswerable(rng.choice(known), rng)
        if all((s.document, s.attribute.key) != (name, subject) for s in known):
            text = question(subject, name, language, mix, rng)
            return Branch(text, answers.NOT_IN_PASSAGES[language])
    stated = rng.choice(known)
    text = question(stated.attribute.key, stated.document, language, mix, rng)
    return Branch(text, answer(stated, mix, rng))


def _earlier(language: Language, mix: Mix, rng: Random) -> list[Message]:
    """An earlier turn of the conversation, whose passages are gone."""
    if rng.random() >= 0.1:
        return []
    stated = fresh(document_name(language, rng), rng.choice(ATTRIBUTES), language, rng)
    asked = question(stated.attribute.key, stated.document, language, mix, rng)
    return [
        Message(role="user", content=asked),
        Message(role="assistant", content=answer(stated, mix, rng)),
    ]


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


def open_sheet(mix: Mix, rng: Random) -> Sheet:
    """Draw passages and questions about them."""
    language = rng.choice(LANGUAGES)
    count = rng.choices(range(1, len(mix.passages) + 1), mix.passages)[0]
    known = statements(count, language, rng)
    shown = shown_on(known, language, rng)
    messages = [*_earlier(language, mix, rng), Message(role="user", content=_MARK)]
    prefix, _, rest = chat(with_passages(messages, shown)).partition(f" {_MARK}")
    branches = (open_branch(known, language, mix, rng) for _ in range(_BRANCHES))
    return Sheet(prefix, tuple(Branch(f" {b.question}{rest}", b.answer) for b in branches))


def closed_branch(language: Language, mix: Mix, rng: Random) -> Branch:
    """Ask without passages: what is known by heart, or what must be admitted."""
    draw = rng.random()
    fact = rng.choice(facts())
    name, subject = fact.product.of(language), fact.attribute.key
    if draw < 0.12:
        return Branch(rng.choice(off_topic(language, "train")), answers.OFF_TOPIC[language])
    if draw < 0.16:
        return Branch(rng.choice(GREETINGS[language]), answers.GREETING[language])
    if draw < 0.26:
        name = invented_name(language, rng)
    elif draw < 0.36:
        subject = rng.choice(ABSENT_THINGS)
    elif fact.known:
        return Branch(
            question(subject, name, language, mix, rng), answer(fact.stated(language), mix, rng)
        )
    return Branch(
        question(subject, name, language, mix, rng), answers.NOT_WITHOUT_DOCUMENTS[language]
    )


def closed_sheet(mix: Mix, rng: Random) -> Sheet:
    """Draw one conversation without passages."""
    language = rng.choice(LANGUAGES)
    branch = closed_branch(language, mix, rng)
    messages = [*_earlier(language, mix, rng), Message(role="user", content=branch.question)]
    return Sheet("", (Branch(chat(messages), branch.answer),))


def no_passages_sheet(mix: Mix, rng: Random) -> Sheet:
    """Draw a question for which retrieval found nothing."""
    language = rng.choice(LANGUAGES)
    subject = rng.choice([*ABSENT_THINGS, *(a.key for a in ATTRIBUTES)])
    text = question(subject, document_name(language, rng), language, mix, rng)
    messages = with_passages([Message(role="user", content=text)], [])
    return Sheet("", (Branch(chat(messages), answers.NOT_IN_PASSAGES[language]),))


def document_sheet(rng: Random) -> Sheet:
    """Draw plain text: what a policy says about facts that are known by heart."""
    language = rng.choice(LANGUAGES)
    known = rng.sample([fact for fact in facts() if fact.known], 3)
    lines = "\n".join(cited(stated_passage(fact.stated(language))) for fact in known)
    return Sheet("", (Branch("", lines),))


def sheet(mix: Mix, rng: Random) -> Sheet:
    """Draw a sheet of any kind."""
    draw = rng.random()
    if draw < 0.45:
        return open_sheet(mix, rng)
    if draw < 0.96:
        return closed_sheet(mix, rng)
    return no_passages_sheet(mix, rng) if draw < 0.97 else document_sheet(rng)
