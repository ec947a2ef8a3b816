"""Gathers what the systems of record know about a request; a system that fails is a finding, not an error."""

from datetime import datetime
from typing import Any, Literal

from flowops import errors
from flowops.domain.facts import Account, Invoice, Records
from flowops.gateways.accounts import Accounts
from flowops.gateways.billing import Billing


def fetch(accounts: Accounts, billing: Billing, customer_id: str, params: dict[str, Any], now: datetime) -> Records:
    """The customer's account, and the invoice if the effect's `params` name one as they came in.

    What does not exist is listed in `missing`, a gateway that did not answer as agreed in `errors`. `now` is when
    we asked. Takes at most the timeout of both gateways.
    """
    account: Account | None = None
    invoice: Invoice | None = None
    missing: list[Literal["account", "invoice"]] = []
    failed: dict[Literal["accounts", "billing"], str] = {}
    try:
        account = accounts.account(customer_id)
        if account is None:
            missing.append("account")
    except (errors.Unavailable, errors.BadAnswer, errors.Refused) as fault:
        failed["accounts"] = fault.facts["reason"]
    if isinstance(invoice_id := params.get("invoiceId"), str):
        try:
            invoice = billing.invoice(invoice_id)
            if invoice is None:
                missing.append("invoice")
        except (errors.Unavailable, errors.BadAnswer, errors.Refused) as fault:
            failed["billing"] = fault.facts["reason"]
    return Records(account=account, invoice=invoice, missing=tuple(missing), errors=failed, fetched_at=now)
