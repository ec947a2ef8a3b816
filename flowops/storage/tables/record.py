"""The record: what happened, and what must be erasable about it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from flowops.domain import access
from flowops.storage.tables.row import BOOKKEEPING, Base, Serial


class AuditEntry(Base):
    """One thing that happened, who did it; never changes and holds no personal plaintext."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_event_handoff", "event", "handoff_id", "at"),
        {"sqlite_autoincrement": True} | BOOKKEEPING,
    )
    prefix = "aud"

    seq: Mapped[int] = mapped_column(Serial, Identity(start=1), primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    at: Mapped[datetime] = mapped_column(index=True)
    event: Mapped[str]
    actor_kind: Mapped[access.ActorKind]
    actor_id: Mapped[str | None]
    handoff_id: Mapped[str | None] = mapped_column(index=True)
    request_id: Mapped[str | None] = mapped_column(index=True)
    effect_id: Mapped[str | None] = mapped_column(index=True)
    customer_id: Mapped[str | None] = mapped_column(index=True)
    correlation_id: Mapped[str | None]
    data: Mapped[dict[str, Any]]


class AuditPrivate(Base):
    """The value and salt behind a commitment in an entry; deleting it erases what the entry cannot tell alone."""

    __tablename__ = "audit_private"
    __table_args__ = BOOKKEEPING

    entry_id: Mapped[str] = mapped_column(ForeignKey("audit_entries.id"), primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    salt: Mapped[str]
