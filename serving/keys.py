"""API keys: who holds one and what it allows. A key is shown once and kept as a hash only.

Invariant: `find` and `exist` answer from memory, since every request asks them; `refresh` brings
memory up to date whenever anybody has written to the database.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from feedback.database import Database
from serving.errors import BadRequest, NotFound
from serving.tables import api_keys

RIGHTS = ("chat", "feedback", "status", "act", "operator")
"""What a key may allow. `act`: speak for the `user` in the body. `operator`: everything."""
DEFAULT_RIGHTS = ("chat", "feedback")


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret."""

    id: str
    holder: str
    rights: frozenset[str]
    created: float
    revoked: float | None


class ApiKeys:
    """The keys of this service."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._valid: dict[str, ApiKey] = {}

    def add(self, holder: str, rights: Collection[str] = DEFAULT_RIGHTS) -> tuple[ApiKey, str]:
        """Make a key; the secret is in the answer and nowhere else.

        Raises:
            BadRequest: there is no such right, or the holder has no name.
        """
        unknown = set(rights) - set(RIGHTS)
        if unknown or not rights:
            raise BadRequest(f"rights are some of {', '.join(RIGHTS)}; not {sorted(unknown)}")
        if not 0 < len(holder) <= 128:
            raise BadRequest("a key's holder needs a name of 1 to 128 characters")
        secret = f"rk-{secrets.token_urlsafe(32)}"
        key = ApiKey(secrets.token_hex(4), holder, frozenset(rights), self._clock(), None)
        row = {
            "id": key.id,
            "hash": _hash(secret),
            "holder": holder,
            "rights": sorted(rights),
            "created": key.created,
        }
        with self._database.write() as connection:
            connection.execute(insert(api_keys).values(row))
        self.refresh()
        return key, secret

    def list(self) -> list[ApiKey]:
        """Return every key, revoked ones too, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.created)).mappings()
            return [_key(dict(row)) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Make a key worthless.

        Raises:
            NotFound: there is no valid key with this id.
        """
        change = (
            update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.revoked.is_(None))
            .values(revoked=self._clock())
        )
        with self._database.write() as connection:
            if connection.execute(change).rowcount == 0:
                raise NotFound(f"no valid key has the id {key_id!r}; see `ratchet keys list`")
        self.refresh()

    def refresh(self) -> None:
        """Read the valid keys."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(api_keys).where(api_keys.c.revoked.is_(None))
            ).mappings()
            self._valid = {row["hash"]: _key(dict(row)) for row in rows}

    def find(self, secret: str) -> ApiKey | None:
        """Return the valid key with this secret."""
        return self._valid.get(_hash(secret))

    def exist(self) -> bool:
        """Say whether any key is valid: from then on nobody is trusted for coming with nothing."""
        return bool(self._valid)


def _hash(secret: str) -> str:
    # A plain hash suffices: the secret is 256 random bits, not a password.
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: dict[str, Any]) -> ApiKey:
    rights = frozenset(row["rights"])
    return ApiKey(row["id"], row["holder"], rights, row["created"], row["revoked"])
