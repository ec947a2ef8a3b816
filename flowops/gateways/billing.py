"""Asks billing about invoices and payouts and has it move money; whether that is right was decided elsewhere."""

from typing import Annotated, Literal, Protocol

from pydantic import Field

from flowops import errors
from flowops.domain.facts import Fact, Invoice, Payout
from flowops.domain.money import Money
from flowops.gateways import http, receipts
from flowops.gateways.receipts import Receipt
from flowops.gateways.sandbox import SandboxStore


class Billing(Protocol):
    """Whoever keeps the invoices and the payouts.

    Every call may raise `errors.Unavailable` (trying again may help), `errors.BadAnswer` or `errors.Refused` (it
    will not).
    """

    def invoice(self, invoice_id: str) -> Invoice | None:
        """The invoice; None when there is none."""
        ...

    def invoices(self, customer_id: str) -> list[Invoice]:
        """The customer's invoices, newest first; empty for an unknown customer."""
        ...

    def refund(self, invoice_id: str, money: Money, reason: str | None, key: str) -> Receipt:
        """Give `money` of the invoice back: once, however often it is asked for with the same `key`.

        Never raises BadAnswer. Unavailable has the facts `sent` (False: billing did not receive it) and
        `retry_after` (seconds billing asked us to wait, or None).
        """
        ...

    def payout(self, payout_id: str) -> Payout | None:
        """The payout; None when there is none."""
        ...

    def release(self, payout_id: str, money: Money, key: str) -> Receipt:
        """Let the held payout of exactly `money` go to its customer, on the terms of `refund`."""
        ...


class SandboxBilling:
    """Invoices and payouts kept in our own database."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    def invoice(self, invoice_id: str) -> Invoice | None:
        return self._store.invoice(invoice_id)

    def invoices(self, customer_id: str) -> list[Invoice]:
        return self._store.invoices(customer_id)

    def refund(self, invoice_id: str, money: Money, reason: str | None, key: str) -> Receipt:
        return Receipt(*self._store.refund(invoice_id, money, reason, key))

    def payout(self, payout_id: str) -> Payout | None:
        return self._store.payout(payout_id)

    def release(self, payout_id: str, money: Money, key: str) -> Receipt:
        return Receipt(*self._store.release(payout_id, money, key))


class _Invoices(Fact):
    items: list[Invoice]


class _Done(Fact):
    id: Annotated[str, Field(min_length=1, max_length=200)]
    status: Literal["succeeded"]


class HttpBilling:
    """What lies behind `{url}/invoices`, `/customers`, `/refunds` and `/payouts`; `timeout` in seconds."""

    def __init__(self, url: str, token: str | None = None, timeout: float = 5) -> None:
        self._api = http.Api("billing", url, token, timeout)

    def invoice(self, invoice_id: str) -> Invoice | None:
        found = self._api.get(Invoice, "invoices", invoice_id)
        if found and found.id != invoice_id:
            raise errors.BadAnswer(what="billing", reason="it is about another invoice")
        return found and _checked(found)

    def invoices(self, customer_id: str) -> list[Invoice]:
        found = self._api.get(_Invoices, "customers", customer_id, "invoices")
        items = found.items if found else []
        if any(invoice.customer_id != customer_id for invoice in items):
            raise errors.BadAnswer(what="billing", reason="it is about another customer")
        return [_checked(invoice) for invoice in items]

    def refund(self, invoice_id: str, money: Money, reason: str | None, key: str) -> Receipt:
        body = {"invoiceId": invoice_id, "money": money.model_dump(), "reason": reason}
        return receipts.issue(self._api.post(_Done, "refunds", body=body, key=key).id)

    def payout(self, payout_id: str) -> Payout | None:
        found = self._api.get(Payout, "payouts", payout_id)
        if found and found.id != payout_id:
            raise errors.BadAnswer(what="billing", reason="it is about another payout")
        return found

    def release(self, payout_id: str, money: Money, key: str) -> Receipt:
        path = "payouts", payout_id, "release"
        return receipts.issue(self._api.post(_Done, *path, body={"money": money.model_dump()}, key=key).id)


def _checked(invoice: Invoice) -> Invoice:
    total, refundable = invoice.total, invoice.refundable
    if refundable.currency != total.currency or not 0 <= refundable.amount <= total.amount:
        raise errors.BadAnswer(what="billing", reason="more is refundable than was invoiced")
    return invoice
