"""Cases as callers see them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from flowops.api.schemas.answer import Answer, Person
from flowops.domain import handoffs

if TYPE_CHECKING:
    from flowops.queries import handoffs as cases
    from flowops.storage import tables


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
    due_at: datetime | None
    warn_at: datetime | None
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
