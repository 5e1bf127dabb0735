"""A dataset on one page: how much, of what, from whom, and what was left out; one HTML file.

It needs nothing from elsewhere: no script, no font, no picture by address; bars are inline SVG.

Invariant: it shows what the manifest and the rows hold, in words that are escaped, and no name.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from training.contents import answers_in

PARTS = ("train", "heldout", "judge", "check")
# Characters of an answer: each bound is the last of its bar.
_LENGTHS = (50, 100, 200, 400, 800, 1_600, 3_200)
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;
color:#1d232b;background:#fff}h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.8rem 0 .4rem}
svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:currentColor}
.bar{fill:#2f6f9f}p{margin:.3rem 0}
@media(prefers-color-scheme:dark){body{color:#e4e8ee;background:#14181d}.bar{fill:#5a9fd0}}"""


def render(manifest: Mapping[str, Any], rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return a dataset's card.

    Args:
        manifest: As it is written beside the files.
        rows: By part, as `read_rows` returns them.
    """
    name, counts = escape(manifest["hash"]), manifest["counts"]
    answers = [text for part in PARTS for row in rows[part] for text in answers_in(row)]
    told = manifest["contents"]
    voters = {v["person"]: v["share"] for v in manifest["trust"]}
    sections = (
        ("Rows by part", _bars({part: counts[part] for part in PARTS})),
        ("Liked and disliked", _bars(_balance(manifest["labels"]))),
        ("Languages of the answers", _bars(_languages(told["languages"]))),
        ("Characters of an answer", _bars(_lengths(answers))),
        ("Words that most questions share", _bars(told["topics"])),
        ("Diversity: what is different, of all", _bars(told["diversity"], percent=True)),
        ("Rows that speak of a group of people", _bars(_groups(told["groups"]))),
        ("Share of what trains, by voter", _bars(_largest(voters), percent=True)),
        ("Left out, by reason", _bars(manifest["left_out"])),
        ("Personal data masked, by rule", _bars(_masked(manifest["masked"]["found"]))),
    )
    body = "\n".join(f"<h2>{title}</h2>\n{plot}" for title, plot in sections)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Dataset {name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><h1>Dataset {name}</h1>
<p>{escape(manifest["method"].upper())}, {_people(manifest)}, split by {manifest["split_by"]}.</p>
{body}
</body></html>
"""


def _people(manifest: Mapping[str, Any]) -> str:
    people = manifest["people"].items()
    return ", ".join(f"{count} people in {part}" for part, count in people)


def _languages(parts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    total = sum((Counter(languages) for languages in parts.values()), Counter[str]())
    return dict(total.most_common())


def _groups(found: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {f"{name}, liked {n['liked']:,}": n["rows"] for name, n in found.items()}


def _lengths(answers: Sequence[str]) -> dict[str, int]:
    found = dict.fromkeys([f"up to {most:,}" for most in _LENGTHS] + ["longer"], 0)
    for text in answers:
        most = next((most for most in _LENGTHS if len(text) <= most), None)
        found["longer" if most is None else f"up to {most:,}"] += 1
    return {label: count for label, count in found.items() if count}


def _balance(labels: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {f"{part}, {kind}": n for part, kinds in labels.items() for kind, n in kinds.items()}


def _masked(found: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {f"{kind}: {rule}": n for kind, rules in found.items() for rule, n in rules.items()}


def _largest(shares: Mapping[str, float], most: int = 20) -> dict[str, float]:
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    shown, rest = dict(ordered[:most]), ordered[most:]
    return shown | ({f"{len(rest)} others": sum(share for _, share in rest)} if rest else {})


def _bars(values: Mapping[str, float], *, percent: bool = False) -> str:
    """Draw one bar a value, with its label on the left and its figure behind it."""
    if not values:
        return "<p>none</p>"
    longest = max(values.values()) or 1
    lines = []
    for number, (label, value) in enumerate(values.items()):
        y, width = 22 * number, round(360 * value / longest, 1)
        shown = f"{value:.1%}" if percent else f"{value:,}"
        lines.append(
            f'<text x="250" y="{y + 15}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="bar" x="260" y="{y + 3}" width="{width}" height="15" rx="2"/>'
            f'<text x="{266 + width}" y="{y + 15}">{shown}</text>'
        )
    return f'<svg viewBox="0 0 700 {22 * len(values)}" role="img">{"".join(lines)}</svg>'
