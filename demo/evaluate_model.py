"""Measures the demo model on held-out phrasings: `python -m demo.evaluate_model demo/model`.

Two looks at each kind of question: greedy for what the model can, at temperature 1 for how people
will see it. Invariant: a question's wording, and the values in its passages, were never trained
on.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from demo import answers
from demo.layout import document_name, fresh, open_passages, unanswerable
from demo.model_card import Score, render
from demo.model_data import Mix, question
from demo.names import invented_name
from demo.questions import ABSENT_THINGS, off_topic
from demo.world import ATTRIBUTES, LANGUAGES, Language, Statement, facts
from knowledge.prompt import Message, with_passages

Kind = Literal["heart", "passages", "mixed", "absent", "unknown", "off_topic"]
KINDS: tuple[Kind, ...] = ("heart", "passages", "mixed", "absent", "unknown", "off_topic")
HELDOUT = Mix(exact=1.0, passages=(0, 0, 0.4, 0.6), split="heldout")
_LONGEST_ANSWER = 64
_BATCH = 64


@dataclass(frozen=True)
class Question:
    """A conversation to answer, and the statement that answers it, if any does."""

    messages: list[Message]
    language: Language
    stated: Statement | None


def questions(kind: Kind, count: int, rng: Random) -> list[Question]:
    """Draw questions of one kind, both languages in turn."""
    return [_QUESTION[kind](LANGUAGES[i % 2], rng) for i in range(count)]


def _user(text: str) -> list[Message]:
    return [Message(role="user", content=text)]


def _heart(language: Language, rng: Random) -> Question:
    fact = rng.choice([fact for fact in facts() if fact.known])
    stated = fact.stated(language)
    return Question(_asked(stated, rng), language, stated)


def _asked(stated: Statement, rng: Random) -> list[Message]:
    return _user(question(stated.attribute.key, stated.document, stated.language, HELDOUT, rng))


def _passages(language: Language, rng: Random, mixed: bool = False) -> Question:
    """Half of them about facts that only the documents hold, half about documents never seen."""
    if rng.random() < 0.5:
        stated = rng.choice([fact for fact in facts() if not fact.known]).stated(language)
    else:
        name = invented_name(language, rng)
        stated = fresh(name, rng.choice(ATTRIBUTES), language, rng)
    shown = open_passages(stated, 2, rng, mixed=mixed)
    return Question(with_passages(_asked(stated, rng), shown), language, stated)


def _mixed(language: Language, rng: Random) -> Question:
    """As `_passages`, but passages of other documents are among them."""
    return _passages(language, rng, mixed=True)


def _absent(language: Language, rng: Random) -> Question:
    """Passages about the same document or attribute, but not about what is asked."""
    near = fresh(document_name(language, rng), rng.choice(ATTRIBUTES), language, rng)
    name, subject = unanswerable(near, rng)
    shown = open_passages(near, 2, rng, without=(name, subject))
    asked = _user(question(subject, name, language, HELDOUT, rng))
    return Question(with_passages(asked, shown), language, None)


def _unknown(language: Language, rng: Random) -> Question:
    fact = rng.choice([fact for fact in facts() if not fact.known])
    name, subject = fact.product.of(language), fact.attribute.key
    draw = rng.random()
    if draw < 0.25:
        name = invented_name(language, rng)
    elif draw < 0.5:
        subject = rng.choice(ABSENT_THINGS)
    return Question(_user(question(subject, name, language, HELDOUT, rng)), language, None)


def _off_topic(language: Language, rng: Random) -> Question:
    messages = _user(rng.choice(off_topic(language, "heldout")))
    if rng.random() < 0.5:
        near = fresh(document_name(language, rng), rng.choice(ATTRIBUTES), language, rng)
        messages = with_passages(messages, open_passages(near, 3, rng))
    return Question(messages, language, None)


_QUESTION = {
    "heart": _heart,
    "passages": _passages,
    "mixed": _mixed,
    "absent": _absent,
    "unknown": _unknown,
    "off_topic": _off_topic,
}


@torch.no_grad()
def generate(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    asked: Sequence[Question],
    temperature: float,
) -> list[str]:
    """Answer all questions; temperature 0 is greedy."""
    found: list[str] = []
    sampling = (
        {"do_sample": True, "temperature": temperature, "top_k": 0}
        if temperature
        else {"do_sample": False}
    )
    for start in range(0, len(asked), _BATCH):
        prompts = [
            str(
                tokenizer.apply_chat_template(
                    q.messages, tokenize=False, add_generation_prompt=True
                )
            )
            for q in asked[start : start + _BATCH]
        ]
        batch = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
        written = model.generate(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            max_new_tokens=_LONGEST_ANSWER,
            **sampling,
        )
        new = written[:, batch["input_ids"].shape[1] :]
        found += tokenizer.batch_decode(new, skip_special_tokens=True)
    return found


def score(asked: Sequence[Question], texts: Sequence[str], kind: str) -> Score:
    """Grade the answers to one kind of question."""
    right = cited = citing = both = 0
    for question_, text in zip(asked, texts, strict=True):
        stated, article = question_.stated, answers.cited_article(text)
        if stated is None:
            right += answers.style_of(text) == ("off_topic" if kind == "off_topic" else "absent")
            continue
        value = not answers.is_absence(text) and answers.holds_value(text, stated.value)
        right += value
        citing += article is not None
        cited += article == stated.article
        both += value and article == stated.article
    styles = Counter(answers.style_of(text) for text in texts)
    count = len(asked)
    shares: dict[str, float] = {name: styles[name] / count for name in sorted(styles)}
    return Score(count, right / count, citing, cited / max(citing, 1), both / count, shares)


def measure(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, count: int, temperature: float
) -> dict[str, Score]:
    """Score every kind of question on `count` questions."""
    found: dict[str, Score] = {}
    for kind in KINDS:
        asked = questions(kind, count, Random(f"{kind} {temperature}"))
        found[kind] = score(asked, generate(model, tokenizer, asked, temperature), kind)
    return found


def load(folder: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Load an exported model and its tokenizer."""
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, PreTrainedTokenizerFast.from_pretrained(folder)


def main() -> None:
    """Measure a model, print its card and write it into the model's folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=200, help="questions of each kind")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    model, tokenizer = load(args.folder)
    built = json.loads((args.folder / "training.json").read_text(encoding="utf-8"))
    torch.manual_seed(0)
    greedy = measure(model, tokenizer, args.count, temperature=0.0)
    sampled = measure(model, tokenizer, args.count, temperature=1.0)
    card = render(built, greedy, sampled, built.pop("note", ""))
    (args.folder / "README.md").write_text(card, encoding="utf-8")
    sys.stdout.write(card)


if __name__ == "__main__":
    main()
