"""A dataset's page shows its manifest's figures, and needs nothing and nobody from elsewhere."""

import re
from pathlib import Path
from xml.etree import ElementTree

from tests.curation_kit import pair, people, rounds, row
from training.dataset import CARD, read_manifest, verify, write_dataset


def card(folder: Path, **options: object) -> tuple[str, dict[str, object]]:
    rows = [*people(25, 12), *(row(900 + n, "fan", text="감사합니다 <b>") for n in range(8))]
    dataset = write_dataset(folder, rounds(rows, **options), {})
    verify(dataset.path)
    return (dataset.path / CARD).read_text(encoding="utf-8"), read_manifest(dataset.path)


def test_the_figures_are_the_manifests(tmp_path: Path) -> None:
    text, manifest = card(tmp_path)
    counts, labels = manifest["counts"], manifest["labels"]
    assert isinstance(counts, dict)
    assert isinstance(labels, dict)
    shown = re.findall(r"<text[^>]*>([^<]+)</text>", text)
    figures = dict(zip(shown[::2], shown[1::2], strict=True))
    for part in ("train", "heldout", "judge", "check"):
        assert figures[part] == f"{counts[part]:,}"
        assert figures[f"{part}, liked"] == f"{labels[part]['liked']:,}"
    assert int(figures["en"]) + int(figures.get("ko", 0)) == sum(
        counts[part] for part in ("train", "heldout", "judge", "check")
    )
    assert figures["voter 1"].endswith("%")
    told = manifest["contents"]
    assert isinstance(told, dict)
    for word, count in told["topics"].items():
        assert figures[word] == f"{count:,}"
    assert figures["different answers"] == f"{told['diversity']['different answers']:.1%}"


def test_it_stands_alone_and_names_nobody(tmp_path: Path) -> None:
    pairs = tuple(pair(n, f"person-{n % 9}") for n in range(90))
    for options in ({}, {"method": "dpo", "pairs": pairs}):
        text, _ = card(tmp_path, **options)
        assert "http" not in text
        assert "src=" not in text
        assert "<script" not in text
        assert "person-" not in text
        assert "<b>" not in text
        for drawing in re.findall(r"<svg.*?</svg>", text):
            assert len(ElementTree.fromstring(drawing)) % 3 == 0
