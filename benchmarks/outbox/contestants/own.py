"""FlowOps, through its own API: units that enqueue, and the loop that `flowops work` runs."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import ClassVar

from benchmarks.outbox.contestant import Enqueue, Payload, Ran
from flowops import app as application
from flowops import logs, settings
from flowops.cli import serve
from flowops.domain import access, jobs
from flowops.workers import handlers


@dataclass(frozen=True, kw_only=True)
class Noop(jobs.Job):
    """A job that is done as soon as it runs; each has a key of its own."""

    topic: ClassVar[str] = "benchmark.noop"
    number: int
    words: str

    @property
    def subject(self) -> str:
        return str(self.number)


@dataclass(frozen=True)
class Contestant:
    """With the settings it has when nobody sets any."""

    tables: tuple[str, ...] = ("jobs", "finished_jobs", "job_attempts", "heartbeats")
    unfinished: str = "select count(*) from jobs"

    def create(self, url: str) -> None:
        """Migrate."""
        with _built(url) as app:
            app.migrate()

    @contextmanager
    def producing(self, url: str) -> Iterator[Enqueue]:
        """One unit for each call."""
        with _built(url) as app:

            def enqueue(many: Sequence[Payload]) -> None:
                with app.unit(access.SYSTEM) as unit:
                    for job in many:
                        unit.enqueue(Noop(**job))

            yield enqueue

    def work(self, url: str, ran: Ran, wait: Callable[[], None]) -> None:
        """Deliver."""

        def run(app: application.App, job: Noop, fence: handlers.Fence) -> None:
            ran(job.number)

        handlers.TABLE[Noop.topic] = handlers.Handler(Noop, access.SYSTEM, run)
        with _built(url) as app:
            app.check()
            wait()
            serve.run(app, serve.workers(app, [serve.Work.OUTBOX]), SimpleQueue())


@contextmanager
def _built(url: str) -> Iterator[application.App]:
    logs.configure("text")
    logging.getLogger().setLevel(logging.WARNING)  # the terminal is for the figures
    database = url if url.startswith("postgresql:") else f"sqlite:///{url}"
    app = application.build(settings.load(database_url=database, secret_key="k" * 32))
    try:
        yield app
    finally:
        app.close()
