"""What happened to requests and cases."""

from dataclasses import dataclass
from typing import ClassVar

from flowops.domain.events.event import Event, personal


@dataclass(frozen=True, kw_only=True)
class CustomerSeen(Event):
    """A customer was met for the first time, or what the records say of them changed."""

    name: ClassVar[str] = "customer.seen"
    customer_id: str
    source: str
    external_id: str | None = personal()
    email: str | None = personal()
    customer_name: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class RequestReceived(Event):
    """A request was verified and decided."""

    name: ClassVar[str] = "request.received"
    request_id: str
    customer_id: str
    mode: str
    outcome: str
    decision_id: str
    verdict: str
    policy_version: str
    failed_checks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class HandoffCreated(Event):
    """A case that a human must own was opened."""

    name: ClassVar[str] = "handoff.created"
    handoff_id: str
    request_id: str
    customer_id: str
    reason: str
    issues: tuple[str, ...]
    priority: str
    queue: str
    sla_due_at: str | None


@dataclass(frozen=True, kw_only=True)
class HandoffClaimed(Event):
    """Somebody made a case their own; `expired_claim_of` is the owner whose claim had run out."""

    name: ClassVar[str] = "handoff.claimed"
    handoff_id: str
    claim_expires_at: str
    expired_claim_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimExtended(Event):
    """The owner claimed again, so the claim lasts longer."""

    name: ClassVar[str] = "handoff.claim_extended"
    handoff_id: str
    claim_expires_at: str


@dataclass(frozen=True, kw_only=True)
class HandoffReleased(Event):
    """A case went back to the queue."""

    name: ClassVar[str] = "handoff.released"
    handoff_id: str
    owner_id: str


@dataclass(frozen=True, kw_only=True)
class HandoffResolved(Event):
    """A person finished a case."""

    name: ClassVar[str] = "handoff.resolved"
    handoff_id: str
    outcome: str
    duplicate_of: str | None = None
    notes: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class HandoffReopened(Event):
    """A finished case needs a person again."""

    name: ClassVar[str] = "handoff.reopened"
    handoff_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class IssueFound(Event):
    """An open case got one more reason for a person to look."""

    name: ClassVar[str] = "handoff.issue_found"
    handoff_id: str
    issue: str
    why: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class NoteAdded(Event):
    """An internal note was written."""

    name: ClassVar[str] = "handoff.note_added"
    handoff_id: str
    note_id: str
    text: str | None = personal()
