"""Cases a human owns, what the assistant wrote for them, and what is done to the world."""

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Computed, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flowops.domain import artifacts, effects, handoffs, sla
from flowops.storage.tables.intake import Customer, Decision, Request
from flowops.storage.tables.people import User
from flowops.storage.tables.row import Base, Serial


class Handoff(Base):
    """A case that a human must own."""

    __tablename__ = "handoffs"
    __table_args__ = (
        Index("ix_handoffs_customer_created", "customer_id", "created_at"),
        # The orders of all cases, and below of the open ones.
        Index("ix_handoffs_due", "due_rank", "sla_due_at", "number"),
        Index("ix_handoffs_turn", "turn", "due_rank", "sla_due_at", "number"),
        Index("ix_handoffs_risk", "risk", "due_rank", "sla_due_at", "number"),
        *(
            Index(name, *columns.split(), postgresql_where=text(where), sqlite_where=text(where))
            for name, columns, where in (
                # SQLite would rather sort what an index of all queues or of no owner finds.
                ("ix_handoffs_open_due", "due_rank sla_due_at number", "resolved_at IS NULL"),
                ("ix_handoffs_open_turn", "turn due_rank sla_due_at number", "resolved_at IS NULL"),
                ("ix_handoffs_open_risk", "risk due_rank sla_due_at number", "resolved_at IS NULL"),
                # What can be taken next, queue by queue; nobody else asks for cases that were not claimed at a time.
                (
                    "ix_handoffs_free",
                    "queue turn due_rank sla_due_at number",
                    "claimed_at IS NULL AND resolved_at IS NULL",
                ),
                ("ix_handoffs_claimed_by", "claimed_by", "claimed_by IS NOT NULL"),
                # What the sweeps look for: small, because what is over is not in them.
                ("ix_handoffs_to_breach", "sla_due_at", "sla_breached_at IS NULL AND resolved_at IS NULL"),
                ("ix_handoffs_to_warn", "sla_warn_at", "sla_warned_at IS NULL AND resolved_at IS NULL"),
                ("ix_handoffs_to_expire", "claim_expires_at", "claim_expires_at IS NOT NULL"),
                ("ix_handoffs_to_resume", "wait_until", "wait_until IS NOT NULL"),
            )
        ),
        {"sqlite_autoincrement": True},
    )
    prefix = "hnd"

    number: Mapped[int] = mapped_column(Serial, Identity(start=1), primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(default=1)
    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    queue: Mapped[str] = mapped_column(ForeignKey("queues.name"))
    channel: Mapped[str]
    title: Mapped[str]
    status: Mapped[handoffs.Status]
    priority: Mapped[handoffs.Priority]
    reason: Mapped[handoffs.Reason]
    issues: Mapped[list[str]]
    tier: Mapped[handoffs.Tier]
    claimed_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    claimed_at: Mapped[datetime | None]
    claim_expires_at: Mapped[datetime | None]
    claim_left: Mapped[timedelta | None]  # how long the claim lasts once the case waits no more
    waiting_for: Mapped[handoffs.WaitingFor | None]
    wait_until: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    resolved_at: Mapped[datetime | None]
    outcome: Mapped[handoffs.Outcome | None]
    outcome_notes: Mapped[str | None]
    duplicate_of: Mapped[str | None] = mapped_column(ForeignKey("handoffs.id"))
    sla_policy: Mapped[str | None]
    sla_clock: Mapped[sla.Clock | None]
    sla_started_at: Mapped[datetime | None]
    sla_due_at: Mapped[datetime | None]  # empty while the clock is paused, like the next
    sla_warn_at: Mapped[datetime | None]
    sla_warned_at: Mapped[datetime | None]
    sla_paused_at: Mapped[datetime | None]
    sla_breached_at: Mapped[datetime | None]
    risk_level: Mapped[str | None]
    # For the order of the queue alone, the most urgent first; a broken promise counts one step more.
    turn: Mapped[int] = mapped_column(
        Computed(
            "CASE priority WHEN 'urgent' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END"
            " - CASE WHEN sla_breached_at IS NULL THEN 0 ELSE 1 END"
        )
    )
    # The riskiest first, for the order alone.
    risk: Mapped[int] = mapped_column(
        Computed("CASE risk_level WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END")
    )
    # What has no deadline comes after what has one, and what is resolved last: its clock has stopped. (SQLite does not
    # read "nulls last" from an index of several columns.)
    due_rank: Mapped[int] = mapped_column(
        Computed("CASE WHEN sla_due_at IS NULL THEN 1 ELSE 0 END + CASE WHEN resolved_at IS NULL THEN 0 ELSE 2 END")
    )
    created_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]

    request: Mapped[Request] = relationship(lazy="raise")
    customer: Mapped[Customer] = relationship(lazy="raise")
    owner: Mapped[User | None] = relationship(foreign_keys=[claimed_by], lazy="raise")
    resolver: Mapped[User | None] = relationship(foreign_keys=[resolved_by], lazy="raise")

    @property
    def label(self) -> str:
        """The short number people use."""
        return f"H-{self.number}"

    @classmethod
    def is_open(cls) -> ColumnElement[bool]:
        """The condition that finds the pending and claimed, as the indexes of open cases say it."""
        return cls.resolved_at.is_(None)

    @classmethod
    def nearest_first(cls) -> tuple[ColumnElement[Any], ...]:
        """The order of deadlines, as the indexes have it: then none, then the resolved, and no two cases are equal."""
        return cls.due_rank.asc(), cls.sla_due_at.asc(), cls.number.asc()

    @classmethod
    def named(cls, ref: str) -> ColumnElement[bool]:
        """The condition that finds a case by its id or by the short number; what can be neither finds none."""
        if number := re.fullmatch("H-([1-9][0-9]{0,14})", ref):
            return cls.number == int(number[1])
        return cls.id == (ref if re.fullmatch("hnd_[0-9a-z]+", ref) else None)


