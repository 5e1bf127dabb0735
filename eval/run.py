"""Collect the evidence: reference questions once, then comparisons in rounds until all is decided.

An adapter's responders are evaluated together, because they meet the same opponents: an opponent's
answer is paid for once. Stopping early is safe, since preference is counted by an e-process
(eval/stats.py).
Invariant: every request that was made is in the evidence, the failed ones too.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import asdict, astuple, replace
from random import Random
from typing import Any, Literal

from eval.contest import Contest, EvalSettings, Jury, Progress
from eval.evidence import Asked, CandidateEvidence, Evidence, Preference, paired, rates
from eval.gate import GateRules, failing, surely_lower, usable
from eval.scorers import ReferenceScore, Scorer, score_reference
from eval.stats import hopeless, log_e
from eval.subjects import Answer, Subject
from eval.suite import Message, Sample, Suite, prompt_hash

# By responder, suite, index and length: {sample id: [right, article right, language right]}.
Cache = MutableMapping[str, dict[str, Any]]


async def evaluate(
    contest: Contest,
    suite: Suite,
    subject: Subject,
    jury: Jury,
    settings: EvalSettings | None = None,
    *,
    cache: Cache | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.time,
) -> Evidence:
    """Evaluate the candidates and return everything that the gate may know.

    Args:
        contest: who, against whom, by which rules.
        suite: the questions.
        subject: the service.
        jury: the judge; where it is not usable, no comparison is made and no error spent.
        settings: how to ask.
        cache: earlier answers to the reference questions; read and filled. One for each base model.
        on_progress: called often; what it raises ends the evaluation.
        clock: tells the time.
    """
    run = _Run(contest, suite, subject, jury, settings or EvalSettings(), on_progress)
    started = clock()
    await run.ask_reference({} if cache is None else cache)
    await run.compare()
    return Evidence(
        live=contest.live,
        baseline=contest.baseline,
        suite_hash=suite.hash,
        suite_size=len(suite.samples),
        reference_size=len(suite.reference),
        index_version=contest.index_version,
        settings=asdict(run.settings),
        prompts=tuple(run.drawn),
        rates={name: rates(scores.values()) for name, scores in run.scores.items()},
        candidates={name: run.evidence_for(name) for name in contest.candidates},
        started=started,
        seconds=clock() - started,
    )


class _Run:
    """The state of one evaluation while it is under way."""

    def __init__(
        self,
        contest: Contest,
        suite: Suite,
        subject: Subject,
        jury: Jury,
        settings: EvalSettings,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.contest, self.suite, self.subject = contest, suite, subject
        self.jury, self.settings = jury, settings
        self._report = on_progress or (lambda _: None)
        everyone = (*contest.candidates, contest.live, contest.baseline, *contest.guards)
        self.responders = tuple(dict.fromkeys(everyone))
        self.scores: dict[str, dict[str, ReferenceScore]] = {name: {} for name in self.responders}
        self.asked = dict.fromkeys(self.responders, Asked())
        self.preference: dict[str, dict[str, Preference]] = {
            name: {} for name in contest.candidates
        }
        self.drawn: list[str] = []

    def evidence_for(self, candidate: str) -> CandidateEvidence:
        """Return what is known so far about one candidate."""
        evidence = CandidateEvidence(
            responder=candidate,
            live=self.contest.live,
            baseline=self.contest.baseline,
            guards=tuple(g for g in self.contest.guards if g != candidate),
            level=self.contest.levels[candidate],
            judge=self.jury.check,
            preference=dict(self.preference[candidate]),
        )
        own = self.scores[candidate]
        return replace(
            evidence,
            reference={other: paired(own, self.scores[other]) for other in evidence.others},
            asked={name: self.asked[name] for name in (candidate, *evidence.others)},
        )

    async def ask_reference(self, cache: Cache) -> None:
        """Ask every responder, at temperature 0, the reference questions that the cache lacks."""
        for name in self.responders:
            for sample_id, score in cache.get(self._key(name), {}).items():
                self.scores[name][sample_id] = ReferenceScore(*score)
        missing = [
            (name, sample)
            for sample in self.suite.reference
            for name in self.responders
            if sample.id not in self.scores[name]
        ]
        answers = await self._ask(missing, 0.0, "reference")
        for (name, sample), answer in zip(missing, answers, strict=True):
            if answer.ok:
                self.scores[name][sample.id] = score_reference(sample, answer.text)
        for name, scores in self.scores.items():
            cache[self._key(name)] = {key: list(astuple(score)) for key, score in scores.items()}

    async def compare(self) -> None:
        """Draw prompts in rounds and compare fresh answers until every contest has ended."""
        rules, prompts = self.contest.rules, self.suite.prompts
        if self.jury.scorer is None or not prompts:
            return
        for candidate in self.contest.candidates:
            known = self.evidence_for(candidate)
            unfit = failing(known, rules) or surely_lower(known, rules) or not usable(known, rules)
            if not unfit and candidate not in known.opponents:
                self.preference[candidate] = dict.fromkeys(known.opponents, Preference())
        draw = Random(self.settings.seed)
        while self._open():
            left = self.settings.max_prompts - len(self.drawn)
            drawn = draw.choices(prompts, k=min(self.settings.round_size, left))
            await self._round(drawn, self.jury.scorer)
            left -= len(drawn)
            for candidate in self.contest.candidates:
                self._end(candidate, left)
            details = [
                f"{c} against {o}: {_score(self.preference[c][o])}" for c, o in self._pairs()
            ]
            done = len(self.drawn)
            total = self.settings.max_prompts if self._open() else done
            self._report(Progress("preference", done, total, "; ".join(details)))

    async def _round(self, drawn: Sequence[Sample], scorer: Scorer) -> None:
        """Get one fresh answer to each prompt from everybody who is still needed, and compare."""
        needed = tuple(dict.fromkeys(name for pair in self._open() for name in pair))
        questions = [(name, sample) for sample in drawn for name in needed]
        answers = await self._ask(questions, self.settings.temperature, "preference")
        self.drawn += [prompt_hash(sample.messages) for sample in drawn]
        likings = await self._judge(questions, answers, scorer)
        for candidate, opponent in self._open():
            own, their = needed.index(candidate), needed.index(opponent)
            counts = Counter(
                _outcome(likings[row + own], likings[row + their], self.settings.tie_margin)
                for row in range(0, len(questions), len(needed))
            )
            self.preference[candidate][opponent] = _added(
                self.preference[candidate][opponent], counts
            )

    async def _judge(
        self, questions: Sequence[tuple[str, Sample]], answers: Sequence[Answer], scorer: Scorer
    ) -> list[float | None]:
        """Return one score for each answer; None for an answer that failed."""
        good = [index for index, answer in enumerate(answers) if answer.ok]
        texts: list[tuple[Sequence[Message], str]] = [
            (questions[index][1].messages, answers[index].text) for index in good
        ]
        scores = await asyncio.to_thread(scorer.score, texts) if texts else []
        if len(scores) != len(texts):
            raise ValueError(f"the judge gave {len(scores)} scores for {len(texts)} answers")
        found: list[float | None] = [None] * len(answers)
        for index, score in zip(good, scores, strict=True):
            found[index] = float(score)
        return found

    def _end(self, candidate: str, left: int) -> None:
        """Say of the candidate's contests which have ended, and why."""
        seen = self.preference[candidate]
        known, rules = self.evidence_for(candidate), self.contest.rules
        for opponent, now in seen.items():
            if not now.ended:
                seen[opponent] = replace(now, ended=ended(now, known, rules, left))
        if any(now.ended not in ("", "won") for now in seen.values()):
            # It cannot be promoted any more: its other contests would be paid for nothing.
            for opponent, now in seen.items():
                seen[opponent] = replace(now, ended=now.ended or "dropped")

    async def _ask(
        self,
        questions: Sequence[tuple[str, Sample]],
        temperature: float,
        stage: Literal["reference", "preference"],
    ) -> list[Answer]:
        """Ask, count what became of it, and report progress where the stage is one long batch."""
        done = 0

        def answered() -> None:
            nonlocal done
            done += 1
            if stage == "reference" and (
                done % self.settings.streams == 0 or done == len(questions)
            ):
                self._report(Progress(stage, done, len(questions), f"{done} answers"))

        messages: list[tuple[str, Sequence[Message]]] = [(n, s.messages) for n, s in questions]
        answers = await self.subject.ask_each(
            messages,
            temperature=temperature,
            streams=self.settings.streams,
            max_tokens=self.settings.max_tokens,
            on_answer=answered,
        )
        for (name, _), answer in zip(questions, answers, strict=True):
            self.asked[name] = _counted(self.asked[name], answer)
        return answers

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for candidate, seen in self.preference.items():
            for opponent in seen:
                yield candidate, opponent

    def _open(self) -> list[tuple[str, str]]:
        return [(c, o) for c, o in self._pairs() if not self.preference[c][o].ended]

    def _key(self, name: str) -> str:
        known_as = self.contest.versions.get(name, name)
        return cache_key(known_as, self.suite, self.contest.index_version, self.settings.max_tokens)


