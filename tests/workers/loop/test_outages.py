"""While the database is away, only reads or is full a worker waits, and nothing that was done meanwhile is lost."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import Connection, create_engine, event

from flowops import app as application
from flowops import errors
from flowops.actions import leases
from flowops.domain import access, events, jobs
from flowops.storage.unit import Unit
from flowops.workers import handlers
from tests.delivery import Ring, attempts, enqueue, statuses, wait_until, working
from tests.workers.loop.conftest import THREADS, Bells


@contextmanager
def read_only(app: application.App) -> Iterator[None]:
    """As after a failover to a server that only reads, or when the file's disk was mounted so."""
    there = app.database.engine
    if app.database.is_sqlite:
        app.database.engine = create_engine(f"sqlite:///file:{there.url.database}?mode=ro&uri=true")
    else:
        app.database.engine = create_engine(there.url)
        event.listen(app.database.engine, "begin", lambda begun: begun.exec_driver_sql("SET TRANSACTION READ ONLY"))
    try:
        yield
    finally:
        app.database.engine.dispose()
        app.database.engine = there


@contextmanager
def full(app: application.App) -> Iterator[None]:
    """As when the disk has no room left for what was finished."""
    engine, pages = app.database.engine, [1]  # which means no more than there are

    def limit(begun: Connection) -> None:
        begun.exec_driver_sql(f"PRAGMA max_page_count = {pages[-1]}")

    if app.database.is_sqlite:
        with closing(sqlite3.connect(str(engine.url.database))) as file:
            file.execute("VACUUM")  # or there would be free pages
        event.listen(engine, "begin", limit)
        yield
        pages.append(1_000_000)
    else:
        refuse = "BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END"
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $${refuse}$$")
            connection.exec_driver_sql(
                "CREATE TRIGGER full_disk BEFORE INSERT ON finished_jobs EXECUTE FUNCTION full_disk()"
            )
        yield
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP FUNCTION full_disk CASCADE")


def test_the_end_of_a_job_is_told_once_the_database_is_back_and_it_runs_once(
    app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that keeps something, and of one that failed."""

    def keep(app: application.App, job: Ring, fence: handlers.Fence) -> handlers.Settle:
        bells.ring(app, job, fence)
        if job.bell == "wrong":
            raise errors.Invalid(reason="refused for good")
        return lambda unit: unit.record(events.JobRead(job_id=job.bell))

    monkeypatch.setitem(handlers.TABLE, Ring.topic, handlers.Handler(Ring, access.SYSTEM, keep))
    there, nowhere = app.database.engine, create_engine("sqlite:////nowhere/flowops.db")
    bells.go_on.clear()
    sound, wrong = enqueue(app, Ring(bell="sound"), Ring(bell="wrong"))
    with working(app):
        wait_until(lambda: len(bells.rung) == 2)
        app.database.engine = nowhere
        bells.go_on.set()
        time.sleep(0.6)  # more than one try to tell it
        app.database.engine = there
        wait_until(lambda: (statuses(app, [sound]), statuses(app, [wrong])) == ({jobs.Status.DONE}, {jobs.Status.DEAD}))
    nowhere.dispose()
    assert sorted(bells.rung) == ["sound", "wrong"]
    assert (attempts(app, sound), attempts(app, wrong)) == (["done"], ["dead"])


def test_what_was_done_is_told_once_the_database_is_back(app: application.App, bells: Bells) -> None:
    there, nowhere = app.database.engine, create_engine("sqlite:////nowhere/flowops.db")
    bells.go_on.clear()
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: bells.rung)
        app.database.engine = nowhere
        bells.go_on.set()
        time.sleep(0.5)  # longer than the worker waits before it looks again
        app.database.engine = there
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})
    nowhere.dispose()
    assert (bells.rung, attempts(app, job_id)) == (["a"], ["done"])


def test_a_lost_database_is_waited_for(app: application.App, bells: Bells) -> None:
    there, nowhere = app.database.engine, create_engine("sqlite:////nowhere/flowops.db")
    enqueue(app, Ring(bell="a"))
    app.database.engine = nowhere
    with working(app):
        time.sleep(0.5)  # as above
        app.database.engine = there
        wait_until(lambda: bells.rung)
    nowhere.dispose()


def test_a_database_that_only_reads_is_waited_for(app: application.App, bells: Bells) -> None:
    [job_id] = enqueue(app, Ring(bell="a"))
    with read_only(app), working(app):
        time.sleep(0.5)  # it would have begun by now
        assert (bells.rung, statuses(app, [job_id])) == ([], {jobs.Status.PENDING})
        with pytest.raises(errors.Unavailable, match=r"read-?only"):
            enqueue(app, Ring(bell="b"))
    with working(app):
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})
    assert bells.rung == ["a"]


def failing(*_: object) -> None:
    raise errors.Unavailable(what="The database", reason="it is busy")


def test_a_worker_that_missed_its_heartbeats_does_not_take_its_own_jobs_back(
    app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an outage: whatever it does first when the database is there again."""
    bells.go_on.clear()
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: bells.rung)
        with monkeypatch.context() as patch:
            patch.setattr(leases, "beat", failing)
            time.sleep(2)  # two leases
        bells.go_on.set()
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})
    assert attempts(app, job_id) == ["done"]


def test_what_was_done_while_the_disk_was_full_is_told_once_when_it_has_room(
    app: application.App, bells: Bells, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    bells.go_on.clear()
    ids = enqueue(app, *(Ring(bell=f"bell {number}", how="x" * 50_000) for number in range(THREADS)))
    with working(app):
        wait_until(lambda: len(bells.rung) == THREADS)
        with full(app):
            bells.go_on.set()
            time.sleep(2)  # two leases
            assert statuses(app, ids) == {jobs.Status.PROCESSING}
        wait_until(lambda: statuses(app, ids) == {jobs.Status.DONE})
        again = enqueue(app, Ring(bell="afterwards"))
        wait_until(lambda: statuses(app, again) == {jobs.Status.DONE})
    assert len(bells.rung) == THREADS + 1
    assert re.search("disk is full|No space left", capsys.readouterr().out + caplog.text)


def test_whatever_else_is_away_when_a_job_is_settled_puts_the_job_off(
    app: application.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(app: application.App, job: Ring, fence: handlers.Fence) -> handlers.Settle:
        def settle(unit: Unit) -> None:
            raise errors.Unavailable(what="The webhook", reason="its address was changed")

        return settle

    monkeypatch.setitem(handlers.TABLE, Ring.topic, handlers.Handler(Ring, access.SYSTEM, keep))
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: attempts(app, job_id)[:1] == ["retry"])
