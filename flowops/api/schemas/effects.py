"""Requests and side effects as callers see them: what was asked, verified, decided and done."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from flowops.api.schemas.answer import Answer, Person
from flowops.api.schemas.handoffs import Customer, Resolution
from flowops.domain import handoffs

if TYPE_CHECKING:
    from flowops.queries import effects
    from flowops.storage import tables


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


class Change(Answer):
    """One field of the records, in words."""

    field: str
    before: str
    after: str


class Receipt(Answer):
    reference: str
    at: datetime


class Effect(Answer):
    """A side effect; `proposedBy` is null when a part of the product proposed it.

    `difference` is what the records said when it was approved and said when it was held; null when it is not held.
    `unknownSince` is when a call ended without an answer; null once there is one.
    """

    id: str
    handoff_id: str | None
    request_id: str
    kind: str
    params: dict[str, Any]
    status: str
    verdict: Verdict
    verification: Verification
    difference: list[Change] | None
    content_sha256: str
    approvals_needed: int
    approvals: list[Approval]
    proposed_by: Person | None
    execute_after: datetime | None
    expires_at: datetime
    receipt: Receipt | None
    error: str | None
    unknown_since: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, proposal: effects.Proposal) -> Self:
        row = proposal.effect
        made: dict[str, Any] = {
            "verdict": Verdict.model_validate(proposal.verdict),
            "verification": Verification.of(row.decision.facts["checks"]),
            "difference": proposal.difference,
            "approvals": [Approval(by=Person.of(a.user), at=a.at) for a in proposal.approvals],
            "proposed_by": Person.of(proposal.proposer),
            "receipt": Receipt(reference=row.receipt_reference, at=row.receipt_at)
            if row.receipt_reference and row.receipt_at
            else None,
        }
        return cls(**made, **{name: getattr(row, name) for name in cls.model_fields.keys() - made.keys()})


class Switcher(Answer):
    """Who threw the switch; `id` is null when it was done at a terminal, and `name` the operating system's user."""

    id: str | None
    name: str


class Pause(Answer):
    """Whether effects are paused; `reason`, `by` and `at` are of the last time somebody changed that."""

    paused: bool
    reason: str | None
    by: Switcher | None
    at: datetime | None

    @classmethod
    def of(cls, switch: tables.EffectSwitch) -> Self:
        by = Switcher(id=switch.by_id, name=switch.by_name) if switch.by_name is not None else None
        return cls(paused=switch.is_paused, reason=switch.reason, by=by, at=switch.at)
