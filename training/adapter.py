"""From a checkpoint to something that may be served: checked, fingerprinted, moved into place.

The engine keeps an adapter by name and path and reads it from disk again whenever it likes, so a
published folder is never written to, renamed or reused; another adapter gets another name.

Invariant: a folder under `home/adapters` whose name does not start with a dot is complete, would be
accepted by the engine, and matches its fingerprint.
"""

import hashlib
import json
import os
import re
import shutil
import struct
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.card import Card, render

CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"
MANIFEST = "manifest.json"
CARD = "README.md"
SERVED_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""What the engine is started with: an adapter on any other module would be refused."""
# These only set the first values; others change the base's weights when the adapter is loaded.
_PLAIN_STARTS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class AdapterRejected(Exception):
    """A checkpoint that must not be published: the engine would refuse it, or it is broken."""


class Published(NamedTuple):
    """A published adapter."""

    path: Path
    fingerprint: str


def publish(
    checkpoint: Path,
    home: Path,
    name: str,
    card: Card,
    *,
    max_rank: int = 32,
    modules: Collection[str] = SERVED_MODULES,
) -> Published:
    """Copy a checkpoint to `home/adapters/<name>`, complete or not at all.

    Raises:
        AdapterRejected: the engine would refuse it, it is broken, or the name is taken.
    """
    if not _NAME.fullmatch(name):
        raise AdapterRejected(f"{name!r} is no adapter name: use lower case, digits and hyphens")
    path = home / "adapters" / name
    if path.exists():
        raise AdapterRejected(
            f"{path} exists, and an adapter is never overwritten: take a new name"
        )
    validate(checkpoint, max_rank=max_rank, modules=modules)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=path.parent))
    try:
        for file in (CONFIG, TENSORS):
            shutil.copyfile(checkpoint / file, draft / file)
        (draft / CARD).write_text(render(name, card), encoding="utf-8")
        found = fingerprint(draft)
        manifest = {
            "name": name,
            "fingerprint": found,
            "files": _hashes(draft),
            **asdict(card),
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True)
        (draft / MANIFEST).write_text(f"{text}\n", encoding="utf-8")
        _settle(draft)
        os.rename(draft, path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Published(path, found)


def fingerprint(path: Path) -> str:
    """Return the hash of everything in an adapter's folder but its manifest."""
    lines = "".join(f"{name}\0{value}\n" for name, value in sorted(_hashes(path).items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def validate(
    checkpoint: Path, *, max_rank: int = 32, modules: Collection[str] = SERVED_MODULES
) -> None:
    """Check that the engine would take a checkpoint, and that it is whole.

    Raises:
        AdapterRejected: with everything that is wrong with it.
    """
    try:
        config = json.loads((checkpoint / CONFIG).read_text(encoding="utf-8"))
        tensors = read_tensors(checkpoint / TENSORS)
    except (OSError, ValueError) as err:
        raise AdapterRejected(f"{checkpoint} is no adapter: {err}") from err
    problems = [
        *_refused_settings(config, max_rank),
        *_refused_tensors(tensors, _ranks(config), modules),
    ]
    if problems:
        raise AdapterRejected(f"{checkpoint} cannot be served: " + "; ".join(problems))


def read_tensors(file: Path) -> dict[str, NDArray[np.float32]]:
    """Read a safetensors file as float32, bfloat16 included, which numpy does not know.

    Raises:
        ValueError: it is broken, or holds another type of number.
    """
    data = file.read_bytes()
    if len(data) < 8:
        raise ValueError(f"{file} is cut short")
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES:
            raise ValueError(f"{name} in {file} is {entry['dtype']}, not one of {list(_DTYPES)}")
        first, end = (8 + size + offset for offset in entry["data_offsets"])
        raw = np.frombuffer(data[first:end], dtype=_DTYPES[entry["dtype"]])
        if raw.size != np.prod(entry["shape"], dtype=int):
            raise ValueError(f"{name} in {file} is cut short")
        if entry["dtype"] == "BF16":
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        tensors[name] = raw.astype(np.float32).reshape(entry["shape"])
    return tensors


def _ranks(config: Mapping[str, Any]) -> set[int]:
    return {config.get("r") or 0, *(config.get("rank_pattern") or {}).values()}


def _refused_settings(config: Mapping[str, Any], max_rank: int) -> list[str]:
    problems = []
    if config.get("peft_type") != "LORA":
        problems.append(f"peft_type is {config.get('peft_type')!r}, not 'LORA'")
    ranks = _ranks(config)
    if not 0 < min(ranks) <= max(ranks) <= max_rank:
        problems.append(f"rank {max(ranks)} is not between 1 and the engine's {max_rank}")
    if config.get("bias", "none") != "none":
        problems.append(f"bias is {config['bias']!r}, the engine takes 'none' only")
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in _PLAIN_STARTS:
        problems.append(f"init_lora_weights {start!r} changes the base's own weights")
    problems += [
        f"{key} is set, and the engine does not know it"
        for key in (
            "use_dora",
            "lora_bias",
            "modules_to_save",
            "alora_invocation_tokens",
            "layer_replication",
            "use_bdlora",
            "use_qalora",
        )
        if config.get(key)
    ]
    return problems


def _refused_tensors(
    tensors: Mapping[str, NDArray[np.float32]], ranks: set[int], modules: Collection[str]
) -> list[str]:
    problems, sides = [], {"A": set[str](), "B": set[str]()}
    moved = False
    for name, values in tensors.items():
        found = _TENSOR.fullmatch(name)
        if found is None or found["module"].rsplit(".", 1)[-1] not in modules:
            problems.append(f"{name} is on no module that the engine serves")
            continue
        side = found["side"]
        sides[side].add(found["module"])
        inner = values.shape[0 if side == "A" else -1] if values.ndim == 2 else None
        if inner not in ranks:
            problems.append(f"{name} has shape {values.shape}, which is not of rank {ranks}")
        if not np.isfinite(values).all():
            problems.append(f"{name} holds numbers that are not finite")
        moved = moved or (side == "B" and bool(np.any(values)))
    if sides["A"] != sides["B"]:
        problems.append(f"one side is missing for {sorted(sides['A'] ^ sides['B'])}")
    if not moved and not problems:
        problems.append("all of it is zero: nothing was learned")
    return problems


def _hashes(path: Path) -> dict[str, str]:
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }


def _settle(folder: Path) -> None:
    """Put a folder's content on the disk before its name says that it is there."""
    folder.chmod(0o755)
    for target in (*folder.iterdir(), folder):
        handle = os.open(target, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
