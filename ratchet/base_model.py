"""The base model: where its files are, and the hash that adapters and aliases belong to.

Invariant: the hash changes when configuration, tokenizer or weights do, and only then; it does not
depend on the place where the files lie.
"""

import hashlib
import json
import os
from pathlib import Path

from ratchet.settings import Settings, SettingsError, find_path

PATTERNS = (
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "chat_template*",
    "*.safetensors",
)


OFFERED = "<|im_start|>tools\n"
"""How the turn begins in which the demo's template names the tools; no other template has it."""
SMALL_MODEL = 100_000_000
"""Bytes of weights below which a base counts as tiny: it learns faster and says less."""


def is_tiny(base: Path) -> bool:
    """Whether a base is a toy of a few million parameters, as the demo's is."""
    return sum(p.stat().st_size for p in base.glob("*.safetensors")) < SMALL_MODEL


def calls_tools(base: Path) -> bool:
    """Whether a base is the demo's, which has learned to call the search tool."""
    template = base / "chat_template.jinja"
    return template.is_file() and OFFERED in template.read_text(encoding="utf-8")


def base_path(settings: Settings, *, fetch: bool = False) -> Path:
    """The base model's folder; a model of the hub is taken from the cache, or fetched first.

    Raises:
        SettingsError: neither a folder with a model nor a name that the hub knows.
    """
    found = find_path(settings.base_model)
    if found is not None:
        if not (found / "config.json").is_file():
            raise SettingsError(
                f"base_model = {settings.base_model!r}: {found} holds no config.json. Set "
                "RATCHET_BASE_MODEL to the folder of a model, or to a name on the Hugging Face hub."
            )
        return found
    return _hub_path(settings.base_model, fetch)


def _hub_path(name: str, fetch: bool) -> Path:
    # Only `up` fetches: what it has finished lies in the cache for every other process.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, local_files_only=not fetch))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as err:
        raise SettingsError(
            f"base_model = {name!r} is neither a folder nor a model that could be fetched from "
            f"the hub ({type(err).__name__}). Check the name and the network, or set "
            "RATCHET_BASE_MODEL to the folder of a model."
        ) from err


def base_hash(model: Path, cache: Path) -> str:
    """Hash the model's files; `cache` remembers it, as real weights take many seconds to read."""
    files = sorted({p for pattern in PATTERNS for p in model.glob(pattern) if p.is_file()})
    stamps = [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in files]
    key = {"model": str(model), "stamps": stamps}
    if cache.is_file():
        known = json.loads(cache.read_text(encoding="utf-8"))
        if known["key"] == key:
            return str(known["hash"])
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.name}:{content}\n".encode())
    found = digest.hexdigest()[:16]
    cache.parent.mkdir(parents=True, exist_ok=True)
    # web and worker may both write it: each writes its own file and renames it.
    temporary = cache.with_name(f"{cache.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"key": key, "hash": found}), encoding="utf-8")
    temporary.replace(cache)
    return found
