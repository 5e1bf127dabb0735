"""From an adapter back to the votes behind it, and forward to when it was live.

Invariant: everything shown is read from the registry, the cycles and the adapter's own folder.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ratchet.wiring import Parts
from serving.errors import UnknownResponder
from serving.responders import of_adapter
from training.dataset import DatasetError, read_manifest


def describe(parts: Parts, name: str) -> dict[str, Any]:
    """Collect what is known of an adapter.

    Raises:
        UnknownResponder: there is none of this name.
    """
    record = parts.registry.adapter(name)
    if record is None:
        raise UnknownResponder(f"there is no adapter {name!r}; see `ratchet adapters list`")
    responders = of_adapter(name)
    decisions = [d for r in responders for d in parts.registry.decisions(r)]
    deployments = [d for d in parts.registry.deployments() if d.responder in responders]
    card = Path(record.path) / "README.md"
    return asdict(record) | {
        "usable": record.base_hash == parts.base_hash,
        "card": card.read_text(encoding="utf-8") if card.is_file() else None,
        "rows": _rows(parts, record.dataset),
        "decisions": [d["body"] for d in decisions],
        "deployments": [asdict(d) for d in deployments],
    }


def _rows(parts: Parts, dataset: str) -> dict[str, Any] | None:
    try:
        manifest = read_manifest(parts.settings.home / "datasets" / dataset)
    except DatasetError:  # forgotten with somebody's feedback, or kept on another machine
        return None
    return {key: manifest[key] for key in ("counts", "labels", "left_out", "people")}
