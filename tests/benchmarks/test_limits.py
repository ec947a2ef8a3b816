"""The loops that the outbox is measured against do each job once and settle only what is still theirs."""

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from benchmarks.outbox.contestant import Contestant, payload
from benchmarks.outbox.contestants import limit_on_postgresql, limit_on_sqlite
from tests import postgres

JOBS = 1000


@pytest.fixture(params=[False, True], ids=["limit", "fused"])
def fused(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def uri(server: postgres.Server) -> Iterator[str]:
    """An empty PostgreSQL database, for libpq."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    server.create_database(name)
    yield f"postgresql://postgres@/{name}?host={server.sockets}"
    server.drop_database(name)


def fill(contestant: Contestant, url: str) -> None:
    contestant.create(url)
    with contestant.producing(url) as enqueue:
        enqueue([payload(number) for number in range(JOBS)])


def test_two_loops_on_postgresql_do_each_job_once(uri: str, fused: bool) -> None:
    contestant = limit_on_postgresql.Contestant(fused, batch=30)
    fill(contestant, uri)
    ran: list[int] = []

    def work() -> None:
        with psycopg.connect(uri, autocommit=True) as connection:
            contestant.drain(connection, ran.append)

    together(work)
    assert sorted(ran) == list(range(JOBS))
    with psycopg.connect(uri) as connection:
        assert connection.execute(contestant.unfinished).fetchone() == (0,)


def test_two_loops_on_sqlite_do_each_job_once(tmp_path: Path, fused: bool) -> None:
    contestant, path = limit_on_sqlite.Contestant(fused, batch=30), str(tmp_path / "jobs.db")
    fill(contestant, path)
    ran: list[int] = []

    def work() -> None:
        with closing(limit_on_sqlite.connect(path)) as connection:
            contestant.drain(connection, ran.append)

    together(work)
    assert sorted(ran) == list(range(JOBS))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(contestant.unfinished).fetchone() == (0,)


def test_a_job_that_was_claimed_again_is_not_settled_on_postgresql(uri: str) -> None:
    fill(limit_on_postgresql.Contestant(False, batch=30), uri)
    with psycopg.connect(uri) as connection:
        claimed = limit_on_postgresql.claim(connection, 2)
        connection.execute("update jobs set token = token + 1 where id = %s", [claimed[0][0]])
        assert limit_on_postgresql.finish(connection, claimed) == 1
        limit_on_postgresql.finish_and_claim(connection, claimed, 2)
        assert connection.execute("select count(*) from jobs").fetchone() == (JOBS - 1,)


def test_a_job_that_was_claimed_again_is_not_settled_on_sqlite(tmp_path: Path) -> None:
    path = str(tmp_path / "jobs.db")
    fill(limit_on_sqlite.Contestant(False, batch=30), path)
    with closing(limit_on_sqlite.connect(path)) as connection:
        claimed = limit_on_sqlite.claim(connection, 2)
        connection.execute("update jobs set token = token + 1 where id = ?", [claimed[0][0]])
        assert limit_on_sqlite.finish(connection, claimed) == 1


def test_an_acknowledged_commit_on_sqlite_is_durable(tmp_path: Path) -> None:
    with closing(limit_on_sqlite.connect(str(tmp_path / "jobs.db"))) as connection:
        assert connection.execute("pragma synchronous").fetchone() == (2,)


def together(work: Callable[[], None]) -> None:
    """Twice at once, to the end."""
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
