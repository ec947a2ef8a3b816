"""The loop delivers what is due, shows that it lives, stops when told to, and outlives a lost database."""

import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, create_engine, event, select

from flowops import app as application
from flowops import errors
from flowops import settings as configuration
from flowops.actions import leases
from flowops.domain import access, jobs
from flowops.queries import outbox as queries
from flowops.storage import tables
from flowops.storage.unit import Unit
from flowops.workers import handlers, loop
from tests.delivery import Ring, attempts, deliver, enqueue, wait_until, working

THREADS = 2


class Bells:
    """The handler of `bell.ring`: counts, and holds whoever rings until they may go on."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def ring(self, app: application.App, job: Ring, fence: handlers.Fence) -> None:
        self.rung.append(job.bell)
        assert self.go_on.wait(30)


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bells]:
    bells = Bells()
    handler = handlers.Handler(Ring, access.SYSTEM, bells.ring, threads=THREADS)
    monkeypatch.setitem(handlers.TABLE, Ring.topic, handler)
    yield bells
    bells.go_on.set()


@pytest.fixture
def app(database_url: str) -> Iterator[application.App]:
    """The app on the real clock."""
    app = application.build(
        configuration.load(database_url=database_url, secret_key="k" * 32, outbox_lease="1s", stop_grace="1s")
    )
    yield app
    app.close()


def statuses(app: application.App, ids: list[str]) -> set[jobs.Status]:
    with app.view() as view:
        return {queries.get(view, job_id).job.status for job_id in ids}


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


def test_what_is_due_is_done(app: application.App, bells: Bells) -> None:
    ids = enqueue(app, *(Ring(bell=f"bell {number}") for number in range(20)))
    deliver(app)
    assert sorted(bells.rung) == sorted(f"bell {number}" for number in range(20))
    assert statuses(app, ids) == {jobs.Status.DONE}


def test_no_more_jobs_run_at_once_than_there_are_threads(app: application.App, bells: Bells) -> None:
    bells.go_on.clear()
    ids = enqueue(app, *(Ring(bell=f"bell {number}") for number in range(5)))
    with working(app):
        wait_until(lambda: len(bells.rung) == THREADS)
        time.sleep(0.5)
        assert len(bells.rung) == THREADS
        assert statuses(app, ids[THREADS:]) == {jobs.Status.PENDING}  # left for other processes
        bells.go_on.set()
        wait_until(lambda: len(bells.rung) == 5)


def test_a_slow_topic_delays_no_other(app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def signal(app: application.App, job: jobs.CopySignals, fence: handlers.Fence) -> None:
        told.append(job.handoff_id)

    monkeypatch.setitem(
        handlers.TABLE, jobs.CopySignals.topic, handlers.Handler(jobs.CopySignals, access.SYSTEM, signal)
    )
    bells.go_on.clear()
    enqueue(app, *(Ring(bell=f"bell {number}") for number in range(20)))
    with working(app):
        wait_until(lambda: len(bells.rung) == THREADS)
        enqueue(app, jobs.CopySignals(handoff_id="hnd_1"))
        wait_until(lambda: told == ["hnd_1"])
        assert len(bells.rung) == THREADS
        bells.go_on.set()


def test_a_busy_process_finds_new_jobs_although_it_is_told_of_none(
    app: application.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own jobs wake it again and again, so that it never waits in vain."""
    told: list[str] = []

    def ring(app: application.App, job: Ring, fence: handlers.Fence) -> None:
        time.sleep(0.002)

    def signal(app: application.App, job: jobs.CopySignals, fence: handlers.Fence) -> None:
        told.append(job.handoff_id)

    monkeypatch.setitem(handlers.TABLE, Ring.topic, handlers.Handler(Ring, access.SYSTEM, ring))
    signals = handlers.Handler(jobs.CopySignals, access.SYSTEM, signal)
    monkeypatch.setitem(handlers.TABLE, jobs.CopySignals.topic, signals)
    monkeypatch.setattr(app.database.hints, "heard_by", lambda wake: nullcontext())
    monkeypatch.setattr(app.database.hints, "give", lambda topics: None)
    monkeypatch.setattr(loop, "LONGEST_UNRECOVERED", 3600)
    busy = enqueue(app, *(Ring(bell=f"bell {number}") for number in range(3000)))
    with working(app):
        wait_until(lambda: jobs.Status.DONE in statuses(app, busy[:1]))
        enqueue(app, jobs.CopySignals(handoff_id="hnd_1"))
        wait_until(lambda: told == ["hnd_1"])
        assert statuses(app, busy[-1:]) == {jobs.Status.PENDING}


