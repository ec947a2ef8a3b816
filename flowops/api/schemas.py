"""What callers get, as JSON: camelCase names, times in UTC with Z; it shows what queries found and decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from flowops.domain import handoffs

if TYPE_CHECKING:
    from flowops.queries import audit, effects, paging
    from flowops.queries import handoffs as cases
    from flowops.storage import tables

T = TypeVar("T")
Row = TypeVar("Row")


class Answer(BaseModel):
    """What a caller gets; times are UTC with Z."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)


class Page(Answer, Generic[T]):
    items: list[T]
    next_cursor: str | None

    @classmethod
    def of(cls, page: paging.Page[Row], show: Callable[[Row], T]) -> Self:
        return cls(items=[show(row) for row in page.items], next_cursor=page.next_cursor)


class Person(Answer):
    id: str
    name: str

    @classmethod
    def of(cls, user: tables.User | None) -> Self | None:
        return cls(id=user.id, name=user.name) if user else None


class Customer(Answer):
    """The customer under the id that callers and `source` know them by."""

    id: str
    source: str
    email: str | None
    name: str | None
    plan: str | None

    @classmethod
    def of(cls, row: tables.Customer) -> Self:
        return cls(id=row.external_id, source=row.source, email=row.email, name=row.name, plan=row.plan)


class Message(Answer):
    id: str
    role: str
    text: str
    at: datetime


class Resolution(Answer):
    outcome: handoffs.Outcome
    notes: str | None
    duplicate_of: str | None

    @classmethod
    def of(cls, row: tables.Handoff) -> Self | None:
        if row.outcome is None:
            return None
        return cls(outcome=row.outcome, notes=row.outcome_notes, duplicate_of=row.duplicate_of)


class Sla(Answer):
    """The running clock; of a resolved case, the one that was running last."""

    policy: str
    clock: str
    started_at: datetime
    due_at: datetime
    warn_at: datetime
    paused_at: datetime | None
    breached_at: datetime | None
    elapsed_seconds: int
    remaining_seconds: int

    @classmethod
    def of(cls, row: tables.Handoff, now: datetime) -> Self | None:
        if row.sla_policy is None or row.sla_clock is None:
            return None
        assert row.sla_started_at is not None
        assert row.sla_due_at is not None
        assert row.sla_warn_at is not None
        until = row.resolved_at or now
        return cls(
            policy=row.sla_policy,
            clock=row.sla_clock,
            started_at=row.sla_started_at,
            due_at=row.sla_due_at,
            warn_at=row.sla_warn_at,
            paused_at=None,
            breached_at=row.sla_breached_at,
            elapsed_seconds=int((until - row.sla_started_at).total_seconds()),
            remaining_seconds=int((row.sla_due_at - until).total_seconds()),
        )


class Signals(Answer):
    risk_level: str | None
    has_summary: bool
    has_draft: bool
    stale: bool
    last_artifact_at: datetime | None


class HandoffItem(Answer):
    """A case as a list shows it."""

    id: str
    number: str
    version: int
    status: handoffs.Status
    priority: handoffs.Priority
    reason: handoffs.Reason
    queue: str
    tier: handoffs.Tier
    title: str
    channel: str
    customer: Customer
    request_id: str
    issues: list[str]
    claimed_by: Person | None
    claimed_at: datetime | None
    claim_expires_at: datetime | None
    waiting_for: str | None
    resolved_by: Person | None
    resolved_at: datetime | None
    resolution: Resolution | None
    sla_due_at: datetime | None
    sla_breached_at: datetime | None
    sla: Sla | None
    signals: Signals
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, listed: cases.Listed, now: datetime, **more: Any) -> Self:
        """The case as it is at this moment."""
        row = listed.handoff
        made: dict[str, Any] = {
            "number": row.label,
            "customer": Customer.of(row.customer),
            "claimed_by": Person.of(row.owner),
            "resolved_by": Person.of(row.resolver),
            "resolution": Resolution.of(row),
            "sla": Sla.of(row, now),
            "signals": Signals(
                risk_level=row.risk_level,
                has_summary=listed.has_summary,
                has_draft=listed.has_draft,
                stale=listed.stale,
                last_artifact_at=listed.last_artifact_at,
            ),
            **more,
        }
        return cls(**made, **{name: getattr(row, name) for name in cls.model_fields.keys() - made.keys()})


class Handoff(HandoffItem):
    """A case with its conversation."""

    messages: list[Message]

    @classmethod
    def of_case(cls, case: cases.Case, now: datetime) -> Self:
        messages = [Message(id=m.id, role=m.role, text=m.text, at=m.at) for m in case.messages]
        return cls.of(case, now, messages=messages)


class Verification(Answer):
    passed: bool
    checks: list[dict[str, Any]]

    @classmethod
    def of(cls, checks: list[dict[str, Any]]) -> Self:
        return cls(passed=all(check["passed"] for check in checks), checks=checks)


