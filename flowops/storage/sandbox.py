"""The rows behind the sandbox gateways, and the customers they begin with; only the demo world lives here."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowops import errors
from flowops.domain.facts import Account, Invoice, Payout, Plan
from flowops.domain.money import Money
from flowops.storage import tables
from flowops.storage.engine import Database, session_on
from flowops.storage.types import new_id

# Built once, and read as plain rows: every request that comes in asks them.
_ACCOUNT = select(tables.SandboxAccount.__table__).where(tables.SandboxAccount.id == bindparam("id"))
_PAYOUT = select(tables.SandboxPayout.__table__).where(tables.SandboxPayout.id == bindparam("id"))
_INVOICE = select(tables.SandboxInvoice.__table__).where(tables.SandboxInvoice.id == bindparam("id"))


class Sandbox:
    """Implements `gateways.sandbox.SandboxStore`. Call it with no unit open: each call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def account(self, customer_id: str) -> Account | None:
        with self._database.reading() as connection:
            row = connection.execute(_ACCOUNT, {"id": customer_id}).one_or_none()
        return Account.model_validate(row, from_attributes=True) if row else None

    def invoice(self, invoice_id: str) -> Invoice | None:
        with self._database.reading() as connection:
            row = connection.execute(_INVOICE, {"id": invoice_id}).one_or_none()
        return _invoice(row) if row else None

    def invoices(self, customer_id: str) -> list[Invoice]:
        row = tables.SandboxInvoice
        newest = select(row).where(row.customer_id == customer_id).order_by(row.created_at.desc(), row.id)
        with self._reading() as session:
            return [_invoice(found) for found in session.scalars(newest)]

    def refund(self, invoice_id: str, money: Money, reason: str | None, key: str) -> tuple[str, datetime]:
        with self._writing() as (session, now):
            # The lock comes first: of two calls with one key the second must see what the first did.
            invoice = session.get(tables.SandboxInvoice, invoice_id, with_for_update=True)
            if done := session.get(tables.SandboxRefund, key):
                if (done.invoice_id, done.amount, done.currency) != (invoice_id, money.amount, money.currency):
                    raise errors.Refused(what="billing", reason="the key was used for another refund")
                done.calls += 1
                return done.reference, done.at
            if invoice is None or invoice.status != "paid":
                raise errors.Refused(what="billing", reason="there is no such paid invoice")
            if money.currency != invoice.currency or not 0 < money.amount <= invoice.refundable:
                left = Money(amount=invoice.refundable, currency=invoice.currency)
                raise errors.Refused(what="billing", reason=f"{money} is not within the {left} that can be refunded")
            invoice.refundable -= money.amount
            if invoice.refundable == 0:
                invoice.status = "refunded"
            made = tables.SandboxRefund(
                key=key,
                reference=new_id("rf"),
                invoice_id=invoice_id,
                amount=money.amount,
                currency=money.currency,
                reason=reason,
                at=now,
            )
            session.add(made)
            return made.reference, made.at

    def suspend(self, customer_id: str, reason: str, key: str) -> tuple[str, datetime]:
        with self._writing() as (session, now):
            account = session.get(tables.SandboxAccount, customer_id, with_for_update=True)
            if done := _repeated(session, key, "suspend", customer_id, "accounts"):
                return done.reference, done.at
            if account is None or account.status != "active":
                raise errors.Refused(what="accounts", reason="there is no such active account")
            account.status = "suspended"
            return _did(session, key, "suspend", customer_id, now)

    def payout(self, payout_id: str) -> Payout | None:
        with self._database.reading() as connection:
            row = connection.execute(_PAYOUT, {"id": payout_id}).one_or_none()
        return _payout(row) if row else None

    def release(self, payout_id: str, money: Money, key: str) -> tuple[str, datetime]:
        with self._writing() as (session, now):
            payout = session.get(tables.SandboxPayout, payout_id, with_for_update=True)
            what = f"release {money}"
            if done := _repeated(session, key, what, payout_id, "billing"):
                return done.reference, done.at
            if payout is None or payout.status != "held":
                raise errors.Refused(what="billing", reason="there is no such held payout")
            held = Money(amount=payout.amount, currency=payout.currency)
            if money != held:
                raise errors.Refused(what="billing", reason=f"{money} is not the {held} that is held")
            payout.status = "released"
            return _did(session, key, what, payout_id, now)

    def keep_mail(self, to: str, subject: str, body: str, key: str) -> datetime:
        with self._writing() as (session, now):
            mail = session.get(tables.SandboxMail, key)
            if mail is None:
                mail = tables.SandboxMail(key=key, recipient=to, subject=subject, body=body, at=now)
                session.add(mail)
            return mail.at

    def mails(self) -> Sequence[tables.SandboxMail]:
        """What was sent, newest first."""
        with self._reading() as session:
            row = tables.SandboxMail
            return session.scalars(select(row).order_by(row.at.desc(), row.key)).all()

    def seed(self, now: datetime) -> None:
        """Put the demo world's customers and invoices in, dated before `now`; what is already there stays as it is."""
        # All of it or, where it is already (perhaps since a moment ago, from another process), nothing.
        with suppress(IntegrityError), self._writing() as (session, _):
            session.add_all(_accounts(now))
            session.add_all(_invoices(now))
        with suppress(IntegrityError), self._writing() as (session, _):  # a world seeded before there were payouts
            session.add_all(_payouts(now))

    def put(self, accounts: Iterable[Account], invoices: Iterable[Invoice], payouts: Iterable[Payout] = ()) -> None:
        """Add customers of somebody's own making with what they have; IntegrityError for one that exists."""
        with self._writing() as (session, now):
            session.add_all(tables.SandboxAccount(**dict(account)) for account in accounts)
            for invoice in invoices:
                row = tables.SandboxInvoice(
                    id=invoice.id,
                    customer_id=invoice.customer_id,
                    status=invoice.status,
                    total=invoice.total.amount,
                    refundable=invoice.refundable.amount,
                    currency=invoice.total.currency,
                    created_at=invoice.paid_at or now,
                    paid_at=invoice.paid_at,
                )
                session.add(row)
            for payout in payouts:
                money = {"amount": payout.amount.amount, "currency": payout.amount.currency}
                session.add(tables.SandboxPayout(**(dict(payout) | money)))

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with self._database.reading() as connection, session_on(connection) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[tuple[Session, datetime]]:
        with self._database.writing() as connection, session_on(connection) as session:
            yield session, self._database.now(connection)
            session.flush()


