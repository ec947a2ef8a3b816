"""What comes in and what is decided about it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flowops.storage.tables.row import BOOKKEEPING, Base


class Customer(Base):
    """Whom a request is about; `source` names the system that gave `external_id`."""

    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("source", "external_id"),)
    prefix = "cus"

    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    external_id: Mapped[str]
    email: Mapped[str | None]
    name: Mapped[str | None]
    plan: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Request(Base):
    """Something a customer or an automation asked for, as it came in; a case opened directly is one too."""

    __tablename__ = "requests"
    __table_args__ = (
        UniqueConstraint("caller_id", "endpoint", "mode", "external_id"),
        Index("ix_requests_customer_created", "customer_id", "created_at"),
    )
    prefix = "req"

    id: Mapped[str] = mapped_column(primary_key=True)
    endpoint: Mapped[str]  # requests | handoffs
    mode: Mapped[str]
    caller_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    external_id: Mapped[str | None]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    channel: Mapped[str]
    queue: Mapped[str] = mapped_column(ForeignKey("queues.name"))
    subject: Mapped[str]
    facts: Mapped[list[dict[str, Any]]]
    confidence: Mapped[str | None]  # a decimal number, kept as it was given
    escalate: Mapped[bool]
    effect: Mapped[dict[str, Any] | None]
    meta: Mapped[dict[str, Any]]
    outcome: Mapped[str]
    decision_id: Mapped[str] = mapped_column(ForeignKey("decisions.id"))
    handoff_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(index=True)

    customer: Mapped[Customer] = relationship(lazy="raise")
    decision: Mapped["Decision"] = relationship(lazy="raise")


class Decision(Base):
    """A verdict with everything it was taken from; never changes."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_outcome_rule", "outcome", "rule"),)
    prefix = "dec"

    id: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str]  # intake | proposal | approval | execution
    subject_id: Mapped[str] = mapped_column(index=True)  # the request, or the effect it is about
    facts: Mapped[dict[str, Any]]
    verdict: Mapped[dict[str, Any]]
    outcome: Mapped[str]
    rule: Mapped[str]  # the one that decided
    policy_version: Mapped[str] = mapped_column(ForeignKey("policy_versions.version"))
    created_at: Mapped[datetime] = mapped_column(index=True)


class RuleFinding(Base):
    """What a decision showed about one of its rules: in shadow it would have changed it (`diverged`), or it failed.

    `outcome` is what the verdict would have been with the rule.
    """

    __tablename__ = "rule_findings"
    __table_args__ = (Index("ix_rule_findings_rule", "rule", "finding", "decision_id"), BOOKKEEPING)

    decision_id: Mapped[str] = mapped_column(ForeignKey("decisions.id"), primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    finding: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    created_at: Mapped[datetime]


class PolicyVersion(Base):
    """The canonical source of a set of rules that has decided something, from when on it did."""

    __tablename__ = "policy_versions"
    __table_args__ = BOOKKEEPING

    version: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    created_at: Mapped[datetime]
