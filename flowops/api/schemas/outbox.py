"""Jobs as those who answer for them see them: secrets masked, and of another queue's what names its case."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from flowops.api.schemas.answer import Answer
from flowops.domain import jobs
from flowops.queries import outbox


class Job(Answer):
    """A job without its payload; `runAt` and `worker` are empty once it is finished, `finishedAt` until then."""

    id: str
    topic: str
    key: str
    status: jobs.Status
    claims: int
    error: str | None
    run_at: datetime | None
    worker: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: outbox.Row, *, is_foreign: bool = False, **more: Any) -> Self:
        shown: dict[str, Any] = {name: getattr(row, name, None) for name in Job.model_fields}
        return cls(**shown | {"key": outbox.key(row, is_foreign=is_foreign)}, **more)


class Attempt(Answer):
    """One try; without an outcome it runs."""

    claim: int
    worker: str
    started_at: datetime
    finished_at: datetime | None
    outcome: jobs.AttemptOutcome | None
    error: str | None

    @classmethod
    def of(cls, attempt: outbox.Attempt) -> Self:
        names = ("worker", "started_at", "finished_at", "outcome", "error")
        return cls(claim=attempt.claim_token, **{name: getattr(attempt, name) for name in names})


class JobHistory(Job):
    """A job with its payload and every try, the first one first."""

    payload: dict[str, Any]
    attempts: list[Attempt]

    @classmethod
    def of_history(cls, found: outbox.History) -> Self:
        attempts = [Attempt.of(attempt) for attempt in found.attempts]
        return cls.of(found.job, is_foreign=found.is_foreign, payload=found.payload, attempts=attempts)


class Retried(Answer):
    """How many dead jobs are tried again, and how many are left for another call."""

    count: int
    left: int