class SlaMark(Base):
    """What happened to a clock of a case; together they explain its deadline."""

    __tablename__ = "sla_marks"
    __table_args__ = (
        Index("ix_sla_marks_kind_clock", "kind", "clock", "priority"),
        Index("ix_sla_marks_at", "at", "handoff_id"),
        {"sqlite_autoincrement": True},
    )

    position: Mapped[int] = mapped_column(Serial, Identity(start=1), primary_key=True)
    handoff_id: Mapped[str] = mapped_column(ForeignKey("handoffs.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[sla.Kind]
    clock: Mapped[sla.Clock]
    priority: Mapped[handoffs.Priority]
    due_at: Mapped[datetime]

    @property
    def value(self) -> sla.Mark:
        """The mark as the domain reckons with it."""
        return sla.Mark(self.at, self.kind, self.clock, self.priority, self.due_at)


class Message(Base):
    """Something the customer, an automation, an operator or a third party wrote."""

    __tablename__ = "messages"
    __table_args__ = ({"sqlite_autoincrement": True},)
    prefix = "msg"

    position: Mapped[int] = mapped_column(Serial, Identity(start=1), primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id"), index=True)
    handoff_id: Mapped[str | None] = mapped_column(ForeignKey("handoffs.id"), index=True)
    role: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime]
    created_at: Mapped[datetime]


class Note(Base):
    """An internal note of a person on a case."""

    __tablename__ = "notes"
    prefix = "not"

    id: Mapped[str] = mapped_column(primary_key=True)
    handoff_id: Mapped[str] = mapped_column(ForeignKey("handoffs.id"), index=True)
    author_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str]
    created_at: Mapped[datetime]

    author: Mapped[User] = relationship(lazy="raise")


class Draft(Base):
    """The working text of a case's owner, as it was saved last."""

    __tablename__ = "drafts"

    handoff_id: Mapped[str] = mapped_column(ForeignKey("handoffs.id"), primary_key=True)
    subject: Mapped[str]
    body: Mapped[str]
    version: Mapped[int]
    saved_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    saved_at: Mapped[datetime]

    author: Mapped[User] = relationship(lazy="raise")


class Artifact(Base):
    """What the assistant wrote, with the exact context it was given; never changes."""

    __tablename__ = "artifacts"
    __table_args__ = (
        UniqueConstraint("handoff_id", "kind", "version"),
        # All that is counted about artifacts, so that their large rows are not read for it.
        Index(
            "ix_artifacts_counted", "kind", "generator", "status", "latency_ms", "input_tokens", "output_tokens"
        ),
        Index(
            "ix_artifacts_lately",
            "created_at", "handoff_id", "kind", "status", "latency_ms", "input_tokens", "output_tokens",
        ),
    )  # fmt: skip
    prefix = "art"

    id: Mapped[str] = mapped_column(primary_key=True)
    handoff_id: Mapped[str] = mapped_column(ForeignKey("handoffs.id"))
    kind: Mapped[str]
    version: Mapped[int]
    status: Mapped[artifacts.Status]
    content: Mapped[dict[str, Any] | None]
    grounding: Mapped[dict[str, Any] | None]
    provenance: Mapped[dict[str, Any]]
    generator: Mapped[str]
    latency_ms: Mapped[int]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    model: Mapped[str | None]
    prompt_version: Mapped[str | None]
    reasons: Mapped[list[str]]
    # Up to a quarter of a megabyte: read only by who asks for it.
    context: Mapped[str] = mapped_column(deferred=True, deferred_raiseload=True)
    # Of the newest message in the context, so that whoever compares knows whether somebody wrote since.
    last_message_position: Mapped[int | None] = mapped_column(Serial)
    created_at: Mapped[datetime]


class ArtifactReview(Base):
    """A person's judgement of an artifact; the latest one counts."""

    __tablename__ = "artifact_reviews"
    __table_args__ = (Index("ix_artifact_reviews_verdict", "verdict"),)
    prefix = "rev"

    id: Mapped[str] = mapped_column(primary_key=True)
    artifact_id: Mapped[str] = mapped_column(ForeignKey("artifacts.id"), index=True)
    reviewer_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    verdict: Mapped[artifacts.Judgement]
    reason: Mapped[str | None]
    content: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]

    reviewer: Mapped[User] = relationship(lazy="raise")


