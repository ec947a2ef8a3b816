"""Every contestant by name; importing its library is left to whoever runs it."""

from dataclasses import dataclass
from importlib import import_module

from benchmarks.outbox.contestant import Contestant

DATABASES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


@dataclass(frozen=True)
class Entry:
    """A contestant on a database, and how it is made."""

    name: str
    database: str
    module: str
    arguments: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} on {DATABASES[self.database]}"

    def make(self) -> Contestant:
        """Import and make it."""
        made: Contestant = import_module(f"{__name__}.{self.module}").Contestant(*self.arguments)
        return made


def entries(batch: int = 100) -> tuple[Entry, ...]:
    """All of them; the limits claim `batch` jobs at once."""
    return (
        Entry("flowops", "postgresql", "own"),
        Entry("pgqueuer", "postgresql", "pgqueuer"),
        Entry("procrastinate", "postgresql", "procrastinate"),
        Entry("limit", "postgresql", "limit_on_postgresql", (False, batch)),
        Entry("fused limit", "postgresql", "limit_on_postgresql", (True, batch)),
        Entry("flowops", "sqlite", "own"),
        Entry("huey", "sqlite", "huey"),
        Entry("limit", "sqlite", "limit_on_sqlite", (False, batch)),
        Entry("fused limit", "sqlite", "limit_on_sqlite", (True, batch)),
    )
