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
    """The owner claimed again or repeated what was done, so the claim lasts longer; a waiting case's has no end."""

    name: ClassVar[str] = "handoff.claim_extended"
    handoff_id: str
    claim_expires_at: str | None


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
    why: str | None = personal()


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


@dataclass(frozen=True, kw_only=True)
class HandoffAssigned(Event):
    """A supervisor gave a case to somebody, or took it over; `former_owner_id` had it until then."""

    name: ClassVar[str] = "handoff.assigned"
    handoff_id: str
    owner_id: str
    former_owner_id: str | None
    claim_expires_at: str | None
    reason: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class ClaimExpired(Event):
    """A claim ran out and the case went back to the queue."""

    name: ClassVar[str] = "handoff.claim_expired"
    handoff_id: str
    owner_id: str
    claim_expires_at: str


@dataclass(frozen=True, kw_only=True)
class HandoffWaiting(Event):
    """The owner waits for somebody's answer, so the clock is paused."""

    name: ClassVar[str] = "handoff.waiting"
    handoff_id: str
    waiting_for: str
    until: str | None


@dataclass(frozen=True, kw_only=True)
class HandoffResumed(Event):
    """The waiting is over, because `because`, and the clock runs again."""

    name: ClassVar[str] = "handoff.resumed"
    handoff_id: str
    because: str
    sla_due_at: str | None


@dataclass(frozen=True, kw_only=True)
class PriorityChanged(Event):
    """A case became more or less urgent, and its deadline moved."""

    name: ClassVar[str] = "handoff.priority_changed"
    handoff_id: str
    before: str
    after: str
    sla_due_before: str | None
    sla_due_at: str | None
    reason: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class HandoffEscalated(Event):
    """A case needs a supervisor and went back to the queue."""

    name: ClassVar[str] = "handoff.escalated"
    handoff_id: str
    former_owner_id: str | None
    reason: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class MessageReceived(Event):
    """The customer or a third party wrote after the case was opened."""

    name: ClassVar[str] = "handoff.message_received"
    handoff_id: str
    message_id: str
    role: str


@dataclass(frozen=True, kw_only=True)
class DraftSaved(Event):
    """The owner saved the text they are working on."""

    name: ClassVar[str] = "handoff.draft_saved"
    handoff_id: str
    version: int


@dataclass(frozen=True, kw_only=True)
class DraftUsed(Event):
    """The saved text was proposed as a reply, so the draft is empty again."""

    name: ClassVar[str] = "handoff.draft_used"
    handoff_id: str
    version: int


@dataclass(frozen=True, kw_only=True)
class RiskCopied(Event):
    """What the assistant last said of a case's risk was copied to where the queue is sorted by it."""

    name: ClassVar[str] = "handoff.risk_copied"
    handoff_id: str
    artifact_id: str
    risk_level: str
