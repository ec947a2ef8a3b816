"""Gathers what the systems of record know about a request; a system that fails is a finding, not an error."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from flowops import errors
from flowops.domain.facts import Invoice, Record, Records
from flowops.gateways.accounts import Accounts
from flowops.gateways.billing import Billing

MOST = 100  # invoices of a customer that a decision is kept with, the newest


def fetch(
    accounts: Accounts,
    billing: Billing,
    customer_id: str,
    params: dict[str, Any],
    now: datetime,
    *,
    invoices: bool = False,
) -> Records:
    """The customer's account, and the invoice or payout if the effect's `params` name one as they came in.

    With `invoices` all of the customer's too. What does not exist is listed in `missing`, a gateway that did not answer
    as agreed in `errors`. `now` is when we asked. Takes at most the timeout of each call.
    """
    found: dict[Record, Any] = {}
    failed: dict[Literal["accounts", "billing"], str] = {}

    def ask(gateway: Literal["accounts", "billing"], record: Record, look_up: Callable[[str], Any], id: Any) -> None:
        if isinstance(id, str) and gateway not in failed:  # of one that is out, a second call would learn no more
            try:
                found[record] = look_up(id)
            except (errors.Unavailable, errors.BadAnswer, errors.Refused) as fault:
                failed[gateway] = fault.facts["reason"]

    ask("accounts", "account", accounts.account, customer_id)
    ask("billing", "invoice", billing.invoice, params.get("invoiceId"))
    ask("billing", "payout", billing.payout, params.get("payoutId"))
    owned: Sequence[Invoice] = ()
    if invoices and "billing" not in failed:
        try:
            owned = billing.invoices(customer_id)[:MOST]
        except (errors.Unavailable, errors.BadAnswer, errors.Refused) as fault:
            failed["billing"] = fault.facts["reason"]
    missing = tuple(record for record, answer in found.items() if answer is None)
    return Records(**found, invoices=tuple(owned), missing=missing, errors=failed, fetched_at=now)