def test_a_job_that_never_returns_is_tried_again_and_the_others_go_on(
    app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = handlers.Handler(Ring, access.SYSTEM, bells.ring, threads=1, limit=timedelta(seconds=0.5))
    monkeypatch.setitem(handlers.TABLE, Ring.topic, handler)
    bells.go_on.clear()
    [endless] = enqueue(app, Ring(bell="endless"))
    with working(app):
        wait_until(lambda: attempts(app, endless)[:1] == ["retry"])
        with app.view() as view:
            assert "took longer than it may" in (queries.get(view, endless).job.error or "")
        [other] = enqueue(app, Ring(bell="other"))
        wait_until(lambda: "other" in bells.rung)
        bells.go_on.set()
        wait_until(lambda: statuses(app, [other]) == {jobs.Status.DONE})


def test_a_topic_nobody_handles_is_buried_at_once(app: application.App) -> None:
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DEAD}, seconds=5)
    with app.view() as view:
        assert "No handler is registered for the topic bell.ring" in (queries.get(view, job_id).job.error or "")


def test_a_job_that_was_lost_twice_runs_with_nothing_beside_it(app: application.App, bells: Bells) -> None:
    def lose() -> None:
        with app.unit(access.SYSTEM) as unit:
            claimed = leases.claim(unit, "killed", Ring.topic, 1, timedelta(0))
            claimed += leases.claim_alone(unit, "killed", timedelta(0))
        wait_until(lambda: app.now() > claimed[0].started_at)
        with app.unit(access.SYSTEM) as unit:
            leases.recover(unit)

    enqueue(app, Ring(bell="suspect"))
    lose()
    lose()
    bells.go_on.clear()
    others = enqueue(app, *(Ring(bell=f"bell {number}") for number in range(5)))
    with working(app):
        wait_until(lambda: len(bells.rung) == THREADS)
        time.sleep(2.5)  # long enough were the others preferred; now what runs is waited for
        bells.go_on.set()
        wait_until(lambda: "suspect" in bells.rung)
        assert bells.rung.index("suspect") == THREADS
        wait_until(lambda: statuses(app, others) == {jobs.Status.DONE})


def test_what_was_done_is_told_once_the_database_is_back(app: application.App, bells: Bells) -> None:
    there, nowhere = app.database.engine, create_engine("sqlite:////nowhere/flowops.db")
    bells.go_on.clear()
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: bells.rung)
        app.database.engine = nowhere
        bells.go_on.set()
        time.sleep(0.5)
        app.database.engine = there
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})
    nowhere.dispose()
    assert (bells.rung, attempts(app, job_id)) == (["a"], ["done"])


def test_a_job_longer_than_its_lease_stays_with_its_worker(app: application.App, bells: Bells) -> None:
    bells.go_on.clear()
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: bells.rung)
        time.sleep(app.settings.outbox_lease.total_seconds() * 2)
        bells.go_on.set()
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})
    assert attempts(app, job_id) == ["done"]


def test_a_job_that_fails_leaves_its_thread_working(app: application.App, monkeypatch: pytest.MonkeyPatch) -> None:
    def ring(app: application.App, job: Ring, fence: handlers.Fence) -> None:
        if job.how == "wrong":
            raise ZeroDivisionError

    monkeypatch.setitem(handlers.TABLE, Ring.topic, handlers.Handler(Ring, access.SYSTEM, ring))
    enqueue(app, *(Ring(bell=f"wrong {number}", how="wrong") for number in range(4)))
    ids = enqueue(app, *(Ring(bell=f"right {number}") for number in range(4)))
    with working(app):
        wait_until(lambda: statuses(app, ids) == {jobs.Status.DONE})


def test_a_process_shows_that_it_lives_until_it_stops(app: application.App) -> None:
    def seen() -> list[datetime]:
        with app.view() as view:
            return [heartbeat.seen_at for heartbeat in queries.heartbeats(view)]

    with working(app):
        wait_until(seen)
        [first] = seen()
        wait_until(lambda: seen() != [first])
    assert seen() == []


def test_stopping_waits_no_longer_than_the_grace(app: application.App, bells: Bells) -> None:
    bells.go_on.clear()
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: bells.rung)
        asked = time.monotonic()
    assert 1 <= time.monotonic() - asked < 3
    assert statuses(app, [job_id]) == {jobs.Status.PROCESSING}


