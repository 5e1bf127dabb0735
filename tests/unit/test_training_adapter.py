"""Only what the engine would take is published, under a name of its own, whole or not at all."""

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.adapter import (
    AdapterRejected,
    fingerprint,
    publish,
    read_tensors,
    validate,
)
from training.card import Card, describe
from training.job import JobResult, Look, RowCounts

CARD = Card(
    method="kto",
    base_model="demo/model",
    base_hash="b" * 16,
    dataset="d" * 16,
    rows=330,
    answers=180,
    people=15,
    created="2026-01-01T00:00:00Z",
    metrics={"accuracy": 0.9},
)
CONFIG = {
    "peft_type": "LORA",
    "r": 4,
    "lora_alpha": 8,
    "bias": "none",
    "target_modules": ["q_proj"],
    "init_lora_weights": True,
    "use_dora": False,
    "modules_to_save": None,
    "rank_pattern": {},
}
MODULE = "base_model.model.model.layers.0.self_attn.q_proj"


def tensors(**changes: Any) -> dict[str, np.ndarray[Any, Any]]:
    return {
        f"{MODULE}.lora_A.weight": np.ones((4, 8), np.float32),
        f"{MODULE}.lora_B.weight": np.ones((8, 4), np.float32),
        **changes,
    }


def write(
    folder: Path,
    config: dict[str, Any] | None = None,
    values: dict[str, np.ndarray[Any, Any]] | None = None,
    dtype: str = "F32",
) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({**CONFIG, **(config or {})}))
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, value in (tensors() if values is None else values).items():
        raw = value.tobytes()
        if dtype == "BF16":
            raw = (value.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(value.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    content = struct.pack("<Q", len(text)) + text + data
    (folder / "adapter_model.safetensors").write_bytes(content)
    return folder


def test_a_published_adapter_is_complete_and_matches_its_fingerprint(tmp_path: Path) -> None:
    checkpoint = write(tmp_path / "checkpoint")
    (checkpoint / "optimizer.pt").write_text("not ours to publish")
    published = publish(checkpoint, tmp_path, "ratchet-0001", CARD)
    assert published.path == tmp_path / "adapters" / "ratchet-0001"
    assert sorted(p.name for p in published.path.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "manifest.json",
    ]
    manifest = json.loads((published.path / "manifest.json").read_text())
    assert manifest["fingerprint"] == published.fingerprint == fingerprint(published.path)
    assert manifest["base_hash"] == CARD.base_hash
    card = (published.path / "README.md").read_text()
    for said in ("330 rows", "180 answers", "15 people", "kto", "demo/model", "d" * 16, "b" * 16):
        assert said in card
    assert [p.name for p in published.path.parent.iterdir()] == ["ratchet-0001"]


def test_the_fingerprint_is_over_the_sorted_hashes_of_the_files(tmp_path: Path) -> None:
    for name, text in (("b", "two"), ("a", "one"), ("manifest.json", "left out")):
        (tmp_path / name).write_text(text)
    lines = "".join(
        f"{n}\0{hashlib.sha256(t).hexdigest()}\n" for n, t in (("a", b"one"), ("b", b"two"))
    )
    assert fingerprint(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()
    (tmp_path / "a").write_text("one!")
    assert fingerprint(tmp_path) != hashlib.sha256(lines.encode()).hexdigest()


def test_an_adapter_is_never_overwritten(tmp_path: Path) -> None:
    checkpoint = write(tmp_path / "checkpoint")
    first = publish(checkpoint, tmp_path, "ratchet-0001", CARD)
    with pytest.raises(AdapterRejected, match="never overwritten"):
        publish(checkpoint, tmp_path, "ratchet-0001", CARD)
    assert fingerprint(first.path) == first.fingerprint


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "A", "a/b", "-x"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(AdapterRejected, match="no adapter name"):
        publish(write(tmp_path / "checkpoint"), tmp_path, name, CARD)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"lora_bias": True}, "lora_bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"init_lora_weights": "olora"}, "olora"),
        ({"init_lora_weights": "loftq"}, "loftq"),
        ({"r": 64}, "rank 64"),
        ({"r": 0}, "rank 0"),
        ({"rank_pattern": {"q_proj": 64}}, "rank 64"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"alora_invocation_tokens": [1]}, "alora"),
    ],
)
def test_what_the_engine_refuses_is_refused_here(
    tmp_path: Path, config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AdapterRejected, match=reason):
        validate(write(tmp_path / "checkpoint", config))


def test_plain_starts_and_rslora_are_fine(tmp_path: Path) -> None:
    validate(write(tmp_path / "a", {"init_lora_weights": "gaussian", "use_rslora": True}))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (tensors(**{f"{MODULE}.lora_B.weight": np.full((8, 4), np.nan, np.float32)}), "not finite"),
        (
            tensors(**{f"{MODULE}.lora_B.weight": np.zeros((8, 4), np.float32)}),
            "nothing was learned",
        ),
        (tensors(**{f"{MODULE}.lora_A.weight": np.ones((5, 8), np.float32)}), "shape"),
        ({f"{MODULE}.lora_B.weight": np.ones((8, 4), np.float32)}, "one side is missing"),
        (
            tensors(**{"base_model.model.lm_head.lora_A.weight": np.ones((4, 8), np.float32)}),
            "lm_head",
        ),
        (
            tensors(**{"base_model.model.model.embed_tokens.weight": np.ones((4, 8), np.float32)}),
            "embed",
        ),
        ({}, "nothing was learned"),
    ],
)
def test_broken_tensors_are_refused(
    tmp_path: Path, values: dict[str, np.ndarray[Any, Any]], reason: str
) -> None:
    with pytest.raises(AdapterRejected, match=reason):
        validate(write(tmp_path / "checkpoint", values=values))


def test_bfloat16_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "checkpoint", dtype="BF16")
    found = read_tensors(folder / "adapter_model.safetensors")
    assert np.array_equal(found[f"{MODULE}.lora_A.weight"], np.ones((4, 8)))
    validate(folder)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "checkpoint")
    file = folder / "adapter_model.safetensors"
    whole = file.read_bytes()
    for size in (0, 4, 20, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(AdapterRejected, match="is no adapter"):
            validate(folder)


def test_a_failed_publication_leaves_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk full")

    checkpoint = write(tmp_path / "checkpoint")
    monkeypatch.setattr(os, "rename", broken)
    with pytest.raises(OSError, match="disk full"):
        publish(checkpoint, tmp_path, "ratchet-0001", CARD)
    assert not list((tmp_path / "adapters").iterdir())


def test_the_card_is_written_from_the_result_and_the_dataset(tmp_path: Path) -> None:
    result = JobResult(
        kind="kto",
        name="ratchet-0001",
        job="j",
        checkpoint=tmp_path,
        seconds=1,
        steps=20,
        best_step=10,
        rows=RowCounts(train=300),
        heldout=[Look(step=10, loss=0.4, value=0.6, accuracy=0.9, liked=1, disliked=-1)],
        versions={"trl": "1"},
    )
    manifest = {
        "hash": "d",
        "people": {"train": 15},
        "sources": {"train": ["a", "a", "b"], "heldout": [["c", "d"]]},
    }
    card = describe(result, manifest, base_model="m", base_hash="b", created="now")
    assert (card.rows, card.answers, card.people, card.dataset) == (300, 4, 15, "d")
    assert card.metrics == {"steps": 10.0, "accuracy": 0.9, "loss": 0.4}
