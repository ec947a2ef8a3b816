"""The least a correct queue can do on SQLite: batches, a lease and a token, and nothing else a product needs.

No retries, order, attempts, heartbeats, recovery or record of what was done.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from benchmarks.outbox.contestant import Enqueue, Payload, Ran

POLL = 0.005  # seconds between two looks at whether anybody has committed
WAIT = 10  # seconds for the one writer's turn

TABLE = """
create table jobs (
    id integer primary key autoincrement,
    payload text not null,
    status text not null default 'pending',
    run_at real not null,
    token integer not null default 0,
    lease_until real
);
create index jobs_due on jobs (run_at, id) where status = 'pending';
"""
ENQUEUE = "insert into jobs (payload, run_at) values (?, ?)"
CLAIM = """
update jobs set status = 'processing', token = token + 1, lease_until = :now + 30
where id in (select id from jobs where status = 'pending' and run_at <= :now order by run_at, id limit :limit)
returning id, token, payload
"""
FINISH = "delete from jobs where (id, token) in (select value ->> 0, value ->> 1 from json_each(?))"
Claimed = Sequence[tuple[int, int, str]]


def connect(path: str) -> sqlite3.Connection:
    """A connection whose commits survive a power cut."""
    connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    return connection


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that has its turn to write from the start."""
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def claim(connection: sqlite3.Connection, limit: int) -> Claimed:
    """Take the jobs that have waited longest; durable when the transaction is."""
    return connection.execute(CLAIM, {"now": time.time(), "limit": limit}).fetchall()


def finish(connection: sqlite3.Connection, claimed: Claimed) -> int:
    """Settle what is still ours, in one statement; how many."""
    return connection.execute(FINISH, [json.dumps([row[:2] for row in claimed])]).rowcount


@dataclass(frozen=True)
class Contestant:
    """`fused`: the completion of a batch and the claim of the next share a commit."""

    fused: bool
    batch: int
    tables: tuple[str, ...] = ("jobs",)
    unfinished: str = "select count(*) from jobs"

    def create(self, url: str) -> None:
        """Make the table."""
        with closing(connect(url)) as connection:
            connection.executescript(TABLE)

    @contextmanager
    def producing(self, url: str) -> Iterator[Enqueue]:
        """Insert in one transaction."""
        with closing(connect(url)) as connection:

            def enqueue(jobs: Sequence[Payload]) -> None:
                now = time.time()
                with writing(connection):
                    connection.executemany(ENQUEUE, [(json.dumps(job), now) for job in jobs])

            yield enqueue

    def work(self, url: str, ran: Ran, wait: Callable[[], None]) -> None:
        """Claim, run, settle; when nothing is due, look often whether anybody has committed."""
        connection = connect(url)
        wait()
        while True:
            seen = connection.execute("pragma data_version").fetchone()
            self.drain(connection, ran)
            while connection.execute("pragma data_version").fetchone() == seen:
                time.sleep(POLL)

    def drain(self, connection: sqlite3.Connection, ran: Ran) -> None:
        """Run everything that is due."""
        with writing(connection):
            claimed = claim(connection, self.batch)
        while claimed:
            for _, _, job in claimed:
                ran(json.loads(job)["number"])
            if self.fused:
                with writing(connection):
                    finish(connection, claimed)
                    claimed = claim(connection, self.batch)
            else:
                with writing(connection):
                    finish(connection, claimed)
                with writing(connection):
                    claimed = claim(connection, self.batch)
