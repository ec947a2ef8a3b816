"""SQLite and PostgreSQL behave alike where it matters: durability, waiting, failing, time."""

import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from flowops import errors
from flowops.domain import events
from flowops.domain.access import SYSTEM
from flowops.storage import engine, tables
from flowops.storage.engine import Database
from flowops.storage.unit import open_unit, open_view
from tests.delivery import wait_until
from tests.postgres import Server


def test_sqlite_below_full_synchronous_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db?synchronous=NORMAL")
    with pytest.raises(errors.WrongSetting, match="FLOWOPS_DATABASE_URL asks SQLite for synchronous=NORMAL"):
        database.check_durability()


def test_sqlite_is_full_wal_and_checks_foreign_keys(sqlite_template: Path) -> None:
    database = Database(f"sqlite:///{sqlite_template}")
    with database.reading() as connection:
        asked = ("synchronous", "journal_mode", "foreign_keys")
        assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in asked] == [2, "wal", 1]
    database.close()


def test_postgresql_that_does_not_wait_for_its_log_is_refused(server: Server, postgres_template: str) -> None:
    url = server.create_database("not_durable", postgres_template)
    try:
        with psycopg.connect(host=server.sockets, user="postgres", dbname="not_durable", autocommit=True) as connection:
            connection.execute("ALTER DATABASE not_durable SET synchronous_commit = off")
        database = Database(url)
        with pytest.raises(errors.WrongSetting, match="synchronous_commit=off"):
            database.check_durability()
        database.close()
    finally:
        server.drop_database("not_durable")


def test_a_durable_database_is_accepted(database: Database) -> None:
    database.check_durability()


def test_writers_queue_and_none_is_lost(database: Database) -> None:
    def write(number: int) -> None:
        for step in range(10):
            with open_unit(database, SYSTEM) as unit:
                unit.session.add(tables.Queue(name=f"q-{number}-{step}", created_at=unit.now))
                unit.record(events.QueueAdded(queue=f"q-{number}-{step}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_view(database, SYSTEM) as view:
        assert len(view.session.scalars(select(tables.Queue)).all()) == 81
        assert len(view.session.scalars(select(tables.AuditEntry)).all()) == 80


def test_a_busy_sqlite_file_is_unavailable_not_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WAIT", 0.05)
    url = f"sqlite:///{tmp_path}/a.db"
    first, second = Database(url), Database(url)
    with first.writing(), pytest.raises(errors.Unavailable, match="database is locked"), second.writing():
        pass
    first.close()
    second.close()


def test_a_database_that_cannot_be_reached_is_unavailable() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(errors.Unavailable, match="Nothing was lost"), database.reading():
        pass


def test_the_clock_is_the_databases_and_in_utc(database_url: str) -> None:
    database = Database(database_url)
    with open_view(database, SYSTEM) as view:
        assert view.now.tzinfo is UTC
        assert abs(view.now - datetime.now(UTC)) < timedelta(seconds=5)
    database.close()


def test_a_name_is_locked_by_one_unit_at_a_time(database: Database) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.wait()
        with open_unit(database, SYSTEM) as unit:
            unit.lock("customer:1")
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with open_unit(database, SYSTEM) as unit:
        unit.lock("customer:1")
        entered.set()
        thread.join(timeout=0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


# On SQLite there is no connection to lose.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_connections_that_the_server_closed_are_replaced_before_they_are_used(database: Database) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(database.reading()) for _ in range(3)]
        pids = [connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() for connection in idle]
    with database.reading() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM unnest(%s) pid WHERE pid <> pg_backend_pid()"
        connection.exec_driver_sql(others, (pids,))
        wait_until(lambda: sum(Path(f"/proc/{pid}").exists() for pid in pids) == 1)
    for _ in range(3):
        with database.reading() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