class Ruling(Answer):
    rule: str
    outcome: str
    reason: str


class Verdict(Answer):
    outcome: str
    rulings: list[Ruling]
    policy_version: str


class RequestHandoff(Answer):
    id: str
    number: str
    status: handoffs.Status
    reason: handoffs.Reason
    priority: handoffs.Priority


class RequestEffect(Answer):
    id: str
    kind: str
    status: str


class Request(Answer):
    """A request as it came in, what was found and decided, and what became of it."""

    id: str
    mode: str
    shadow: bool
    external_id: str | None
    channel: str
    queue: str
    customer: Customer
    subject: str
    messages: list[dict[str, Any]]
    facts: list[dict[str, Any]]
    confidence: str | None
    escalate: bool
    metadata: dict[str, Any]
    outcome: str
    verification: Verification
    verdict: Verdict
    handoff: RequestHandoff | None
    effect: RequestEffect | None
    resolution: Resolution | None
    created_at: datetime

    @classmethod
    def of(cls, answer: effects.Answer) -> Self:
        row, case, effect = answer.request, answer.handoff, answer.effect
        asked = row.decision.facts["asked"]
        return cls(
            id=row.id,
            mode=row.mode,
            shadow=row.mode == "shadow",
            external_id=row.external_id,
            channel=row.channel,
            queue=row.queue,
            customer=Customer.of(row.customer),
            subject=row.subject,
            messages=asked["messages"],
            facts=row.facts,
            confidence=row.confidence,
            escalate=row.escalate,
            metadata=row.meta,
            outcome=row.outcome,
            verification=Verification.of(row.decision.facts["checks"]),
            verdict=Verdict.model_validate(row.decision.verdict),
            handoff=RequestHandoff(
                id=case.id, number=case.label, status=case.status, reason=case.reason, priority=case.priority
            )
            if case
            else None,
            effect=RequestEffect(id=effect.id, kind=effect.kind, status=effect.status) if effect else None,
            resolution=Resolution.of(case) if case else None,
            created_at=row.created_at,
        )


class Approval(Answer):
    by: Person | None
    at: datetime


class Receipt(Answer):
    reference: str
    at: datetime


class Effect(Answer):
    """A side effect; `proposedBy` is null when a part of the product proposed it."""

    id: str
    handoff_id: str | None
    request_id: str
    kind: str
    params: dict[str, Any]
    status: str
    verdict: Verdict
    verification: Verification
    content_sha256: str
    approvals_needed: int
    approvals: list[Approval]
    proposed_by: Person | None
    execute_after: datetime | None
    expires_at: datetime
    receipt: Receipt | None
    error: str | None
    created_at: datetime

    @classmethod
    def of(cls, proposal: effects.Proposal) -> Self:
        row = proposal.effect
        made: dict[str, Any] = {
            "verdict": Verdict.model_validate(proposal.verdict),
            "verification": Verification.of(row.decision.facts["checks"]),
            "approvals": [Approval(by=Person.of(a.user), at=a.at) for a in proposal.approvals],
            "proposed_by": Person.of(proposal.proposer),
            "receipt": Receipt(reference=row.receipt_reference, at=row.receipt_at)
            if row.receipt_reference and row.receipt_at
            else None,
        }
        return cls(**made, **{name: getattr(row, name) for name in cls.model_fields.keys() - made.keys()})


class Artifact(Answer):
    """What the assistant wrote, and where it came from; `stale` when somebody wrote to the case afterwards."""

    id: str
    handoff_id: str
    kind: str
    version: int
    status: str
    content: dict[str, Any] | None
    grounding: dict[str, Any] | None
    provenance: dict[str, Any]
    reasons: list[str]
    review: None = None
    stale: bool
    created_at: datetime

    @classmethod
    def of(cls, row: tables.Artifact, stale: bool) -> Self:
        names = cls.model_fields.keys() - {"review", "stale"}
        return cls(stale=stale, **{name: getattr(row, name) for name in names})


class Queued(Answer):
    """What was asked of the assistant, and the job that will do it."""

    job_id: str
    kind: str
    status: str


class Actor(Answer):
    kind: str
    id: str | None
    name: str


class Entry(Answer):
    """Something that happened; `data` holds the personal values too, as far as they are not erased."""

    seq: int
    id: str
    at: datetime
    event: str
    actor: Actor
    correlation_id: str | None
    data: dict[str, Any]

    @classmethod
    def of(cls, entry: audit.Entry) -> Self:
        row = entry.row
        return cls(
            seq=row.seq,
            id=row.id,
            at=row.at,
            event=row.event,
            actor=Actor(kind=row.actor_kind, id=row.actor_id, name=entry.actor_name),
            correlation_id=row.correlation_id,
            data={to_camel(name): value for name, value in entry.data.items()},
        )