def cache_key(responder: str, suite: Suite, index_version: str | None, max_tokens: int) -> str:
    """Return under which key a cache holds a responder's answers to these very questions."""
    return f"{responder}@{suite.hash}@{index_version}@{max_tokens}"


def _outcome(own: float | None, their: float | None, margin: float) -> str:
    """Name the field of `Preference` that one pair of scores counts for."""
    if own is None or their is None:
        return "failed"
    if not (0 <= own <= 1 and 0 <= their <= 1):  # NaN too
        return "unscored"
    if abs(own - their) <= margin:
        return "ties"
    return "wins" if own > their else "losses"


def _added(seen: Preference, counts: Mapping[str, int]) -> Preference:
    return replace(
        seen,
        wins=seen.wins + counts.get("wins", 0),
        losses=seen.losses + counts.get("losses", 0),
        ties=seen.ties + counts.get("ties", 0),
        failed=seen.failed + counts.get("failed", 0),
        unscored=seen.unscored + counts.get("unscored", 0),
    )


def ended(now: Preference, known: CandidateEvidence, rules: GateRules, left: int) -> str:
    """Say why a contest has ended after a round; empty while it goes on."""
    if failing(known, rules) or not usable(known, rules):
        return "failing"
    if log_e(now.wins, now.losses) >= -math.log(known.level):
        return "won"
    if log_e(now.losses, now.wins) >= -math.log(rules.reject_level):
        return "lost"
    if not left:
        return "exhausted"
    lost_hope = hopeless(now.wins, now.losses, now.ties, left, known.level)
    return "hopeless" if lost_hope else ""


def _counted(asked: Asked, answer: Answer) -> Asked:
    return Asked(
        asked=asked.asked + 1,
        failed=asked.failed + (not answer.ok),
        misattributed=asked.misattributed + answer.misattributed,
        example=asked.example or answer.error,
    )


def _score(seen: Preference) -> str:
    return (
        f"{seen.wins} won, {seen.losses} lost, {seen.ties} ties{seen.ended and f' ({seen.ended})'}"
    )
