"""What the sandbox gateways need kept for them; how it is kept is none of their business."""

from datetime import datetime
from typing import Protocol

from flowops.domain.facts import Account, Invoice, Payout
from flowops.domain.money import Money


class SandboxStore(Protocol):
    """Customers, invoices, refunds, payouts and mails of nobody; each call is a transaction of its own."""

    def account(self, customer_id: str) -> Account | None: ...

    def invoice(self, invoice_id: str) -> Invoice | None: ...

    def invoices(self, customer_id: str) -> list[Invoice]:
        """Those of one customer, newest first."""
        ...

    def refund(self, invoice_id: str, money: Money, reason: str | None, key: str) -> tuple[str, datetime]:
        """Take `money` off what is refundable and give the refund's reference and time.

        A repeat with the same key finds the first refund and moves nothing. Raises `errors.Refused` where the invoice
        does not allow it, or when the key was used for another refund.
        """
        ...

    def suspend(self, customer_id: str, reason: str, key: str) -> tuple[str, datetime]:
        """Suspend an active account and give the reference and time of it; a repeat with the same key finds the first.

        Raises `errors.Refused` where there is no such active account, or when the key was used for another one.
        """
        ...

    def payout(self, payout_id: str) -> Payout | None: ...

    def release(self, payout_id: str, money: Money, key: str) -> tuple[str, datetime]:
        """Release a held payout of exactly `money`, and as above."""
        ...

    def keep_mail(self, to: str, subject: str, body: str, key: str) -> datetime:
        """Keep a mail and give the time it was kept; a repeat with the same key keeps nothing and gives the first."""
        ...
