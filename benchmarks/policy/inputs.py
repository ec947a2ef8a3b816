"""Ten thousand refunds, the same at every run: what each contestant is asked about, in the form it reads."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flowops.domain import verification
from flowops.domain.facts import Account, Asked, Facts, Invoice, Limits, Plan, Records
from flowops.domain.money import Money

COUNT = 10_000
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
STATUSES = ("active", "active", "active", "active", "suspended")


@dataclass(frozen=True)
class Input:
    """One refund, as facts and as the flat values that other engines read: days and minor units."""

    facts: Facts
    flat: dict[str, Any]


def made(count: int = COUNT) -> list[Input]:
    """Refunds of which about a third is approved, and a few are denied."""
    dice = random.Random(7)
    found = []
    for _ in range(count):
        days, amount = dice.randrange(45), dice.randrange(1, 150_00)
        refundable = 0 if dice.random() < 0.05 else 200_00
        plan, status = dice.choice(list(Plan)), dice.choice(STATUSES)
        flat = {"days": days, "amount": amount, "refundable": refundable, "plan": plan.value, "status": status}
        found.append(Input(_facts(days, amount, refundable, plan, status), flat | {"limit": 100_00}))
    return found


def _facts(days: int, amount: int, refundable: int, plan: Plan, status: Any) -> Facts:
    account = Account(id="c", email="a@example.com", name="A", plan=plan, status=status, created_at=NOW)
    invoice = Invoice(
        id="i",
        customer_id="c",
        status="paid",
        total=Money(amount=200_00, currency="EUR"),
        refundable=Money(amount=refundable, currency="EUR"),
        paid_at=NOW - timedelta(days=days),
    )
    params = {"money": {"amount": amount, "currency": "EUR"}, "invoiceId": "i"}
    facts = Facts(
        asked=Asked(channel="chat", customer_id="c", kind="refund", params=params),
        records=Records(account=account, invoice=invoice, fetched_at=NOW),
        limits=Limits(automatic=100_00, operator=250_00, two_people=500_00),
        now=NOW,
    )
    # What the rules say of themselves is compared, not what verification adds to them.
    checks = (check.model_copy(update={"passed": True}) for check in verification.verify(facts))
    return facts.verified(tuple(checks))
