"""The running service as the command line and the worker see it: its HTTP API, and where it is.

Invariant: what the service refuses reaches the caller with the service's own sentence, and a
service that is not there is named with the command that starts it.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import psutil

from ratchet.settings import Settings

TIMEOUT = httpx.Timeout(30.0, connect=3.0)
"""Seconds. Promotion may load an adapter first, so it is asked with a timeout of its own."""


class ServiceMissing(Exception):
    """No service answers; the message says how to start one."""


class ServiceRefused(Exception):
    """The service answered with an error; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def run_file(home: Path) -> Path:
    """Where a running service says how it is reached."""
    return home / "run" / "web.json"


def service_url(settings: Settings) -> str:
    """Where the service of these settings answers, or would."""
    if settings.web_url:
        return settings.web_url.rstrip("/")
    path = run_file(settings.home)
    if path.is_file():
        said = json.loads(path.read_text(encoding="utf-8"))
        # What a killed service left behind may name a port that is somebody else's by now.
        if is_running(said["pid"], said["started"]):
            return str(said["url"])
    host = settings.host if settings.host not in {"0.0.0.0", "::"} else "127.0.0.1"
    return f"http://{host}:{settings.port}"


def is_running(pid: int, started: float) -> bool:
    """Whether the process that was started then still runs."""
    try:
        return bool(abs(psutil.Process(pid).create_time() - started) < 1.0)
    except psutil.NoSuchProcess:
        return False


class Service:
    """A small HTTP client with the operator's token or the internal key."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # Proxies of the environment are for the world outside; the service is ours.
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False)

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = 30.0
    ) -> Any:
        """Return the answer's JSON.

        Raises:
            ServiceMissing: nobody answers there.
            ServiceRefused: an error was answered.
        """
        try:
            answer = self._http.request(method, path, json=body, timeout=timeout)
        except httpx.TransportError as err:
            raise ServiceMissing(
                f"no Ratchet service answers at {self.url} ({type(err).__name__}): start one with "
                "`ratchet up` (or `make run`), or set RATCHET_WEB_URL to where it runs."
            ) from err
        if answer.is_success:
            return answer.json()
        raise ServiceRefused(answer.status_code, _message(answer))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        asked = f"{answer.request.method} {answer.url}"
        return f"{asked} answered {answer.status_code}: {answer.text[:300]}"


def operator_service(settings: Settings) -> Service:
    """The service, asked as the operator."""
    return Service(service_url(settings), settings.secret("operator.token"))


def internal_service(settings: Settings) -> Service:
    """The service, asked as the worker: what it asks never becomes feedback."""
    return Service(service_url(settings), settings.secret("internal.key"))
