"""What must happen next, and the bookkeeping of those who make it happen."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from flowops.domain import jobs
from flowops.storage.tables.row import BOOKKEEPING, Base, Serial


class Job(Base):
    """One row of the outbox that is not finished."""

    __tablename__ = "jobs"
    __table_args__ = (
        # Claimed in this order. Only what a claim may take is in the index, so it stays small.
        Index("ix_jobs_claimable", "topic", "run_at", "seq",
              postgresql_where=text("status = 'pending' AND waits IS NULL"),
              sqlite_where=text("status = 'pending' AND waits IS NULL")),
        Index("ix_jobs_key", "key", "seq"),
        # Two jobs of one key never run at once, whatever the workers believe.
        Index("uq_jobs_running_key", "key", unique=True, postgresql_where=text("status = 'processing'"),
              sqlite_where=text("status = 'processing'")),
        Index("ix_jobs_waits", "waits", "key", "seq", postgresql_where=text("waits IS NOT NULL"),
              sqlite_where=text("waits IS NOT NULL")),
        {"sqlite_autoincrement": True} | BOOKKEEPING,
    )  # fmt: skip
    prefix = "job"

    seq: Mapped[int] = mapped_column(Serial, Identity(start=1), primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    topic: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]]
    status: Mapped[jobs.Status]
    waits: Mapped[jobs.Waits | None]
    run_at: Mapped[datetime]
    claims: Mapped[int] = mapped_column(default=0)
    claim_token: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    webhook_id: Mapped[str | None]  # whom it tells of an event; empty for every other job


class FinishedJob(Base):
    """A job that was done or discarded, out of the way of those that wait; of the try that did it, who and when."""

    __tablename__ = "finished_jobs"
    __table_args__ = (
        Index("ix_finished_jobs_topic_status_finished", "topic", "status", "finished_at"),
        # Other jobs are not in it, so finishing them costs nothing more.
        Index("ix_finished_jobs_webhook_id", "webhook_id", "id", postgresql_where=text("webhook_id IS NOT NULL"),
              sqlite_where=text("webhook_id IS NOT NULL")),
        BOOKKEEPING,
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]]
    status: Mapped[jobs.Status]
    claims: Mapped[int]
    claim_token: Mapped[int]
    started_at: Mapped[datetime | None]
    worker: Mapped[str | None]
    receipt: Mapped[str | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    webhook_id: Mapped[str | None]


class JobAttempt(Base):
    """One try at a job that did not do it, kept with its error."""

    __tablename__ = "job_attempts"
    __table_args__ = (
        Index("ix_job_attempts_outcome_finished", "outcome", "finished_at"),
        Index("ix_job_attempts_topic_outcome", "topic", "outcome"),
        BOOKKEEPING,
    )

    job_id: Mapped[str] = mapped_column(primary_key=True)
    claim_token: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str]
    worker: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    outcome: Mapped[jobs.AttemptOutcome]
    error: Mapped[str | None]


class PrunedAttempts(Base):
    """How many tries there were at jobs that were pruned since, so that totals never fall."""

    __tablename__ = "pruned_attempts"
    __table_args__ = BOOKKEEPING

    topic: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[jobs.AttemptOutcome] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class Heartbeat(Base):
    """A process that delivers, and when it was last heard of."""

    __tablename__ = "heartbeats"
    __table_args__ = BOOKKEEPING

    worker: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class IdempotencyKey(Base):
    """The answer once given to a caller's key; an answer that showed a secret is kept without it."""

    __tablename__ = "idempotency_keys"
    __table_args__ = BOOKKEEPING

    caller_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[str]
    status: Mapped[int | None]
    body: Mapped[str | None]
    etag: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
