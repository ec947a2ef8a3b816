"""A payout is released by policy alone only when nothing about it, its account or its limits is open."""

from datetime import timedelta
from typing import Any

import pytest

from flowops.domain import policies
from flowops.domain.facts import Facts, Limits
from flowops.domain.money import Money
from flowops.domain.policies import payouts
from flowops.domain.policy import Outcome
from tests.domain import make

LIMITS = Limits(automatic=20_000, operator=25_000, two_people=100_000)
OLD = make.NOW - timedelta(days=30)


def release(amount: int = 18_000, currency: str = "EUR", payout_id: str = "po_1") -> dict[str, Any]:
    return {"money": {"amount": amount, "currency": currency}, "payoutId": payout_id}


def known(**other: Any) -> dict[str, Any]:
    """The records of a payout that can be released, unless something is changed."""
    usual = {"account": make.account(created_at=OLD), "payout": make.payout(), "invoice": None}
    return {"records": make.records(**usual | other)}


def facts(**other: Any) -> Facts:
    asked = make.asked(kind="payout_release", params=release())
    return make.verified(**{"asked": asked, "limits": LIMITS, **known(), **other})


def paid(**other: Any) -> dict[str, Any]:
    return known(payout=make.payout(**other))


def wanted(**other: Any) -> dict[str, Any]:
    return {"asked": make.asked(kind="payout_release", params=release(**other))}


def test_a_small_payout_to_a_settled_customer_is_approved_within_limits_that_allow_it() -> None:
    verdict = policies.builtin().decide(facts())
    assert verdict.outcome is Outcome.APPROVE
    assert verdict.reason == "180.00 EUR is within the automatic limit of 200.00 EUR, and account cust_1 is 30 days old"


@pytest.mark.parametrize("status", ["released", "cancelled"])
def test_what_is_settled_is_denied_on_a_fresh_record_and_only_then(status: str) -> None:
    denied = policies.builtin().decide(facts(**paid(status=status)))
    assert (denied.outcome, denied.reason) == (Outcome.DENY, f"payout po_1 is {status} already")
    payout = make.payout(status=status)
    for unsure in (
        known(payout=payout, fetched_at=make.NOW - timedelta(minutes=6)),
        known(payout=payout, errors={"accounts": "timed out"}),
        paid(status=status, customer_id="cust_2"),
        paid(status=status, id="po_2"),
    ):
        assert policies.builtin().decide(facts(**unsure)).outcome is Outcome.REVIEW


REVIEWED = {
    "above the limit": (
        {"limits": Limits(automatic=17_999, operator=25_000, two_people=100_000)},
        "180.00 EUR is above",
    ),
    "no limits": ({"limits": None}, "180.00 EUR: there are no limits for payouts in EUR"),
    "young": (known(account=make.account(created_at=OLD + timedelta(seconds=1))), "account cust_1 is 29 days old"),
    "not made yet": (known(account=make.account(created_at=make.NOW + timedelta(days=1))), "still to come"),
    "two people": ({"limits": Limits(automatic=18_000, operator=18_000, two_people=18_000)}, ""),
    "no account": (known(account=None), ""),
    "no payout": (known(payout=None), ""),
    "a gateway out": (known(errors={"billing": "timed out"}), ""),
    "another account": (known(account=make.account(id="cust_2", created_at=OLD)), ""),
    "a closed account": (known(account=make.account(status="closed", created_at=OLD)), ""),
    "another payout": (paid(id="po_2"), ""),
    "another customer's": (paid(customer_id="cust_2"), ""),
    "another amount": (paid(amount=make.euros(18_001)), ""),
    "another currency": (paid(amount=Money(amount=18_000, currency="USD")), ""),
    "less": (wanted(amount=17_999), ""),
    "nothing": (wanted(amount=0) | paid(amount=make.euros(0)), ""),
    "no parameters": ({"asked": make.asked(kind="payout_release", params={})}, ""),
}


@pytest.mark.parametrize(("odd", "said"), REVIEWED.values(), ids=REVIEWED)
def test_each_odd_fact_alone_leaves_it_to_a_person(odd: dict[str, Any], said: str) -> None:
    verdict = policies.builtin().decide(facts(**odd))
    assert verdict.outcome is Outcome.REVIEW
    assert said in " ".join(ruling.reason for ruling in verdict.rulings)
    vouched = tuple(check.model_copy(update={"passed": True}) for check in facts().checks)
    assert payouts.small_and_settled_customer.rule_on(facts(**odd).verified(vouched)).outcome is Outcome.ABSTAIN or (
        policies.builtin().decide(facts(**odd).verified(vouched)).outcome is Outcome.REVIEW
    )


@pytest.mark.parametrize("name", sorted(payouts.NEEDED))
def test_each_missing_check_alone_prevents_the_approval(name: str) -> None:
    sound = facts()
    without = sound.verified(tuple(check for check in sound.checks if check.name != name))
    assert policies.builtin().decide(without).outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("odd", "failed"),
    [
        (known(payout=None, missing=("payout",)), {"payout_exists": "no such payout"}),
        (paid(id="po_2"), {"payout_exists": "payout po_2"}),
        (paid(customer_id="cust_2"), {"payout_belongs_to_customer": "cust_2"}),
        (paid(status="released"), {"payout_is_held": "released"}),
        (paid(amount=make.euros(18_001)), {"amount_matches_payout": "180.00 EUR"}),
        (wanted(currency="USD"), {"amount_matches_payout": "180.00 USD"}),
    ],
)
def test_a_record_that_does_not_support_the_release_fails_its_check(
    odd: dict[str, Any], failed: dict[str, str]
) -> None:
    found = {check.name: check.actual for check in facts(**odd).failed}
    assert found.items() >= failed.items()
