"""Cases as callers see them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from flowops.api.schemas.answer import Answer, Person
from flowops.api.schemas.sla import Sla
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
    def of(cls, listed: cases.Listed, **more: Any) -> Self:
        row = listed.handoff
        made: dict[str, Any] = {
            "number": row.label,
            "customer": Customer.of(row.customer),
            "claimed_by": Person.of(row.owner),
            "resolved_by": Person.of(row.resolver),
            "resolution": Resolution.of(row),
            "sla": Sla.of(listed.sla),
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
    def of_case(cls, case: cases.Case) -> Self:
        messages = [Message(id=m.id, role=m.role, text=m.text, at=m.at) for m in case.messages]
        return cls.of(case, messages=messages)


class Draft(Answer):
    """The operator's working text as it was saved last; at version 0 there is none."""

    subject: str = ""
    body: str = ""
    version: int = 0
    saved_by: Person | None = None
    saved_at: datetime | None = None

    @classmethod
    def of(cls, row: tables.Draft | None) -> Self:
        if row is None:
            return cls()
        return cls(
            subject=row.subject,
            body=row.body,
            version=row.version,
            saved_by=Person.of(row.author),
            saved_at=row.saved_at,
        )
