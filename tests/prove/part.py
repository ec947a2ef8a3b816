"""What a part of the proof is: trials that can be run one by one, and the lines of the table they add up to."""

import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from flowops.storage import migrate
from flowops.storage.engine import Database
from tests import postgres

KINDS = ("sqlite", "postgresql")
Figures = dict[str, Any]  # of one trial; JSON


@dataclass
class Bench:
    """Where trials find databases: copies of migrated ones, and a PostgreSQL server that starts when it is needed."""

    folder: Path
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _server: postgres.Server | None = None

    @property
    def server(self) -> postgres.Server:
        with self._mutex:
            if self._server is None:
                self._server = postgres.start(self.folder)
                _migrate(self._server.create_database("proof"))
            return self._server

    @property
    def template(self) -> Path:
        """A migrated SQLite file to copy."""
        path = self.folder / "template.db"
        with self._mutex:
            if not path.exists():
                _migrate(f"sqlite:///{path}")
        return path

    @contextmanager
    def database(self, kind: str) -> Iterator[str]:
        """The URL of a fresh migrated database."""
        name = f"proof_{uuid.uuid4().hex[:12]}"
        if kind == "sqlite":
            path = self.folder / f"{name}.db"
            shutil.copy(self.template, path)
            try:
                yield f"sqlite:///{path}"
            finally:
                for file in self.folder.glob(f"{name}.db*"):
                    file.unlink()
            return
        server = self.server
        with self._mutex:
            url = server.create_database(name, "proof")
        try:
            yield url
        finally:
            server.drop_database(name)

    def scratch(self) -> Path:
        """An empty folder."""
        made = self.folder / uuid.uuid4().hex
        made.mkdir()
        return made

    def close(self) -> None:
        if self._server is not None:
            self._server.lease.close()


@dataclass(frozen=True)
class Part:
    """One promise at its full size. `trials` are independent of each other, and so many can run `at_once`.

    `lines` says of the figures of all trials so far what they show and what was promised: measure, figure, promise.
    """

    name: str
    promise: str
    trials: Sequence[str]
    run: Callable[[Bench, str], Figures]
    lines: Callable[[Mapping[str, Figures]], list[tuple[str, str, str]]]
    at_once: int = 1


def of_kind(done: Mapping[str, Figures], kind: str) -> list[Figures]:
    """The figures of the trials on one kind of database."""
    return [figures for trial, figures in done.items() if trial.startswith(kind)]


def total(done: Mapping[str, Figures], name: str) -> int:
    """A figure summed up over all trials; a list counts its items."""
    found = [figures[name] for figures in done.values()]
    return sum(len(each) if isinstance(each, list) else each for each in found)


def spread(numbers: Sequence[float], unit: str) -> str:
    """Median, 95th percentile and most of some numbers, in words."""
    if len(numbers) < 2:
        return ", ".join(f"{number:.1f} {unit}" for number in numbers) or "none"
    cuts = quantiles(numbers, n=20, method="inclusive")
    return f"p50 {cuts[9]:.1f}, p95 {cuts[18]:.1f}, max {max(numbers):.1f} {unit}"


def _migrate(url: str) -> None:
    database = Database(url)
    migrate.upgrade(database)
    database.close()
