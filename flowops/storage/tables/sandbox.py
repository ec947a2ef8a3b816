"""The rows behind the gateways when no real system is configured."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from flowops.storage.tables.row import BOOKKEEPING, Base


class SandboxAccount(Base):
    __tablename__ = "sandbox_accounts"
    __table_args__ = BOOKKEEPING

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    plan: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[datetime]


class SandboxInvoice(Base):
    __tablename__ = "sandbox_invoices"
    __table_args__ = BOOKKEEPING

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    status: Mapped[str]
    currency: Mapped[str]
    total: Mapped[int] = mapped_column(BigInteger)
    refundable: Mapped[int] = mapped_column(BigInteger)
    paid_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SandboxRefund(Base):
    """A refund the sandbox gave; the idempotency key makes a repeat find the first."""

    __tablename__ = "sandbox_refunds"
    __table_args__ = BOOKKEEPING

    key: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    invoice_id: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    reason: Mapped[str | None]
    calls: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime]


class SandboxPayout(Base):
    __tablename__ = "sandbox_payouts"
    __table_args__ = BOOKKEEPING

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    status: Mapped[str]
    currency: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class SandboxDeed(Base):
    """What else the sandbox did for somebody: `what` to the record `subject_id`, once for each key as with refunds."""

    __tablename__ = "sandbox_deeds"
    __table_args__ = BOOKKEEPING

    key: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    what: Mapped[str]
    subject_id: Mapped[str]
    calls: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime]


class SandboxMail(Base):
    """A mail the sandbox mailbox keeps instead of sending it."""

    __tablename__ = "sandbox_mails"
    __table_args__ = BOOKKEEPING

    key: Mapped[str] = mapped_column(primary_key=True)
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    at: Mapped[datetime]
