"""The least a correct queue can do on PostgreSQL: batches, a lease and a token, and nothing else a product needs.

No retries, order, attempts, heartbeats, recovery or record of what was done.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.outbox.contestant import Enqueue, Payload, Ran

PATIENCE = 1.0  # seconds until an idle worker looks without having been told

TABLE = """
create table jobs (
    id bigint generated always as identity primary key,
    payload jsonb not null,
    status text not null default 'pending',
    run_at timestamptz not null default now(),
    token bigint not null default 0,
    lease_until timestamptz
);
create index on jobs (run_at, id) where status = 'pending';
"""
ENQUEUE = "insert into jobs (payload) select jsonb_array_elements(%s::jsonb)"
_CLAIM = """
due as (
    select id from jobs where status = 'pending' and run_at <= now() order by run_at, id
    limit %(limit)s for update skip locked
)
update jobs set status = 'processing', token = token + 1, lease_until = now() + interval '30 s'
from due where jobs.id = due.id returning jobs.id, jobs.token, jobs.payload
"""
_FINISH = """
delete from jobs using unnest(%(ids)s::bigint[], %(tokens)s::bigint[]) as done (id, token)
where jobs.id = done.id and jobs.token = done.token
"""
Claimed = Sequence[tuple[int, int, Payload]]


def claim(connection: psycopg.Connection[Any], limit: int) -> Claimed:
    """Take the jobs that have waited longest, in one statement."""
    return connection.execute(f"with {_CLAIM}", {"limit": limit}).fetchall()


def finish(connection: psycopg.Connection[Any], claimed: Claimed) -> int:
    """Settle what is still ours, in one statement; how many."""
    return connection.execute(_FINISH, _named(claimed)).rowcount


def finish_and_claim(connection: psycopg.Connection[Any], claimed: Claimed, limit: int) -> Claimed:
    """Both, in one statement and so with one commit."""
    statement = f"with done as ({_FINISH}), {_CLAIM}"
    return connection.execute(statement, _named(claimed) | {"limit": limit}).fetchall()


def _named(claimed: Claimed) -> dict[str, Any]:
    return {"ids": [row[0] for row in claimed], "tokens": [row[1] for row in claimed]}


@dataclass(frozen=True)
class Contestant:
    """`fused`: the completion of a batch and the claim of the next share a commit."""

    fused: bool
    batch: int
    tables: tuple[str, ...] = ("jobs",)
    unfinished: str = "select count(*) from jobs"

    def create(self, url: str) -> None:
        """Make the table."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLE)

    @contextmanager
    def producing(self, url: str) -> Iterator[Enqueue]:
        """Insert and notify in one transaction."""
        with psycopg.connect(url) as connection:

            def enqueue(jobs: Sequence[Payload]) -> None:
                with connection.transaction():
                    connection.execute(ENQUEUE, [json.dumps(jobs)])
                    connection.execute("notify jobs")

            yield enqueue

    def work(self, url: str, ran: Ran, wait: Callable[[], None]) -> None:
        """Claim, run, settle; wait for a notification when nothing is due."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("listen jobs")
            wait()
            while True:
                self.drain(connection, ran)
                for _ in connection.notifies(timeout=PATIENCE, stop_after=1):
                    pass

    def drain(self, connection: psycopg.Connection[Any], ran: Ran) -> None:
        """Run everything that is due."""
        claimed = claim(connection, self.batch)
        while claimed:
            for _, _, job in claimed:
                ran(job["number"])
            if self.fused:
                claimed = finish_and_claim(connection, claimed, self.batch)
            else:
                finish(connection, claimed)
                claimed = claim(connection, self.batch)
