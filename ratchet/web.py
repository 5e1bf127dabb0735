"""The web process: migrate if needed, say where it listens, serve until asked to stop.

Invariant: `run/web.json` names a service only while it runs; who finds it can reach the service.
"""

import gc
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import psutil

from ratchet.children import watch_parent
from ratchet.client import run_file
from ratchet.credentials import write_secrets
from ratchet.home_lock import shared
from ratchet.migrations import migrate_url
from ratchet.settings import Settings, SettingsError
from ratchet.wiring import web_app


def run_web(settings: Settings) -> None:
    """Serve until asked to stop.

    Raises:
        SettingsError: the port is taken.
        HomeTaken: a restore is at work.
    """
    with shared(settings.home):
        _run(settings)


def _run(settings: Settings) -> None:
    import uvicorn

    from ratchet.graceful import GracefulServer

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for chatty in ("alembic", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    watch_parent()
    write_secrets(settings)
    migrate_url(settings.database)
    listener = listen(settings.host, settings.port)
    port = int(listener.getsockname()[1])
    app = web_app(settings.model_copy(update={"port": port}))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        # Which proxies are believed is `serving/proxy.py`'s affair, which needs the real address.
        proxy_headers=False,
    )
    server = GracefulServer(config, app.state.services.chat.stop, settings.stop_seconds)
    said = say_where(settings, port)
    # uvicorn ends its work and raises the signal once more: without this it would end us there.
    signal.signal(signal.SIGTERM, _leave)
    # What is loaded by now stays: going through it at every collection would hold answers up.
    gc.collect()
    gc.freeze()
    try:
        server.run(sockets=[listener])
    finally:
        said.unlink(missing_ok=True)


def _leave(*_: object) -> None:
    # Who is in a hurry asks again and again: what is left to do here is not to be interrupted.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


def listen(host: str, port: int) -> socket.socket:
    """Bind the port, so that nobody can take it between the check and the service.

    Raises:
        SettingsError: it cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as err:
        listener.close()
        raise SettingsError(
            f"port = {port} on {host} cannot be used: {err.strerror}. Stop what listens there, or "
            "set RATCHET_PORT to a free port (0 takes any)."
        ) from err
    return listener


def say_where(settings: Settings, port: int) -> Path:
    """Write where the service is reached, for the command line and the worker."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    said = {
        "url": f"http://{host}:{port}",
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }
    path = run_file(settings.home)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(said), encoding="utf-8")
    temporary.replace(path)
    return path
