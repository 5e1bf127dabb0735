"""An adapter that changes nothing, through which the base is asked on a CPU.

There vLLM gives "no adapter" the index -1, which takes the last LoRA slot: once as many adapters as
slots were used, the base answers as one of them, silently.

Invariant: the same base gives the same bytes, and a folder that exists is never rewritten, because
an engine may be reading it.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

NULL_ADAPTER = "base-null"


def write_null_adapter(base_model: Path, adapters: Path) -> Path:
    """Return the folder of the null adapter of this base, writing it where it is missing.

    Raises:
        ValueError: the base's config.json does not describe a decoder with attention projections.
    """
    config = json.loads((base_model / "config.json").read_text(encoding="utf-8"))
    hidden, queries = _widths(config, base_model)
    folder = adapters / f"{NULL_ADAPTER}-{hidden}-{queries}"
    if folder.is_dir():
        return folder
    adapters.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".null-", dir=adapters))
    tensors = {
        # One projection of one layer is enough: what has no weights in an adapter stays the base's.
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": np.zeros(
            (1, hidden), dtype=np.float32
        ),
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": np.zeros(
            (queries, 1), dtype=np.float32
        ),
    }
    save_file(tensors, draft / "adapter_model.safetensors", metadata={"format": "pt"})
    (draft / "adapter_config.json").write_text(json.dumps(_PEFT, indent=2), encoding="utf-8")
    draft.chmod(0o755)
    try:
        os.rename(draft, folder)
    except OSError:
        # Another process was first; its folder is the same.
        shutil.rmtree(draft)
        if not folder.is_dir():
            raise
    return folder


_PEFT: dict[str, Any] = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "r": 1,
    "lora_alpha": 1,
    "lora_dropout": 0.0,
    "bias": "none",
    "target_modules": ["q_proj"],
    "modules_to_save": None,
    "inference_mode": True,
}


def _widths(config: dict[str, Any], base_model: Path) -> tuple[int, int]:
    """Return what goes into the query projection and what comes out."""
    text = config.get("text_config", config)
    try:
        hidden, heads = int(text["hidden_size"]), int(text["num_attention_heads"])
    except KeyError as err:
        raise ValueError(f"{base_model}/config.json has no {err.args[0]!r}") from err
    return hidden, heads * int(text.get("head_dim") or hidden // heads)
