"""A real PostgreSQL server for tests: made from nothing, on a socket of its own, killed at will.

Debian's packages have the programs (`make system`). Invariant: the server listens on no network,
keeps everything in one folder, and is gone with it.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg import sql

MISSING = "there is no PostgreSQL server on this machine: `make system` installs Debian's"
START_SECONDS = 60.0
SETTINGS = {
    "listen_addresses": "",
    # A statistics run of its own accord would look like somebody's commit.
    "autovacuum": "off",
    "max_connections": "200",
    "fsync": "on",
}


def programs() -> Path | None:
    """Return the folder of initdb and postgres, the newest version's; None: not installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    found = shutil.which("initdb")
    folders = [*reversed(debian), *([Path(found).parent] if found else [])]
    return next((folder for folder in folders if (folder / "postgres").is_file()), None)


def required() -> Path:
    """Return the programs' folder; without one the tests are left out, but never silently in CI."""
    found = programs()
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    return found


class PostgresServer:
    """A server on a Unix socket, with a superuser `ratchet` who needs no password there."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        shared = Path("/dev/shm")
        place = shared if os.access(shared, os.W_OK) else None
        # Its path is part of a socket's name, which may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="ratchet-pg-", dir=place))
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None
        if self._as_user:
            shutil.chown(self.folder, self._as_user["user"], self._as_user["group"])
        words = ("--username=ratchet", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        self._run("initdb", *words, "--no-sync", "--pgdata", str(self.data))

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @cached_property
    def _as_user(self) -> dict[str, Any]:
        """The user to run as: PostgreSQL refuses to be root."""
        if os.getuid():
            return {}
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._programs / program, *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as_user,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()}")

    def start(self) -> None:
        """Start the server and wait until it answers, however it ended before."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            self._begin()
            while self._process is not None and self._process.poll() is None:
                try:
                    self._connect("postgres").close()
                except psycopg.OperationalError:
                    self._check_time(deadline)
                    time.sleep(0.02)
                else:
                    return
            # What is left of a killed one may hold the shared memory for a moment.
            self._check_time(deadline)
            time.sleep(0.1)

    def _check_time(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"PostgreSQL does not start:\n{log[-2000:]}")

    def _begin(self) -> None:
        settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, "-k", self.folder, *settings],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as_user,
            )

    def stop(self) -> None:
        """Stop the server as an operator would; those who are connected are cut off."""
        if self._process is not None:
            self._process.send_signal(2)
            self._process.wait(START_SECONDS)

    def kill(self) -> None:
        """Kill the server and each of its processes: nothing is written after this."""
        assert self._process is not None
        ours = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for process in ours:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()
        psutil.wait_procs(ours, timeout=START_SECONDS)

    def remove(self) -> None:
        """Stop the server for good, and delete everything."""
        self.stop()
        shutil.rmtree(self.folder)

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Delete a database, whoever is still connected to it."""
        name = url.partition("?")[0].rpartition("/")[2]
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def url(self, name: str) -> str:
        """Return the address of a database of this server."""
        return f"postgresql+psycopg://ratchet@/{name}?host={self.folder}"

    def execute(self, statement: sql.Composable, database: str = "postgres") -> None:
        """Run a statement outside any transaction."""
        with self._connect(database) as connection:
            connection.execute(statement)

    def _connect(self, database: str) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            host=str(self.folder), user="ratchet", dbname=database, autocommit=True
        )
