"""What serving may see of the loop: three calls, implemented in `ratchet/`, passed in by wiring.

Invariant: `serving/` never imports `ratchet/`; whatever pages and API show of cycles comes from
here.
"""

from typing import Any, Protocol


class LoopView(Protocol):
    """The loop as the operator's page and `GET /v1/status` see it."""

    def status(self) -> dict[str, Any]:
        """Return the object of `ratchet status --json`."""
        ...

    def cycles(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest cycles first, with their stages and progress."""
        ...

    def request_cycle(self, method: str, actor: str) -> int:
        """File a request for a cycle, which the worker runs; return the request's number."""
        ...
