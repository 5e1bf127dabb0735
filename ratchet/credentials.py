"""The service's own secrets: written once to files that only their owner can read.

Invariant: a secret that exists is never replaced, and no file of one is ever readable by others,
not even for a moment.
"""

import os
import secrets
import tempfile
from pathlib import Path

from ratchet.settings import SecretName, Settings

FILES: tuple[SecretName, ...] = ("operator.token", "internal.key", "cookie.key")


def write_secrets(settings: Settings) -> None:
    """Write the secrets that neither the settings nor an earlier start gave."""
    settings.home.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if not settings.secret(name):
            _write_once(settings.home / name, secrets.token_urlsafe(32))


def _write_once(path: Path, secret: str) -> None:
    # Two may start at once: each writes a file of its own (mode 600), and the first link wins.
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
        os.link(temporary, path)
    except FileExistsError:
        if not path.read_text(encoding="utf-8").strip():
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
