"""What happened to those who are told of what happens."""

from dataclasses import dataclass
from typing import ClassVar

from flowops.domain.events.event import Event


@dataclass(frozen=True, kw_only=True)
class WebhookAdded(Event):
    """An endpoint was registered; of its address only the host is named, as the rest may be a secret."""

    name: ClassVar[str] = "webhook.added"
    webhook_id: str
    host: str
    types: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WebhookChanged(Event):
    """An endpoint got another address, description or choice of events; `changed` names which."""

    name: ClassVar[str] = "webhook.changed"
    webhook_id: str
    changed: tuple[str, ...]
    host: str
    types: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WebhookEnabled(Event):
    """An endpoint is told of events again."""

    name: ClassVar[str] = "webhook.enabled"
    webhook_id: str


@dataclass(frozen=True, kw_only=True)
class WebhookDisabled(Event):
    """An endpoint is told of nothing more: an admin said so, or it answered that it is `gone`."""

    name: ClassVar[str] = "webhook.disabled"
    webhook_id: str
    because: str


@dataclass(frozen=True, kw_only=True)
class WebhookRemoved(Event):
    """An endpoint and its secrets were deleted."""

    name: ClassVar[str] = "webhook.removed"
    webhook_id: str


@dataclass(frozen=True, kw_only=True)
class WebhookSecretAdded(Event):
    """An endpoint got a secret to sign with; `others_end_at` is when those it had until then stop."""

    name: ClassVar[str] = "webhook.secret_added"
    webhook_id: str
    secret_id: str
    others_end_at: str | None


@dataclass(frozen=True, kw_only=True)
class WebhookSecretRevoked(Event):
    """A secret signs nothing more, and was deleted."""

    name: ClassVar[str] = "webhook.secret_revoked"
    webhook_id: str
    secret_id: str


@dataclass(frozen=True, kw_only=True)
class WebhookPinged(Event):
    """Somebody had a test event sent to an endpoint."""

    name: ClassVar[str] = "webhook.pinged"
    webhook_id: str


@dataclass(frozen=True, kw_only=True)
class WebhookRedelivered(Event):
    """Somebody had an event sent to an endpoint once more; `job_id` is the new delivery."""

    name: ClassVar[str] = "webhook.redelivered"
    webhook_id: str
    event_id: str
    job_id: str
