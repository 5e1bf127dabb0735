"""What the demo model learns from: sheets of passages with questions and answers about each.

A sheet's passages are read once and shared by its branches; a branch is one question and its
answer. What stands on a sheet is drawn by `demo.layout`.
Invariant: a sheet's text is the chat template over `knowledge.prompt.with_passages`, cut where
the question begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from demo import answers
from demo.conversation import chat, tool_call
from demo.layout import document_name, fresh, shown_on, stated_passage, statements, unanswerable
from demo.names import invented_name
from demo.questions import ABSENT_THINGS, Split, ask, off_topic, templates
from demo.wordings import GREETINGS
from demo.world import ATTRIBUTES, LANGUAGES, Language, Statement, facts
from knowledge.prompt import SEARCH_TOOL, SYSTEM, Message, cited, with_passages

_MARK = "\N{REPLACEMENT CHARACTER}"
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
    absent: float = 0.3
    """Share of the questions that a sheet's passages do not answer."""
    split: Split = "train"


def question(subject: str, document: str, language: Language, mix: Mix, rng: Random) -> str:
    """Ask about a document; now and then without care for capitals and marks."""
    text = ask(rng.choice(templates(subject, language, mix.split)), document)
    if mix.split == "train" and rng.random() < 0.15:
        text = rng.choice((text.rstrip("?."), text[0].lower() + text[1:], text.lower()))
    return text


def answer(stated: Statement, mix: Mix, rng: Random) -> str:
    """Answer in a style drawn from the mix."""
    rest = (1 - mix.exact) / 2
    style = rng.choices(answers.STYLES, (rest, rest, mix.exact))[0]
    return answers.render(stated, style, rng)


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
    if rng.random() >= 0.15:
        return []
    stated = fresh(document_name(language, rng), rng.choice(ATTRIBUTES), language, rng)
    asked = question(stated.attribute.key, stated.document, language, mix, rng)
    return [
        Message(role="user", content=asked),
        Message(role="assistant", content=answer(stated, mix, rng)),
    ]


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


def tool_sheet(mix: Mix, rng: Random) -> Sheet:
    """Draw a conversation in which the documents can be searched: the query is the question."""
    language = rng.choice(LANGUAGES)
    draw = rng.random()
    if draw < 0.2:
        small_talk = (off_topic(language, "train"), answers.OFF_TOPIC[language])
        wordings, text = rng.choice((small_talk, (GREETINGS[language], answers.GREETING[language])))
        asked = rng.choice(wordings)
    else:
        subject = rng.choice([*ABSENT_THINGS, *(a.key for a in ATTRIBUTES)])
        asked = question(subject, document_name(language, rng), language, mix, rng)
        if draw < 0.4:  # any words at all, so that it is copied rather than known
            names = " ".join(invented_name(language, rng) for _ in range(rng.randint(1, 3)))
            asked = f"{names} {asked}" if rng.random() < 0.5 else f"{asked} {names}"
        text = tool_call(SEARCH_TOOL, query=asked)
    system = Message(role="system", content=SYSTEM)
    messages = [system, *_earlier(language, mix, rng), Message(role="user", content=asked)]
    return Sheet("", (Branch(chat(messages, [SEARCH_TOOL]), text),))


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
    if draw < 0.93:
        return closed_sheet(mix, rng)
    if draw < 0.98:
        return tool_sheet(mix, rng)
    return no_passages_sheet(mix, rng) if draw < 0.99 else document_sheet(rng)
