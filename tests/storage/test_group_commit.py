"""Writers that wait for SQLite share one commit: each keeps or loses its own, and none hears before it is safe."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select, text

from flowops import errors
from flowops.domain import events
from flowops.domain.access import SYSTEM
from flowops.storage import engine, tables
from flowops.storage.engine import Database
from flowops.storage.unit import Unit, open_unit, open_view


@pytest.fixture
def database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "group.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def commits(database: Database) -> list[float]:
    """When each commit that ended a writing transaction began."""
    seen: list[float] = []

    def note(connection: Connection) -> None:
        if connection.get_execution_options().get("writes"):
            seen.append(time.monotonic())

    event.listen(database.engine, "commit", note)
    return seen


def add(unit: Unit, name: str) -> None:
    unit.session.add(tables.Queue(name=name, created_at=unit.now))
    unit.record(events.QueueAdded(queue=name))


def names(database: Database) -> set[str]:
    with open_view(database, SYSTEM) as view:
        return set(view.session.scalars(select(tables.Queue.name))) - {"default"}


Work = Callable[[Unit], None]


@contextmanager
def together(database: Database, *work: Work) -> Iterator[list[Future[None]]]:
    """These units in one group, in this order: all of them wait before the first may begin."""

    def write(do: Work) -> None:
        with open_unit(database, SYSTEM) as unit:
            do(unit)

    with ThreadPoolExecutor(len(work)) as pool:
        database._turns.take(1)
        futures = []
        for do in work:
            futures.append(pool.submit(write, do))
            time.sleep(0.05)
        database._turns.end()
        yield futures


def adding(name: str) -> Work:
    return lambda unit: add(unit, name)


def failing(error: Exception) -> Work:
    def fail(unit: Unit) -> None:
        add(unit, "never")
        unit.session.flush()
        raise error

    return fail


def test_those_who_wait_share_one_commit(database: Database, commits: list[float]) -> None:
    with together(database, *(adding(f"q{number}") for number in range(8))) as futures:
        for future in futures:
            future.result()
    assert len(commits) == 1
    assert names(database) == {f"q{number}" for number in range(8)}


def test_switched_off_each_has_its_own(database: Database, commits: list[float]) -> None:
    database.shares_commits = False
    with together(database, adding("a"), adding("b")) as futures:
        for future in futures:
            future.result()
    assert len(commits) == 2
    assert names(database) == {"a", "b"}


def test_nobody_hears_before_the_commit_is_over(database: Database) -> None:
    """Of those who succeeded as of those who failed: what failed may have failed because of what others wrote."""
    may_commit, committing = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        if connection.get_execution_options()["writes"]:
            committing.set()
            assert may_commit.wait(10)

    event.listen(database.engine, "commit", hold)
    with together(database, adding("a"), failing(errors.NotFound(kind="x", id="1")), adding("b")) as futures:
        assert committing.wait(10)
        time.sleep(0.1)
        assert not any(future.done() for future in futures)
        assert names(database) == set()
        may_commit.set()
        futures[0].result()
        futures[2].result()
        with pytest.raises(errors.NotFound):
            futures[1].result()
    assert names(database) == {"a", "b"}


def test_a_unit_that_raises_is_rolled_back_alone(database: Database, commits: list[float]) -> None:
    def fail_in_sql(unit: Unit) -> None:
        add(unit, "default")  # there is one

    def forget(unit: Unit) -> None:
        unit.session.add(tables.Queue(name="unaudited", created_at=unit.now))

    work = adding("a"), failing(ZeroDivisionError()), adding("b"), fail_in_sql, adding("c"), forget, adding("d")
    with together(database, *work) as futures:
        assert [type(future.exception()).__name__ for future in futures] == [
            "NoneType",
            "ZeroDivisionError",
            "NoneType",
            "IntegrityError",
            "NoneType",
            "UnauditedChange",
            "NoneType",
        ]
    assert len(commits) == 1
    assert names(database) == {"a", "b", "c", "d"}


def test_units_of_a_group_see_what_came_before_them(database: Database) -> None:
    seen: list[str] = []

    def look(unit: Unit) -> None:
        seen.extend(unit.session.scalars(select(tables.Queue.name).where(tables.Queue.name == "a")))

    with together(database, adding("a"), look) as futures:
        for future in futures:
            future.result()
    assert seen == ["a"]


def test_a_commit_that_fails_fails_the_whole_group(database: Database) -> None:
    def owe(unit: Unit) -> None:
        """Point to a row that is not there; SQLite looks when it commits."""
        connection = unit.session.connection()
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("INSERT INTO queue_members (queue, user_id) VALUES ('default', 'usr_nobody')")

    with together(database, adding("a"), failing(errors.NotFound(kind="x", id="1")), owe, adding("b")) as futures:
        for future in futures:
            with pytest.raises(errors.Unavailable, match=r"FOREIGN KEY constraint failed\. Nothing was lost"):
                future.result()
    assert names(database) == set()
    with open_unit(database, SYSTEM) as unit:
        add(unit, "afterwards")
    assert names(database) == {"afterwards"}


def test_a_full_disk_fails_the_whole_group_and_those_after_it_start_anew(database: Database) -> None:
    def fill(unit: Unit) -> None:
        connection = unit.session.connection()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")
        for number in range(100):
            add(unit, f"q{number}-" + "x" * 10_000)
            unit.session.flush()

    def empty(unit: Unit) -> None:
        unit.session.connection().exec_driver_sql("PRAGMA max_page_count = 1000000")
        add(unit, "afterwards")

    with together(database, adding("a"), fill, empty) as futures:
        for future in futures[:2]:
            with pytest.raises(errors.Unavailable, match="Nothing was lost"):
                future.result()
        futures[2].result()
    assert names(database) == {"afterwards"}


def test_a_writer_that_waited_too_long_gives_up_and_delays_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WAIT", 0.2)

    def dawdle(unit: Unit) -> None:
        add(unit, "slow")
        time.sleep(0.5)

    with together(database, dawdle, adding("late")) as futures:
        futures[0].result()
        with pytest.raises(errors.Unavailable, match=r"other writers kept it busy for 0\.2 s"):
            futures[1].result()
    with open_unit(database, SYSTEM) as unit:
        add(unit, "next")
    assert names(database) == {"slow", "next"}


def test_many_writers_lose_nothing_and_keep_nothing_of_those_who_failed(database: Database) -> None:
    kept: list[str] = []

    def write(thread: int) -> None:
        for step in range(20):
            name = f"q-{thread}-{step}"
            try:
                with open_unit(database, SYSTEM) as unit:
                    add(unit, name)
                    if (thread + step) % 3 == 0:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue
            assert name in names(database)
            kept.append(name)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(16)))
    assert names(database) == set(kept)
    with open_view(database, SYSTEM) as view:
        assert view.session.scalar(text("SELECT count(*) FROM audit_entries")) == len(kept)
