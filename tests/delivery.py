"""Workers for tests: the real loop in a thread of this process, or in processes of their own that can be killed."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from sqlalchemy import func, or_, select

from flowops import errors
from flowops.actions import leases, outbox
from flowops.actions.leases import Claimed
from flowops.app import App
from flowops.domain import access, jobs
from flowops.queries import outbox as queries
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import View
from flowops.workers import loop
from flowops.workers import outbox as worker
from tests import forking
from tests.project import repository

LEASE = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Ring(jobs.Job):
    """A job for tests; those about the same bell have the same key. `how` tells the handler what to do."""

    topic: ClassVar[str] = "bell.ring"
    bell: str
    how: str = ""

    @property
    def subject(self) -> str:
        return self.bell


def enqueue(app: App, *rings: jobs.Job) -> list[str]:
    """Put these jobs into the outbox; their ids."""
    with app.unit(access.SYSTEM) as unit:
        return [unit.enqueue(ring) for ring in rings]


def claim(
    app: App, limit: int = 10, worker: str = "w1", lease: timedelta = LEASE, topic: str | None = None
) -> list[Claimed]:
    """What one worker gets when it claims now, of one topic or of all; with nothing else, what is to run alone."""
    claimed: list[Claimed] = []
    with app.unit(access.SYSTEM) as unit:
        for each in [topic] if topic else leases.topics(unit.view):
            while len(claimed) < limit:
                more = leases.claim(unit, worker, each, limit - len(claimed), lease)
                if not more:
                    break
                claimed += more
        return claimed or leases.claim_alone(unit, worker, lease)


def finish(app: App, job: Claimed) -> None:
    """Say that the job is done."""
    with app.unit(access.SYSTEM) as unit:
        outbox.finish(unit, job)


def finish_meanwhile(app: App, view: View, job: Claimed) -> None:
    """Another transaction will finish the job just before this view looks among the finished ones."""
    waiting = [job]

    def watch(statement: object) -> None:
        if waiting and "FROM finished_jobs" in str(statement):
            finish(app, waiting.pop())

    view.session.connection().execution_options(watcher=watch)


def bury(app: App, job: Claimed, error: str = "no") -> None:
    """Say that the job failed for good."""
    with app.unit(access.SYSTEM) as unit:
        outbox.bury(unit, job, error)


RUNNING = select(func.count()).select_from(tables.Job).where(tables.Job.status == jobs.Status.PROCESSING)


def recover(app: App) -> int:
    """Take back what leases ran out for; how many."""
    with app.unit(access.SYSTEM) as unit:
        before = unit.session.scalar(RUNNING) or 0
        spent = leases.recover(unit)
    for row in spent:
        worker.bury_lost(app, row)
    with app.view() as view:
        return before - (view.session.scalar(RUNNING) or 0)


def wait_until(what: Callable[[], object], seconds: float = 30, every: float = 0.02) -> None:
    """Wait for something that other threads or processes bring about, with a look every so many seconds."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(every)


@contextmanager
def working(app: App) -> Iterator[None]:
    """The worker's loop, in a thread, until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=loop.run, args=(app, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def is_idle(app: App) -> bool:
    """Is no job running or due?"""
    with app.view() as view:
        due = (tables.Job.status == jobs.Status.PENDING) & (tables.Job.run_at <= view.now)
        busy = select(tables.Job.id).where(or_(tables.Job.status == jobs.Status.PROCESSING, due))
        return view.session.scalar(busy.limit(1)) is None


def deliver(app: App) -> None:
    """Have every job that is due run to its end; jobs put off stay until the clock moves."""
    with working(app):
        wait_until(lambda: is_idle(app))


def work_off(app: App, topic: str) -> None:
    """Have every job of this topic that is due run, one after another, in this thread; the others stay."""
    while True:
        with app.unit(access.SYSTEM) as unit:
            claimed = leases.claim(unit, "w1", topic, 1, LEASE)
        if not claimed:
            return
        [job] = claimed
        try:
            worker.run(app, job)
        except errors.FlowOpsError as error:
            worker.fail(app, job, error)


def attempts(app: App, job_id: str) -> list[str | None]:
    """How each attempt at a job ended, the first one first; None while it runs."""
    with app.view() as view:
        return [attempt.outcome for attempt in queries.get(view, job_id).attempts]


@contextmanager
def process(settings: Settings, *habits: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process on the same database, killed when the block ends; `tests.worker_process` lists the `habits`."""
    environment = os.environ | forking.environment(settings)
    command = [sys.executable, "-m", "tests.worker_process", *habits]
    with subprocess.Popen(command, cwd=repository.ROOT, env=environment) as started:
        try:
            yield started
        finally:
            with contextlib.suppress(ProcessLookupError):
                started.kill()


def statuses(app: App, ids: list[str]) -> set[jobs.Status]:
    with app.view() as view:
        return {queries.get(view, job_id).job.status for job_id in ids}
