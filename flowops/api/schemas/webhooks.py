"""Endpoints that are told of what happens, and what became of each delivery; a secret is shown where it is made."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from flowops.api.schemas.answer import Answer
from flowops.api.schemas.outbox import Attempt
from flowops.domain import jobs

if TYPE_CHECKING:
    from flowops.queries import webhooks
    from flowops.storage import tables


class WebhookSecret(Answer):
    """A secret by its last characters; without `expiresAt` it signs until it is revoked."""

    id: str
    hint: str
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, row: tables.WebhookSecret, **more: Any) -> Self:
        return cls(id=row.id, hint=row.hint, created_at=row.created_at, expires_at=row.expires_at, **more)


class NewSecret(WebhookSecret):
    """A secret as it is shown once, to those who made it."""

    secret: str


class Webhook(Answer):
    """An endpoint; without `types` it is told of every public event."""

    id: str
    url: str
    description: str
    types: list[str]
    secrets: list[WebhookSecret]
    created_at: datetime
    created_by: str | None
    disabled_at: datetime | None
    disabled_because: str | None

    @classmethod
    def of(cls, shown: webhooks.Shown, **more: Any) -> Self:
        names = ("id", "url", "description", "types", "created_at", "created_by", "disabled_at", "disabled_because")
        said = {name: getattr(shown.webhook, name) for name in names}
        return cls(**said, secrets=[WebhookSecret.of(secret) for secret in shown.secrets], **more)


class WebhookWithSecret(Webhook):
    """An endpoint with the text of its first secret, which is shown once."""

    secret: str


class Delivery(Answer):
    """One event on its way to one endpoint; `eventId` is what its receiver sees as `webhook-id`."""

    job_id: str
    event_id: str
    type: str
    subject: str
    sequence: str | None
    status: jobs.Status
    receipt: str | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    attempts: list[Attempt]

    @classmethod
    def of(cls, shown: webhooks.Delivery) -> Self:
        event = shown.job.payload["event"]
        return cls(
            job_id=shown.job.id,
            event_id=event["id"],
            type=event["type"],
            subject=event["subject"],
            sequence=event.get("sequence"),
            status=shown.job.status,
            receipt=getattr(shown.job, "receipt", None),
            error=shown.job.error,
            created_at=shown.job.created_at,
            finished_at=getattr(shown.job, "finished_at", None),
            attempts=[Attempt.of(attempt) for attempt in shown.attempts],
        )
