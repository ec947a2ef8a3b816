"""Answers about dead jobs: how many there are, and of which errors they died."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, func, select

from flowops.domain.jobs import Status
from flowops.storage import tables
from flowops.storage.unit import View


@dataclass(frozen=True)
class Cause:
    """What dead jobs of one topic died of, how many, and when the first and the last of them did."""

    topic: str
    error: str
    count: int
    first_at: datetime
    last_at: datetime


def count(view: View, topic: str | None = None, error: str | None = None) -> int:
    """How many dead jobs there are of this topic whose last error contains this text: those a retry would reach."""
    query: Select[int] = select(func.count()).select_from(tables.Job).where(tables.Job.status == Status.DEAD)
    if topic is not None:
        query = query.where(tables.Job.topic == topic)
    if error is not None:
        query = query.where(tables.Job.error.contains(error, autoescape=True))
    return view.session.scalar(query) or 0


def causes(view: View, limit: int = 20) -> Sequence[Cause]:
    """What jobs died of, the most frequent first."""
    job, attempt = tables.Job, tables.JobAttempt
    last = and_(attempt.job_id == job.id, attempt.claim_token == job.claim_token)
    rows = view.session.execute(
        select(job.topic, job.error, func.count(), func.min(attempt.started_at), func.max(attempt.started_at))
        .join(attempt, last)
        .where(job.status == Status.DEAD)
        .group_by(job.topic, job.error)
        .order_by(func.count().desc(), job.topic, job.error)
        .limit(limit)
    )
    return [Cause(topic, error or "", number, first, last_at) for topic, error, number, first, last_at in rows]
