"""Who waits for jobs hears of new ones, from this process and from others, once they are committed."""

import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from flowops.domain import jobs
from flowops.domain.access import SYSTEM
from flowops.storage.engine import Database
from flowops.storage.unit import open_unit
from tests.delivery import wait_until

JOB = jobs.CopySignals(handoff_id="hnd_1")


@contextmanager
def listening(database: Database) -> Iterator[threading.Event]:
    """Set when a hint was heard; nothing was said yet."""
    heard = threading.Event()
    with database.hints.heard_by(lambda _: heard.set()):
        time.sleep(0.1)  # a new listener hears something at once, rather than miss it
        heard.clear()
        yield heard


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """The same database as another process has it."""
    other = Database(database_url)
    yield other
    other.close()


def test_a_job_is_heard_of_after_its_commit(database: Database) -> None:
    with listening(database) as heard:
        with open_unit(database, SYSTEM) as unit:
            unit.enqueue(JOB)
            unit.write()
            assert not heard.wait(0.05)
        assert heard.is_set()


def test_a_hint_tells_the_topics_where_nobody_need_look_for_them(database: Database, other: Database) -> None:
    told: list[Collection[str] | None] = []
    with database.hints.heard_by(told.append), other.hints.heard_by(told.append):
        time.sleep(0.1)  # as in `listening`
        told.clear()
        with open_unit(database, SYSTEM) as unit:
            unit.enqueue(JOB)
            unit.enqueue(jobs.GenerateArtifact(handoff_id="hnd_1", kind="summary"))
        wait_until(lambda: len(told) >= 3)  # within the process, and by way of the database
    both = {JOB.topic, jobs.GenerateArtifact.topic}
    here, *there = (topics and set(topics) for topics in told)
    assert here == both
    assert all(topics == (None if database.is_sqlite else both) for topics in there)


def test_nothing_is_heard_of_what_was_rolled_back(database: Database) -> None:
    def enqueue_in_vain() -> None:
        with open_unit(database, SYSTEM) as unit:
            unit.enqueue(JOB)
            raise ZeroDivisionError

    with listening(database) as heard:
        with pytest.raises(ZeroDivisionError):
            enqueue_in_vain()
        assert not heard.wait(0.1)


def test_other_processes_hear_of_it_too(database: Database, other: Database) -> None:
    with listening(other) as heard:
        for _ in range(3):
            heard.clear()
            with open_unit(database, SYSTEM) as unit:
                unit.enqueue(JOB)
            assert heard.wait(5)


# On SQLite there is no connection to lose.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_listener_outlives_a_lost_connection(
    database: Database, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowops.storage.hints.AGAIN", 0.05)
    with listening(other) as heard:
        with database.engine.begin() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            )

        def told() -> bool:
            with open_unit(database, SYSTEM) as unit:
                unit.enqueue(JOB)
            return heard.wait(0.2)

        wait_until(told, seconds=10)


def test_a_closed_database_gives_no_hints(database: Database) -> None:
    before = threading.enumerate()
    database.hints.give({JOB.topic})
    database.hints.close()
    database.hints.give({JOB.topic})
    assert [thread for thread in threading.enumerate() if thread not in before] == []


def test_a_hint_that_cannot_be_given_hides_no_commit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        database.hints.give({JOB.topic})
    database.hints.give({JOB.topic})
    database.hints.close()


def test_a_server_that_says_nothing_keeps_nobody_from_closing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/flowops")
        database.hints.give({JOB.topic})
        closing = threading.Thread(target=database.hints.close, daemon=True)
        closing.start()
        closing.join(5)
        assert not closing.is_alive()
