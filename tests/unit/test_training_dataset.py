"""Datasets are named by their content: the same rows, the same bytes, and never written twice."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from training.curation import Curated, curate
from training.dataset import DatasetError, read_manifest, read_rows, verify, write_dataset
from training.preferences import PreferencePair, Preferences, UnpairedPreference


def turns(text: str, role: str = "user") -> Any:
    return ({"role": role, "content": text},)


def curated(**changes: Any) -> Curated:
    rows = [
        UnpairedPreference(
            prompt=(
                *turns("Answer from the passages.", "system"),
                *turns(f"Passage {n}\n질문 {n}?"),
            ),
            completion=turns(f"답 {n}", "assistant"),
            label=n % 3 == 0,
            person=f"person-{n % 10}",
            completion_id=f"id-{n:03d}",
            origin="vote",
            created=float(n),
            question=turns(f"질문 {n}?"),
            by_heart=n % 2 == 0,
        )
        for n in range(120)
    ]
    pairs = [
        PreferencePair(
            prompt=turns(f"질문 {n}?"),
            chosen=turns("good", "assistant"),
            rejected=turns("bad", "assistant"),
            person=f"person-{n % 10}",
            chosen_id=f"good-{n}",
            rejected_id=f"bad-{n}",
            origin="comparison",
            created=float(n),
            question=turns(f"질문 {n}?"),
            by_heart=True,
        )
        for n in range(40)
    ]
    preferences = Preferences(tuple(rows), tuple(pairs), {"tie": 2})
    return curate(preferences, **{"method": "kto", "seed": 1, **changes})


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    first = write_dataset(tmp_path / "a", curated(), {"cycle": 1})
    second = write_dataset(tmp_path / "b", curated(), {"cycle": 2})
    assert first.hash == second.hash == first.path.name
    for file in sorted(first.path.glob("*.jsonl")):
        assert file.read_bytes() == (second.path / file.name).read_bytes()
    assert write_dataset(tmp_path / "c", curated(seed=2), {}).hash != first.hash


def test_rows_are_in_trls_conversational_format(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, curated(), {}).path
    for row in read_rows(path, "train"):
        assert set(row) == {"prompt", "completion", "label"}
        assert row["prompt"][-1]["role"] == "user"
        assert [turn["role"] for turn in row["completion"]] == ["assistant"]
        assert isinstance(row["label"], bool)
    assert "질문" in (path / "train.jsonl").read_text(encoding="utf-8")


def test_pairs_are_in_trls_conversational_format(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, curated(method="dpo"), {}).path
    assert read_manifest(path)["type"] == "preference"
    assert {tuple(row) for row in read_rows(path, "train")} == {("prompt", "chosen", "rejected")}
    assert set(read_rows(path, "judge")[0]) == {"prompt", "completion", "label"}


def test_the_judges_rows_hold_no_passages(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, curated(), {}).path
    for part in ("judge", "check"):
        assert all(len(row["prompt"]) == 1 for row in read_rows(path, part))


def test_the_manifest_says_what_is_in_it_and_where_it_came_from(tmp_path: Path) -> None:
    found = curated()
    dataset = write_dataset(tmp_path, found, {"window": [0, 120]})
    manifest = read_manifest(dataset.path)
    assert manifest["counts"] == dataset.counts
    assert manifest["left_out"]["tie"] == 2
    assert manifest["split_by"] == "person"
    assert manifest["people"] == {"train": 6, "judge": 2, "check": 2}
    assert manifest["meta"] == {"window": [0, 120]}
    for part in ("train", "heldout", "judge", "check"):
        rows = read_rows(dataset.path, part)
        assert len(rows) == dataset.counts[part] == len(manifest["sources"][part])
        labels = manifest["labels"][part]
        assert labels["liked"] == sum(row["label"] for row in rows)
        assert labels["disliked"] == len(rows) - labels["liked"]
        for row, source in zip(rows, manifest["sources"][part], strict=True):
            assert row["completion"][0]["content"] == f"답 {int(source[3:])}"
    assert "person-" not in json.dumps(manifest), "lineage needs nobody's name"


def test_a_dataset_is_never_written_again(tmp_path: Path) -> None:
    first = write_dataset(tmp_path, curated(), {"cycle": 1})
    stamp = (first.path / "manifest.json").stat().st_mtime_ns
    again = write_dataset(tmp_path, curated(), {"cycle": 2})
    assert again == first
    assert (first.path / "manifest.json").stat().st_mtime_ns == stamp
    assert [p.name for p in first.path.parent.iterdir()] == [first.hash]


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    path = write_dataset(tmp_path, curated(), {}).path
    verify(path)
    with (path / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write("{}\n")
    with pytest.raises(DatasetError, match="changed after it was written"):
        write_dataset(tmp_path, curated(), {})


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no dataset"):
        read_manifest(tmp_path)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_rows(tmp_path, "train")
    assert read_rows(tmp_path, "heldout", missing_ok=True) == []
    path = write_dataset(tmp_path, curated(), {}).path
    (path / "check.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"check\.jsonl"):
        verify(path)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_dataset(tmp_path, replace(curated(), rules=None), {})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        write_dataset(tmp_path, curated(), {"not JSON": object()})
    datasets = tmp_path / "datasets"
    assert not datasets.exists() or not list(datasets.iterdir())