def _repeated(session: Session, key: str, what: str, subject_id: str, gateway: str) -> tables.SandboxDeed | None:
    """What was done under this key before; its record is locked, so that of two such calls one finds the other's."""
    done = session.get(tables.SandboxDeed, key)
    if done is None:
        return None
    if (done.what, done.subject_id) != (what, subject_id):
        raise errors.Refused(what=gateway, reason="the key was used for something else")
    done.calls += 1
    return done


def _did(session: Session, key: str, what: str, subject_id: str, now: datetime) -> tuple[str, datetime]:
    made = tables.SandboxDeed(key=key, reference=new_id("dn"), what=what, subject_id=subject_id, at=now)
    session.add(made)
    return made.reference, made.at


def _payout(row: Any) -> Payout:
    money = Money(amount=row.amount, currency=row.currency)
    known = {"id": row.id, "customer_id": row.customer_id, "status": row.status, "created_at": row.created_at}
    return Payout.model_validate({**known, "amount": money})


def _invoice(row: Any) -> Invoice:
    return Invoice.model_validate(
        {
            "id": row.id,
            "customer_id": row.customer_id,
            "status": row.status,
            "total": Money(amount=row.total, currency=row.currency),
            "refundable": Money(amount=row.refundable, currency=row.currency),
            "paid_at": row.paid_at,
        }
    )


