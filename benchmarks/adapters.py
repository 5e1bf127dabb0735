"""Adapters that nobody trained, for benchmarks that only need answers to differ.

Invariant: the service cannot tell them from trained ones: same files, same fingerprint, registered.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from ratchet.settings import Settings
from ratchet.wiring import open_parts
from serving.adapter_files import MANIFEST, fingerprint
from serving.null_adapter import write_null_adapter
from serving.records import AdapterRecord


def publish(settings: Settings, seed: int) -> str:
    """Publish an adapter that changes every answer in its own way; return its name."""
    parts = open_parts(settings)
    home = settings.home
    name = parts.registry.next_adapter_name()
    plain = write_null_adapter(parts.base, home / "template")
    folder = home / "adapters" / name
    folder.mkdir(parents=True)
    config = json.loads((plain / "adapter_config.json").read_text(encoding="utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    _save(folder, parts.base, np.random.default_rng(seed))
    found = fingerprint(folder)
    (folder / MANIFEST).write_text(json.dumps({"fingerprint": found}), encoding="utf-8")
    parts.registry.add_adapter(
        AdapterRecord(
            name=name, path=str(folder.absolute()), fingerprint=found,
            base_hash=parts.base_hash, recipe="kto", dataset="benchmark", cycle="benchmark",
        )
    )  # fmt: skip
    parts.database.dispose()
    return name


def _save(folder: Path, base: Path, rng: np.random.Generator) -> None:
    shape = json.loads((base / "config.json").read_text(encoding="utf-8"))
    hidden = shape["hidden_size"]
    wide = shape["num_attention_heads"] * shape.get(
        "head_dim", hidden // shape["num_attention_heads"]
    )
    tensors = {}
    for layer in range(shape["num_hidden_layers"]):
        key = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{key}.lora_A.weight"] = rng.normal(0, 1, (1, hidden)).astype(np.float32)
        tensors[f"{key}.lora_B.weight"] = rng.normal(0, 1, (wide, 1)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
