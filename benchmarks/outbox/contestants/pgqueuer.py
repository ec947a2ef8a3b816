"""PgQueuer on PostgreSQL as its guide to performance advises: asyncpg, a connection a manager, tuned autovacuum.

All its tables are logged (`durable`, its default).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import psycopg
from pgqueuer import AsyncpgDriver, PgQueuer, Queries
from pgqueuer.adapters.drivers.psycopg import SyncPsycopgDriver
from pgqueuer.adapters.persistence.queries import SyncQueries
from pgqueuer.domain.models import Job

from benchmarks.outbox.contestant import Enqueue, Payload, Ran

BATCH = 100  # of 10, 25, 100 and 500 the one that drains fastest
TOPIC = "noop"


@dataclass(frozen=True)
class Contestant:
    """One manager with a connection of its own in each process."""

    tables: tuple[str, ...] = ("pgqueuer", "pgqueuer_log", "pgqueuer_statistics")
    unfinished: str = "select count(*) from pgqueuer"

    def create(self, url: str) -> None:
        """Install, and tune the autovacuum, the first point of its list."""

        async def install() -> None:
            async with _connected(url) as connection:
                queries = Queries(AsyncpgDriver(connection))
                await queries.install()
                await queries.optimize_autovacuum()

        asyncio.run(install())

    @contextmanager
    def producing(self, url: str) -> Iterator[Enqueue]:
        """Many jobs in one statement."""
        with psycopg.connect(url, autocommit=True) as connection:
            queries = SyncQueries(SyncPsycopgDriver(connection))

            def enqueue(jobs: Sequence[Payload]) -> None:
                payloads: list[bytes | None] = [json.dumps(job).encode() for job in jobs]
                queries.enqueue([TOPIC] * len(jobs), payloads, [0] * len(jobs))

            yield enqueue

    def work(self, url: str, ran: Ran, wait: Callable[[], None]) -> None:
        """Run its manager."""

        async def run() -> None:
            async with _connected(url) as connection:
                manager = PgQueuer(AsyncpgDriver(connection))

                @manager.entrypoint(TOPIC)
                async def noop(job: Job) -> None:
                    assert job.payload is not None
                    ran(json.loads(job.payload)["number"])

                wait()
                await manager.run(batch_size=BATCH, dequeue_timeout=timedelta(seconds=30))

        asyncio.run(run())


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