_ACCOUNTS = (  # id, e-mail, name, plan, status, age in days
    ("cust_123", "ada@example.com", "Ada Lovelace", Plan.PRO, "active", 420),
    ("cust_124", "grace@example.com", "Grace Hopper", Plan.ENTERPRISE, "active", 1100),
    ("cust_125", "alan@example.com", "Alan Turing", Plan.FREE, "active", 75),
    ("cust_126", "katherine@example.com", "Katherine Johnson", Plan.PRO, "suspended", 610),
    ("cust_127", "edsger@example.com", "Edsger Dijkstra", Plan.PRO, "closed", 900),
    ("cust_128", "margaret@example.com", "Margaret Hamilton", Plan.PRO, "active", 330),
    ("cust_129", "hedy@example.com", "Hedy Lamarr", Plan.PRO, "active", 205),
    ("cust_130", "michiko@example.com", "田中 美智子", Plan.PRO, "active", 150),
    ("cust_131", "barbara@example.com", "Barbara Liskov", Plan.PRO, "active", 510),
    ("cust_132", "zoe@example.com", "Zoë O'Brien-Müller", Plan.ENTERPRISE, "active", 760),
    ("cust_133", "radia@example.com", "Radia Perlman", Plan.PRO, "active", 95),
    ("cust_134", "tim@example.com", "Tim Berners-Lee", Plan.FREE, "active", 12),
)
_INVOICES = (  # id, customer, status, total, refundable, currency, made days ago, paid days ago
    ("inv_123", "cust_123", "paid", 4_900, 4_900, "EUR", 6, 5),
    ("inv_122", "cust_123", "paid", 4_900, 4_900, "EUR", 6.01, 5.01),  # the same month, charged twice
    ("inv_121", "cust_123", "paid", 4_900, 4_900, "EUR", 36, 35),
    ("inv_240", "cust_124", "paid", 490_000, 490_000, "EUR", 12, 10),
    ("inv_250", "cust_125", "open", 900, 0, "EUR", 3, None),
    ("inv_251", "cust_125", "void", 900, 0, "EUR", 33, None),
    ("inv_260", "cust_126", "paid", 4_900, 4_900, "EUR", 20, 19),
    ("inv_270", "cust_127", "refunded", 4_900, 0, "EUR", 28, 27),
    ("inv_280", "cust_128", "paid", 12_000, 7_000, "EUR", 9, 8),
    ("inv_290", "cust_129", "paid", 9_900, 9_900, "EUR", 47, 45),
    ("inv_300", "cust_130", "paid", 9_800, 9_800, "JPY", 7, 6),
    ("inv_310", "cust_131", "paid", 12_900, 12_900, "USD", 5, 4),
    ("inv_320", "cust_132", "paid", 60_000, 60_000, "EUR", 4, 3),
    ("inv_330", "cust_133", "paid", 25_000, 25_000, "EUR", 9, 8),
    ("inv_331", "cust_133", "paid", 9_000, 9_000, "EUR", 2, 1),
)

_PAYOUTS = (  # id, customer, status, amount, currency, made days ago
    ("po_123", "cust_123", "held", 18_000, "EUR", 2),
    ("po_122", "cust_123", "released", 9_500, "EUR", 32),
    ("po_240", "cust_124", "held", 240_000, "EUR", 3),
    ("po_250", "cust_125", "held", 6_000, "EUR", 1),
    ("po_260", "cust_126", "held", 31_000, "EUR", 6),
    ("po_280", "cust_128", "cancelled", 4_000, "EUR", 15),
    ("po_300", "cust_130", "held", 12_000, "JPY", 4),
    ("po_320", "cust_132", "held", 60_000, "EUR", 5),
    ("po_340", "cust_134", "held", 4_500, "EUR", 2),  # of an account of a few days
)


def _accounts(now: datetime) -> list[tables.SandboxAccount]:
    return [
        tables.SandboxAccount(
            id=customer_id, email=email, name=name, plan=plan, status=status, created_at=now - timedelta(days=age)
        )
        for customer_id, email, name, plan, status, age in _ACCOUNTS
    ]


def _invoices(now: datetime) -> list[tables.SandboxInvoice]:
    return [
        tables.SandboxInvoice(
            id=invoice_id,
            customer_id=customer_id,
            status=status,
            total=total,
            refundable=refundable,
            currency=currency,
            created_at=now - timedelta(days=made),
            paid_at=None if paid is None else now - timedelta(days=paid),
        )
        for invoice_id, customer_id, status, total, refundable, currency, made, paid in _INVOICES
    ]


def _payouts(now: datetime) -> list[tables.SandboxPayout]:
    return [
        tables.SandboxPayout(
            id=payout_id,
            customer_id=customer_id,
            status=status,
            amount=amount,
            currency=currency,
            created_at=now - timedelta(days=made),
        )
        for payout_id, customer_id, status, amount, currency, made in _PAYOUTS
    ]
