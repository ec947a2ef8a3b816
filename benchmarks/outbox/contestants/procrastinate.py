"""Procrastinate on PostgreSQL; it claims and finishes jobs one at a time, so that many at once is what helps it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import procrastinate

from benchmarks.outbox.contestant import Enqueue, Payload, Ran

CONCURRENCY = 10  # jobs at once in each process, with as many connections; of 5, 10 and 30 none is much faster
TASK = "noop"


@dataclass(frozen=True)
class Contestant:
    """One worker in each process."""

    tables: tuple[str, ...] = ("procrastinate_jobs", "procrastinate_workers")
    unfinished: str = "select count(*) from procrastinate_jobs where status in ('todo', 'doing')"

    def create(self, url: str) -> None:
        """Apply its schema."""
        with procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=url)).open() as app:
            app.schema_manager.apply_schema()

    @contextmanager
    def producing(self, url: str) -> Iterator[Enqueue]:
        """Many jobs in one statement."""
        with procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=url)).open() as app:
            task = app.configure_task(TASK)

            def enqueue(jobs: Sequence[Payload]) -> None:
                task.batch_defer(*jobs)

            yield enqueue

    def work(self, url: str, ran: Ran, wait: Callable[[], None]) -> None:
        """Run its worker."""
        connector = procrastinate.PsycopgConnector(conninfo=url, min_size=CONCURRENCY, max_size=CONCURRENCY + 1)
        app = procrastinate.App(connector=connector)

        @app.task(name=TASK)
        async def noop(number: int, words: str) -> None:
            ran(number)

        wait()
        app.run_worker(concurrency=CONCURRENCY, delete_jobs="always")
