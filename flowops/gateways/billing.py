"""Asks billing about invoices and has it give money back; whether that is right was decided elsewhere."""

from typing import Annotated, Literal, Protocol

from pydantic import Field

from flowops import errors
from flowops.domain.facts import Fact, Invoice
from flowops.domain.money import Money
from flowops.gateways import http, receipts
from flowops.gateways.receipts import Receipt
from flowops.gateways.sandbox import SandboxStore


class Billing(Protocol):
    """Whoever keeps the invoices.

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


class SandboxBilling:
    """Invoices kept in our own database."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    def invoice(self, invoice_id: str) -> Invoice | None:
        return self._store.invoice(invoice_id)

    def invoices(self, customer_id: str) -> list[Invoice]:
        return self._store.invoices(customer_id)

    def refund(self, invoice_id: str, money: Money, reason: str | None, key: str) -> Receipt:
        return Receipt(*self._store.refund(invoice_id, money, reason, key))


class _Invoices(Fact):
    items: list[Invoice]


class _Refund(Fact):
    id: Annotated[str, Field(min_length=1, max_length=200)]
    status: Literal["succeeded"]


class HttpBilling:
    """Invoices and refunds behind `{url}/invoices`, `/customers` and `/refunds`; `timeout` in seconds."""

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
        try:
            done = self._api.post(_Refund, "refunds", body=body, key=key)
        except errors.BadAnswer as unreadable:
            # The money may have moved. Given up as wrong, that would stay unknown; the same key asks what became of it.
            raise errors.Unavailable(
                what="billing", reason=unreadable.facts["reason"], sent=True, retry_after=None
            ) from unreadable
        return receipts.issue(done.id)


def _checked(invoice: Invoice) -> Invoice:
    total, refundable = invoice.total, invoice.refundable
    if refundable.currency != total.currency or not 0 <= refundable.amount <= total.amount:
        raise errors.BadAnswer(what="billing", reason="more is refundable than was invoiced")
    return invoice
