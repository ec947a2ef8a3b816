"""Where a benchmark keeps its databases: a folder on a real disk, and a PostgreSQL server that loses nothing."""

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests import postgres

DISK = Path("/var/tmp")  # noqa: S108 - each run makes a fresh folder in it
MEMORY = {"tmpfs", "ramfs"}  # a commit costs nothing there
SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
MUST = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def filesystem(folder: Path) -> str:
    """The kind of file system a folder lies on."""
    mounts = [(Path(part.mountpoint), part.fstype) for part in psutil.disk_partitions(all=True)]
    return max((len(str(mount)), str(kind)) for mount, kind in mounts if folder.resolve().is_relative_to(mount))[1]


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder that is gone afterwards; refuses one in memory, where nothing would be durable."""
    with tempfile.TemporaryDirectory(prefix="flowops-bench-", dir=parent, ignore_cleanup_errors=True) as folder:
        if (kind := filesystem(Path(folder))) in MEMORY:
            raise SystemExit(
                f"{parent} is in memory ({kind}): nothing was measured. Name a folder on a disk (--folder)."
            )
        yield Path(folder)


def machine(folder: Path) -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {
        "cores": os.cpu_count(),
        "memoryGiB": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "fileSystem": filesystem(folder),
    }


class Server:
    """A PostgreSQL server, its processes and its verified settings."""

    def __init__(self, sockets: str) -> None:
        self._sockets = sockets
        pid = int((Path(sockets) / "postmaster.pid").read_text().splitlines()[0])
        self.process = psutil.Process(pid)
        with psycopg.connect(self.url("postgres")) as connection:
            query = "select name, current_setting(name) from unnest(%s::text[]) as name"
            self.settings: dict[str, str] = dict(connection.execute(query, [list(SETTINGS)]).fetchall())
        wrong = {name: self.settings[name] for name, value in MUST.items() if self.settings[name] != value}
        assert not wrong, f"the server is not durable: {wrong}"

    def url(self, database: str) -> str:
        """The libpq URI of a database."""
        return f"postgresql://postgres@/{database}?host={self._sockets}"

    def create(self, database: str) -> str:
        """Make a database; its URI."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {database}")
        return self.url(database)


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A PostgreSQL with its own defaults, which are durable."""
    home = folder / "postgresql"
    home.mkdir(mode=0o700)
    with postgres.serving(home, **({"max_connections": "100"} | MUST)) as sockets:
        yield Server(sockets)
