"""Facts to try rules on: for each kind of effect a request that all speaks for, and what can be wrong with it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flowops.domain import effects, verification
from flowops.domain.facts import Account, Asked, Facts, History, Invoice, Limits, Message, Payout, Plan, Records, Tally
from flowops.domain.money import Money

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KINDS = tuple(effects.KINDS)
_PARAMS: dict[str, dict[str, Any]] = {
    "refund": {"money": {"amount": 4900, "currency": "EUR"}, "invoiceId": "inv_1"},
    "reply": {"body": "Thank you for your message."},
    "account_suspend": {"reason": "The card was stolen."},
    "payout_release": {"money": {"amount": 4900, "currency": "EUR"}, "payoutId": "po_1"},
}


def sound(kind: str | None) -> Facts:
    """A small request of this kind by a good customer, verified."""
    account = Account(
        id="cust_1", email="ada@example.com", name="Ada", plan=Plan.PRO, status="active", created_at=NOW - _days(400)
    )
    amount = Money(amount=49_00, currency="EUR")
    invoice = Invoice(
        id="inv_1", customer_id="cust_1", status="paid", total=amount, refundable=amount, paid_at=NOW - _days(3)
    )
    payout = Payout(
        id="po_1",
        customer_id="cust_1",
        status="held",
        amount=Money(amount=49_00, currency="EUR"),
        created_at=NOW - _days(2),
    )
    facts = Facts(
        asked=Asked(
            channel="chat",
            customer_id="cust_1",
            subject="A question",
            messages=(Message(role="customer", text="Please look at this.", at=NOW),),
            kind=kind,
            params=_PARAMS.get(kind or "", {}),
        ),
        records=Records(account=account, invoice=invoice, payout=payout, fetched_at=NOW),
        history=History(effects=(Tally(kind="refund", days=30, count=1, currency="EUR", amount=900),)),
        limits=Limits(automatic=100_00, operator=250_00, two_people=500_00),
        now=NOW,
    )
    return facts.verified(verification.verify(facts))


def bent(kind: str) -> Iterator[tuple[str, Facts]]:
    """The same request with one thing missing or odd that its approval needs, verified; and what it is, in words."""
    good = sound(kind)
    for name in effects.KINDS[kind].records:
        yield f"the {name} is not known", _with(good, **{name: None})
        yield f"the gateway of the {name} did not answer", _with(good, **{name: None}, errors=_trouble(name))
    yield "the request was not verified", good.verified(())
    for check in good.checks:
        others = (each for each in good.checks if each is not check)
        failed = check.model_copy(update={"passed": False})
        yield f"the check {check.name} failed", good.verified((*others, failed))
    yield "the parameters are missing", _asking(good, params={})
    yield "the records are of another customer", _asking(good, customer_id="cust_2")
    yield "the records are old", _with(good, fetched_at=NOW - _days(9))
    if "money" in good.asked.params:
        for money in ({}, {"amount": -1, "currency": "EUR"}, {"amount": 49.5, "currency": "EUR"}, {"amount": 10**15}):
            yield f"the money is {money}", _asking(good, params=good.asked.params | {"money": money})
        foreign = {"amount": 4900, "currency": "XYZ"}
        yield "the currency is none", _asking(good, params=good.asked.params | {"money": foreign})


def _with(facts: Facts, **records: Any) -> Facts:
    changed = facts.model_copy(update={"records": facts.records.model_copy(update=records)})
    return changed.verified(verification.verify(changed))


def _asking(facts: Facts, **asked: Any) -> Facts:
    changed = facts.model_copy(update={"asked": facts.asked.model_copy(update=asked)})
    return changed.verified(verification.verify(changed))


def _trouble(record: str) -> dict[str, str]:
    return {"accounts" if record == "account" else "billing": "it timed out"}


def _days(number: int) -> timedelta:
    return timedelta(days=number)
