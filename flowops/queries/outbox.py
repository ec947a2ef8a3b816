"""Answers about jobs: those that wait, run or died, and those that left the hot table; secrets are masked."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from flowops import errors
from flowops.domain import tokens
from flowops.domain.access import ActorKind
from flowops.domain.jobs import AttemptOutcome, Status
from flowops.storage import tables
from flowops.storage.unit import View

Row = tables.Job | tables.FinishedJob

_SECRET = re.compile(r"secret|token|passw|authorization|cookie|credential|(api|private|signing)_?key", re.IGNORECASE)
_LEFT = (Status.DONE, Status.DISCARDED)


@dataclass(frozen=True)
class Attempt:
    """One try at a job; `outcome` is empty while it runs."""

    claim_token: int
    worker: str
    started_at: datetime
    finished_at: datetime | None = None
    outcome: AttemptOutcome | None = None
    error: str | None = None


@dataclass(frozen=True)
class History:
    """A job with every attempt at it, the first one first; `is_foreign` as `foreign` says it."""

    job: Row
    payload: dict[str, Any]
    attempts: Sequence[Attempt]
    is_foreign: bool


def search(
    view: View, status: Status | None = None, topic: str | None = None, cursor: str | None = None, limit: int = 50
) -> tuple[list[Row], str | None]:
    """Jobs, newest first, and the cursor of the next page; their payloads are not masked and not for showing."""
    if cursor is not None and not re.fullmatch(r"job_\w+", cursor):
        raise errors.Invalid(reason="The cursor is not one this list gave. Start again without it.")
    found: list[Row] = []
    for table in (tables.Job, tables.FinishedJob):
        if status is not None and (status in _LEFT) is not (table is tables.FinishedJob):
            continue
        query = select(table).order_by(table.id.desc()).limit(limit + 1)
        if status is not None:
            query = query.where(table.status == status)
        if topic is not None:
            query = query.where(table.topic == topic)
        if cursor is not None:
            query = query.where(table.id < cursor)
        found.extend(view.session.scalars(query))
    found = newest_first(found)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def newest_first(found: Iterable[Row]) -> list[Row]:
    """What waits and what is finished, read in this order, as one list.

    A job that is finished between the two reads is found twice on PostgreSQL; it is listed once, as finished.
    """
    return sorted({job.id: job for job in found}.values(), key=lambda job: job.id, reverse=True)


def get(view: View, job_id: str) -> History:
    """One job with its attempts, wherever it is in its life; raises NotFound."""
    waiting = view.session.scalar(select(tables.Job).where(tables.Job.id == job_id))
    job = waiting or view.session.get(tables.FinishedJob, job_id)
    if job is None:
        raise errors.NotFound(kind="job", id=job_id)
    is_foreign = job_id in foreign(view, [job])
    return History(
        job=job,
        payload=dict.fromkeys(job.payload, tokens.MASK) if is_foreign else mask(job.payload),
        is_foreign=is_foreign,
        attempts=attempts(view, [job])[job_id],
    )


def attempts(view: View, jobs: Iterable[Row]) -> dict[str, list[Attempt]]:
    """Every try at each of these jobs, by the job's id, the first one first."""
    row, of = tables.JobAttempt, {job.id: job for job in jobs}
    found: dict[str, list[Attempt]] = {job_id: [] for job_id in of}
    ended = select(row).where(row.job_id.in_(of)).order_by(row.job_id, row.claim_token)
    for told in view.session.scalars(ended):
        found[told.job_id].append(
            Attempt(told.claim_token, told.worker, told.started_at, told.finished_at, told.outcome, told.error)
        )
    return {job_id: [*found[job_id], *_told_by(job)] for job_id, job in of.items()}


def foreign(view: View, jobs: Iterable[Row]) -> frozenset[str]:
    """The ids of those jobs that are about a case or a request of a queue the viewer does not see.

    They are shown without key and payload, and shown all the same: whoever sees the queue may be nobody who can decide
    about jobs. One that names no case is anybody's.
    """
    if view.viewer.kind is not ActorKind.PERSON:
        return frozenset()
    about = {job.id: str(job.payload.get("handoff_id") or job.payload.get("case_id")) for job in jobs}
    hidden: set[str] = set()
    for table in (tables.Handoff, tables.Request):
        of_others = table.id.in_(set(about.values())), table.queue.not_in(view.viewer.queues)
        hidden.update(view.session.scalars(select(table.id).where(*of_others)))
    return frozenset(job_id for job_id, subject in about.items() if subject in hidden)


def key(job: Row, *, is_foreign: bool) -> str:
    """The ordering key; of a foreign job only its topic, for the rest may be somebody's address."""
    return f"{job.topic}:{tokens.MASK}" if is_foreign else job.key


def oldest_wait(view: View) -> timedelta:
    """How long the job that is due the longest has been waiting; zero when none is."""
    due = select(func.min(tables.Job.run_at)).where(tables.Job.status == Status.PENDING, tables.Job.run_at <= view.now)
    since = view.session.scalar(due)
    return view.now - since if since else timedelta(0)


def heartbeats(view: View) -> Sequence[tables.Heartbeat]:
    """The processes that deliver, the one heard of last first."""
    return view.session.scalars(select(tables.Heartbeat).order_by(tables.Heartbeat.seen_at.desc())).all()


def silence(view: View) -> timedelta | None:
    """How long ago a process that delivers was heard of last; None when there is none."""
    ages = [view.now - heartbeat.seen_at for heartbeat in heartbeats(view)]
    return min(ages, default=None)


def patience(lease: timedelta) -> timedelta:
    """How long a process may be silent before it counts as gone; one that lives beats three times a lease.

    >>> patience(timedelta(minutes=5))
    datetime.timedelta(seconds=300)
    """
    return max(timedelta(minutes=1), lease)


def mask(payload: Any) -> Any:
    """The payload without secrets, however deep they lie: fields named like one, and what looks like one in a text.

    >>> mask({"headers": [{"Authorization": "Basic x"}], "body": "My token is fops_0123."})
    {'headers': [{'Authorization': '***'}], 'body': 'My token is fops_***.'}
    """
    if isinstance(payload, str):
        return tokens.mask(payload)
    if isinstance(payload, dict):
        return {name: tokens.MASK if _SECRET.search(name) else mask(value) for name, value in payload.items()}
    if isinstance(payload, list):
        return [mask(value) for value in payload]
    return payload


def _told_by(job: Row) -> list[Attempt]:
    """The try that runs, or that did the job: of these the job's own row tells."""
    if job.worker is None or job.started_at is None:
        return []
    if isinstance(job, tables.Job):
        return [Attempt(job.claim_token, job.worker, job.started_at)]
    return [Attempt(job.claim_token, job.worker, job.started_at, job.finished_at, AttemptOutcome.DONE)]
