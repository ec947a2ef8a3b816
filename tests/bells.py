"""Jobs that toll bells; their handler does what handlers do: settle, fail, stall, or kill its process."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import select

from flowops import app as application
from flowops import errors
from flowops.domain import access, events, jobs
from flowops.storage import tables
from flowops.workers import handlers

EXPENDABLE: list[bool] = []  # not empty in a process that may be killed or stopped by what it does


@dataclass(frozen=True, kw_only=True)
class Toll(jobs.Job):
    """Toll a tower's bell for the n-th time; those of one tower are in order. `how` tells the handler what to do."""

    topic: ClassVar[str] = "bell.toll"
    tower: str
    number: int = 1
    how: str = ""

    @property
    def subject(self) -> str:
        return self.tower

    @property
    def name(self) -> str:
        """What the audit entry or the receipt of this toll says."""
        return f"{self.tower}/{self.number}"


def toll(app: application.App, job: Toll, fence: handlers.Fence) -> handlers.Settle | str:
    """Leave one audit entry that names the toll; a `quiet` one changes nothing and has its name for a receipt."""
    match job.how:
        case "quiet":
            return job.name
        case "wrong":
            raise errors.Invalid(reason="There is no such bell. Nothing was tolled.")
        case "shaky" if _claims(app, job) == 1:
            raise errors.Unavailable(what="The bell", reason="it is stuck")
        case "deadly" if EXPENDABLE:
            os.kill(os.getpid(), signal.SIGKILL)
        case "stalls" if EXPENDABLE and _claims(app, job) == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        case "slow":
            time.sleep(1)
        case "long" if _claims(app, job) == 1:
            time.sleep(10)
        case "brisk":
            time.sleep(0.03)
    return lambda unit: unit.record(events.JobRead(job_id=job.name))


@contextmanager
def hung() -> Iterator[None]:
    """In this process, jobs that toll are known until the block ends."""
    if Toll.topic in handlers.TABLE:  # by a block around this one
        yield
        return
    handlers.TABLE[Toll.topic] = handlers.Handler(Toll, access.SYSTEM, toll)
    try:
        yield
    finally:
        del handlers.TABLE[Toll.topic]


def tolled(app: application.App) -> list[str]:
    """The names of what was tolled, in order, as far as the database knows."""
    row = tables.AuditEntry
    with app.view() as view:
        read = view.session.scalars(select(row).where(row.event == events.JobRead.name).order_by(row.seq))
        return [entry.data["job_id"] for entry in read]


def _claims(app: application.App, job: Toll) -> int:
    running = select(tables.Job.claims).where(tables.Job.key == job.key, tables.Job.status == jobs.Status.PROCESSING)
    with app.view() as view:
        return view.session.scalars(running).one()
