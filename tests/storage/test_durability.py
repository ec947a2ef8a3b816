"""What is acknowledged is durable: before a writer goes on, the database has synced, or been told to, what it wrote."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Text, cast, event, func, select, text

from flowops.domain import events
from flowops.domain.access import SYSTEM
from flowops.storage.engine import Database
from flowops.storage.unit import open_unit

UNITS = 40


def write(database: Database, before_commit: Callable[[Connection], None] | None = None) -> None:
    with open_unit(database, SYSTEM) as unit:
        unit.record(events.JobRead(job_id="a"))
        unit.write()
        if before_commit:
            before_commit(unit.session.connection())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_is_told_to_sync_its_log_with_every_commit(database: Database) -> None:
    """FULL in WAL mode syncs the log after each transaction (sqlite.org/pragma.html#pragma_synchronous)."""
    seen: list[tuple[str, int]] = []

    @event.listens_for(database.engine, "commit")
    def look(connection: Connection) -> None:
        wire = connection.connection.driver_connection
        assert wire is not None
        if not wire.execute("PRAGMA query_only").fetchone()[0]:
            seen.append(tuple(wire.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: write(database), range(UNITS)))
    assert set(seen) == {("wal", 2)}
    assert len(seen) <= UNITS


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_has_flushed_its_log_before_a_commit_is_acknowledged(database: Database) -> None:
    written: list[str] = []

    def look(connection: Connection) -> None:
        written.append(connection.execute(select(cast(func.pg_current_wal_insert_lsn(), Text))).scalar_one())

    with database.engine.connect() as other:
        for _ in range(UNITS):
            write(database, look)
            flushed = text("SELECT pg_current_wal_flush_lsn() > CAST(:lsn AS pg_lsn)")
            assert other.execute(flushed, {"lsn": written[-1]}).scalar_one()