def test_a_job_claimed_while_stopping_is_given_back_uncounted(app: application.App, bells: Bells) -> None:
    stop = threading.Event()

    def tell() -> datetime:
        """The loop learns that it is to stop the first time it looks at the clock: before it claims."""
        stop.set()
        return datetime.now(UTC)

    [job_id] = enqueue(app, Ring(bell="a"))
    late = application.build(app.settings, tell)
    loop.run(late, stop)
    late.close()
    with app.view() as view:
        job = queries.get(view, job_id).job
        assert (job.status, job.claims) == (jobs.Status.PENDING, 0)
    assert (bells.rung, attempts(app, job_id)) == ([], [])


def test_a_lost_database_is_waited_for(app: application.App, bells: Bells) -> None:
    there, nowhere = app.database.engine, create_engine("sqlite:////nowhere/flowops.db")
    enqueue(app, Ring(bell="a"))
    app.database.engine = nowhere
    with working(app):
        time.sleep(0.5)
        app.database.engine = there
        wait_until(lambda: bells.rung)
    nowhere.dispose()


def test_a_database_that_only_reads_is_waited_for(app: application.App, bells: Bells) -> None:
    [job_id] = enqueue(app, Ring(bell="a"))
    with read_only(app), working(app):
        time.sleep(0.5)
        assert (bells.rung, statuses(app, [job_id])) == ([], {jobs.Status.PENDING})
        with pytest.raises(errors.Unavailable, match=r"read-?only"):
            enqueue(app, Ring(bell="b"))
    with working(app):
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})
    assert bells.rung == ["a"]


def test_a_worker_that_missed_its_heartbeats_does_not_take_its_own_jobs_back(
    app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an outage: whatever it does first when the database is there again."""
    monkeypatch.setattr(loop._Worker, "_show_life", lambda worker: None)
    bells.go_on.clear()
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: bells.rung)
        time.sleep(2)  # two leases
        bells.go_on.set()
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})
    assert attempts(app, job_id) == ["done"]


def test_what_was_done_while_the_disk_was_full_is_told_once_when_it_has_room(
    app: application.App, bells: Bells, capsys: pytest.CaptureFixture[str]
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
    assert re.search("disk is full|No space left", capsys.readouterr().out)


def test_lost_jobs_are_taken_back_without_anyones_help(app: application.App, bells: Bells) -> None:
    [job_id] = enqueue(app, Ring(bell="a"))
    with app.unit(access.SYSTEM) as unit:
        leases.claim(unit, "killed", Ring.topic, 1, timedelta(seconds=1))
    with working(app):
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE}, seconds=5)
    assert attempts(app, job_id) == ["fenced", "done"]


def test_a_chore_that_goes_wrong_keeps_nobody_from_delivering(
    app: application.App, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    def purge(unit: Unit) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("flowops.actions.idempotency.purge", purge)
    monkeypatch.setattr(loop, "PURGE_EVERY", 0.0)
    [job_id] = enqueue(app, Ring(bell="a"))
    with working(app):
        wait_until(lambda: statuses(app, [job_id]) == {jobs.Status.DONE})


def test_old_jobs_are_pruned(app: application.App) -> None:
    with app.unit(access.SYSTEM) as unit:
        for age in (31, 29):
            at = unit.now - timedelta(days=age)
            unit.session.add(
                tables.FinishedJob(
                    id=f"job_{age}",
                    topic=jobs.SendMail.topic,
                    key="",
                    payload={},
                    status=jobs.Status.DONE,
                    claims=1,
                    claim_token=1,
                    created_at=at,
                    finished_at=at,
                )
            )

    def kept() -> int:
        with app.view() as view:
            return len(view.session.scalars(select(tables.FinishedJob.id)).all())

    with working(app):
        wait_until(lambda: kept() == 1)


def test_old_idempotency_keys_are_purged(app: application.App) -> None:
    def keys() -> list[str]:
        with app.view() as view:
            return list(view.session.scalars(select(tables.IdempotencyKey.key)))

    with app.unit(access.SYSTEM) as unit:
        for key, age in (("old", timedelta(hours=49)), ("young", timedelta(hours=47))):
            unit.session.add(
                tables.IdempotencyKey(caller_id="usr_1", key=key, request_sha256="", created_at=unit.now - age)
            )
    with working(app):
        wait_until(lambda: keys() == ["young"])