class Effect(Base):
    """A side effect on the world: proposed, approved, executing, done."""

    __tablename__ = "effects"
    __table_args__ = (
        Index("ix_effects_status_created", "status", "created_at"),
        Index("ix_effects_status_expires", "status", "expires_at"),
        Index("ix_effects_created_at", "created_at"),
        # What counts against the caps of a customer.
        Index(
            "ix_effects_capped",
            "customer_id",
            "kind",
            "approved_at",
            postgresql_where=text("approved_at IS NOT NULL"),
            sqlite_where=text("approved_at IS NOT NULL"),
        ),
        Index(
            "ix_effects_unknown",
            "id",
            postgresql_where=text("unknown_since IS NOT NULL"),
            sqlite_where=text("unknown_since IS NOT NULL"),
        ),
    )
    prefix = "eff"

    id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id"), index=True)
    customer_id: Mapped[str | None]  # the request's
    handoff_id: Mapped[str | None] = mapped_column(ForeignKey("handoffs.id"), index=True)
    kind: Mapped[str]
    params: Mapped[dict[str, Any]]
    amount: Mapped[int | None] = mapped_column(BigInteger)  # of the money in the parameters
    currency: Mapped[str | None]
    status: Mapped[effects.Status]
    decision_id: Mapped[str] = mapped_column(ForeignKey("decisions.id"))
    content_sha256: Mapped[str]
    revision: Mapped[int] = mapped_column(default=1)  # rises whenever what was approved until then is void
    approvals_needed: Mapped[int]
    approval_permission: Mapped[str]
    proposer_may_approve: Mapped[bool]
    proposed_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None]  # the last time its last approval was given
    execute_after: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    receipt_reference: Mapped[str | None]
    receipt_at: Mapped[datetime | None]
    error: Mapped[str | None]
    unknown_since: Mapped[datetime | None]  # when a call ended without an answer, until there is one
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    decision: Mapped[Decision] = relationship(lazy="raise")


class EffectSwitch(Base):
    """Whether effects may start, and who said so last; the one row there is was made with the table."""

    __tablename__ = "effect_switch"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    is_paused: Mapped[bool]
    reason: Mapped[str | None]
    by_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))  # empty when it was said at a terminal
    by_name: Mapped[str | None]
    at: Mapped[datetime | None]  # empty as long as nobody touched it


class Approval(Base):
    """One person's yes to one revision of an effect; a later one leaves it behind, also one of the same content."""

    __tablename__ = "approvals"
    __table_args__ = (
        # What counts against the caps of a person.
        Index(
            "ix_approvals_capped",
            "user_id",
            "counted_at",
            postgresql_where=text("counted_at IS NOT NULL"),
            sqlite_where=text("counted_at IS NOT NULL"),
        ),
    )

    effect_id: Mapped[str] = mapped_column(ForeignKey("effects.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    content_sha256: Mapped[str]
    at: Mapped[datetime]
    counted_at: Mapped[datetime | None]  # when the effect was approved with the help of this one

    user: Mapped[User] = relationship(lazy="raise")
