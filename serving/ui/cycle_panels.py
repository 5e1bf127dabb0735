"""A cycle and its gate as HTML: how far it got, and why its candidate may or may not go live.

Invariant: what is drawn is what the cycle's row recorded; a stage that was not reached is shown as
such, and every text is escaped.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from serving.ui.charts import SHARES, ChartTone, IntervalRow, difference_scale, interval_chart
from serving.ui.operator_text import OperatorWords
from serving.ui.panels import badge, by, code, since

STAGES = ("collect", "curate", "train", "judge", "publish", "load", "evaluate", "decide", "promote")
"""The order in which stages are drawn before they were reached."""
OUTCOME_TONES = {
    "promoted": "good", "canary": "good", "running": "plain", "awaiting": "wait",
    "pending": "wait", "rejected": "plain", "skipped": "plain", "failed": "bad",
}  # fmt: skip
VERDICT_TONES = {"promote": "good", "reject": "bad", "pending": "wait"}
MARKS: Mapping[bool | None, tuple[ChartTone, str]] = {
    True: ("good", "✓"), False: ("bad", "✕"), None: ("wait", "?"),
}  # fmt: skip
PREFERRED, AS_OFTEN = "preferred to ", "as often right as "


def cycle(found: Mapping[str, Any] | None, now: float, words: OperatorWords) -> str:
    """One cycle, stage by stage, with the running stage's progress."""
    if found is None:
        return f'<p class="r-empty">{escape(words.no_cycle)}</p>'
    dataset = found.get("dataset") or {}
    rows = words.rows_used.format(hash=str(dataset["hash"])[:8]) if dataset.get("hash") else ""
    when = since(found["created"], now, words)
    facts = [when, by(str(found.get("actor") or ""), words), found["adapter"] or "", rows]
    stages = "".join(_stage(s, words) for s in _all_stages(found))
    return (
        f'<div class="r-cycle-head"><strong>{escape(_number(found, words))}</strong>'
        f"{_outcome(found, words)}"
        f'<span class="r-facts">{escape(" · ".join(f for f in facts if f))}</span></div>'
        f'<p class="r-reason">{escape(found["reason"] or "")}</p><ol class="r-stages">{stages}</ol>'
    )


def earlier(cycles: Sequence[Mapping[str, Any]], now: float, words: OperatorWords) -> str:
    """The cycles before the latest, one line each, that open to their stages."""
    if not cycles:
        return ""
    lines = "".join(
        f"<details><summary><b>{escape(_number(c, words))}</b> "
        f"{_outcome(c, words)}"
        f"<span>{escape(c['reason'] or '')}</span></summary>{cycle(c, now, words)}</details>"
        for c in cycles
    )
    return f'<div class="r-earlier"><h4>{escape(words.earlier)}</h4>{lines}</div>'


def gate(found: Mapping[str, Any] | None, words: OperatorWords) -> str:
    """The charts, then for each responder the verdict and what each check found."""
    if found is None:
        return f'<p class="r-empty">{escape(words.no_gate)}</p>'
    decisions: Mapping[str, Any] = found["gate"]
    tables = "".join(_decision(name, body, words) for name, body in decisions.items())
    wins = _rows(decisions, PREFERRED, "win_rate", words, lambda v: f"{v * 100:.0f} %")
    right = _rows(decisions, AS_OFTEN, "difference", words, lambda v: f"{v * 100:+.1f}")
    charts = interval_chart(wins, SHARES, words.win_chart)
    charts += interval_chart(right, difference_scale(right), words.reference_chart)
    title = f'<p class="r-facts">{escape(_number(found, words))}</p>'
    return f'{title}<div class="r-charts">{charts}</div>{tables}'


def _all_stages(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    reached = list(found.get("stages") or ())
    names = {stage["name"] for stage in reached}
    state = "waiting" if found["state"] == "running" else "left_out"
    return [*reached, *({"name": n, "state": state} for n in STAGES if n not in names)]


def _stage(stage: Mapping[str, Any], words: OperatorWords) -> str:
    state, progress = str(stage["state"]), stage.get("progress")
    seconds = stage.get("seconds")
    took = f"{seconds:.1f}{words.gap}{words.units[3]}" if seconds else ""
    bar = ""
    if state == "running":
        bar = '<div class="r-progress unknown"><div></div></div>'
        if isinstance(progress, int | float):
            percent = min(1.0, max(0.0, float(progress))) * 100
            bar = f'<div class="r-progress"><div style="width:{percent:.0f}%"></div></div>'
    name, label = str(stage["name"]), words.states.get(state, state)
    return (
        f'<li class="{escape(state)}"><span class="r-step" title="{escape(label)}"></span>'
        f'<span class="r-stage">{escape(words.stages.get(name, name))}</span>'
        f'<span class="r-took">{escape(took or label)}</span>{bar}'
        f'<span class="r-detail">{escape(str(stage.get("detail") or ""))}</span></li>'
    )


def _decision(name: str, body: Mapping[str, Any], words: OperatorWords) -> str:
    verdict = str(body["decision"])
    head = "".join(f"<th>{escape(column)}</th>" for column in words.check_columns)
    rows = "".join(_check(check, words) for check in body["checks"])
    mark = badge(VERDICT_TONES.get(verdict, "plain"), words.verdicts.get(verdict, verdict))
    return (
        f'<h4 class="r-verdict">{code(name)} {mark}</h4><table class="r-table r-checks"><thead>'
        f"<tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _check(check: Mapping[str, Any], words: OperatorWords) -> str:
    tone, mark = MARKS[check["passed"]]
    said = escape(words.marks[check["passed"]])
    figures = " · ".join(
        f"{k.replace('_', ' ')} {_figure(v)}" for k, v in (check.get("figures") or {}).items()
    )
    return (
        f'<tr><th scope="row"><span class="r-mark-{tone}" title="{said}" aria-label="{said}">{mark}'
        f"</span>{escape(_check_name(str(check['name']), words))}</th>"
        f'<td>{escape(str(check["reason"]))}</td><td class="r-figures">{escape(figures)}</td></tr>'
    )


def _check_name(name: str, words: OperatorWords) -> str:
    for start, said in words.checks.items():
        if name == start or (start.endswith(" ") and name.startswith(start)):
            return said + name[len(start) :]
    return name


def _rows(
    decisions: Mapping[str, Any], start: str, figure: str, words: OperatorWords,
    written: Callable[[float], str],
) -> list[IntervalRow]:  # fmt: skip
    """Return the intervals that the checks of one kind hold."""
    rows = []
    for name, body in decisions.items():
        for check in body["checks"]:
            figures = check.get("figures") or {}
            if str(check["name"]).startswith(start) and figures.get(figure) is not None:
                label = words.win_value.format(candidate=name, other=check["name"][len(start) :])
                middle, low, high = (float(figures[k]) for k in (figure, "low", "high"))
                value = f"{written(middle)} ({written(low)} – {written(high)})"
                tone = MARKS[check["passed"]][0]
                rows.append(IntervalRow(label, middle, low, high, value, tone))
    return rows


def _outcome(found: Mapping[str, Any], words: OperatorWords) -> str:
    outcome = found["outcome"] or "running"
    return badge(OUTCOME_TONES.get(outcome, "plain"), words.outcomes.get(outcome, outcome))


def _number(found: Mapping[str, Any], words: OperatorWords) -> str:
    return words.cycle_number.format(number=found["id"])


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "–" if value is None else str(value)
