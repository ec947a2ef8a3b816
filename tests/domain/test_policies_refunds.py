"""A refund is approved, denied or given to a person by the numbers in the records."""

from datetime import datetime, timedelta

import pytest

from flowops.domain import policies
from flowops.domain.facts import Plan
from flowops.domain.handoffs import Reason
from flowops.domain.money import Money
from flowops.domain.policies import refunds
from flowops.domain.policy import Outcome
from tests.domain import make


def test_an_invoice_with_nothing_left_is_denied() -> None:
    facts = make.verified(records=make.records(invoice=make.invoice(refundable=make.euros(0))))
    verdict = policies.builtin().decide(facts)
    assert verdict.outcome is Outcome.DENY
    assert verdict.reason == "nothing of invoice inv_1 can be refunded: 0.00 EUR of 490.00 EUR is left"


EMPTY = make.invoice(refundable=make.euros(0))


@pytest.mark.parametrize(
    "records",
    [
        make.records(invoice=None, missing=("invoice",)),
        make.records(invoice=None, errors={"billing": "timed out"}),
        make.records(invoice=EMPTY, errors={"billing": "timed out"}),
        make.records(invoice=EMPTY, account=None, errors={"accounts": "timed out"}),
        make.records(invoice=EMPTY, fetched_at=make.NOW - timedelta(hours=1)),
        make.records(invoice=EMPTY.model_copy(update={"id": "inv_2"})),
        make.records(invoice=EMPTY.model_copy(update={"customer_id": "cust_2"})),
        make.records(invoice=make.invoice(refundable=make.euros(-1))),
    ],
)
def test_nothing_is_denied_on_a_record_that_is_missing_stale_or_of_another(records: object) -> None:
    verdict = policies.builtin().decide(make.verified(records=records))
    assert verdict.outcome is Outcome.REVIEW
    assert Reason.VERIFICATION_FAILED in verdict.issues


@pytest.mark.parametrize(
    ("paid_at", "reason"),
    [
        (make.NOW - timedelta(days=30), None),
        (make.NOW, None),
        (make.NOW - timedelta(days=45), "invoice inv_1 was paid 45 days ago, the automatic limit is 30"),
        (None, "invoice inv_1 has no date of payment"),
        (
            make.NOW + timedelta(hours=1),
            "invoice inv_1 was paid at 2026-11-22T11:00:00+00:00, which is still to come",
        ),
    ],
)
def test_a_person_decides_when_the_payment_is_old_or_its_time_odd(paid_at: datetime, reason: str | None) -> None:
    ruling = refunds.age.rule_on(make.facts(records=make.records(invoice=make.invoice(paid_at=paid_at))))
    assert (ruling.reason if ruling.outcome is Outcome.REVIEW else None) == reason


def test_one_second_after_thirty_days_is_too_late() -> None:
    paid_at = make.NOW - timedelta(days=30, seconds=1)
    facts = make.verified(records=make.records(invoice=make.invoice(paid_at=paid_at)))
    assert policies.builtin().decide(facts).outcome is Outcome.REVIEW


def test_a_person_decides_for_enterprise_customers() -> None:
    facts = make.verified(records=make.records(account=make.account(plan=Plan.ENTERPRISE)))
    verdict = policies.builtin().decide(facts)
    assert (verdict.outcome, verdict.issues) == (Outcome.REVIEW, (Reason.POLICY_BOUNDARY,))
    assert verdict.reason == "cust_1 is an enterprise customer, whose refunds a person decides"


def test_free_customers_are_refunded_automatically_too() -> None:
    facts = make.verified(records=make.records(account=make.account(plan=Plan.FREE)))
    assert policies.builtin().decide(facts).outcome is Outcome.APPROVE


@pytest.mark.parametrize(("amount", "outcome"), [(10_000, Outcome.APPROVE), (10_001, Outcome.REVIEW)])
def test_the_automatic_limit_itself_is_still_automatic(amount: int, outcome: Outcome) -> None:
    facts = make.verified(asked=make.asked(params=make.refund(amount=amount)))
    assert policies.builtin().decide(facts).outcome is outcome


def test_an_amount_above_the_limit_is_told_with_both_numbers() -> None:
    verdict = policies.builtin().decide(make.verified(asked=make.asked(params=make.refund(amount=49_000))))
    assert verdict.reason == "490.00 EUR is above the automatic limit of 100.00 EUR"
    assert verdict.issues == (Reason.POLICY_BOUNDARY,)


def test_a_person_decides_in_a_currency_without_limits() -> None:
    yen = Money(amount=4900, currency="JPY")
    facts = make.verified(
        asked=make.asked(params=make.refund(amount=490, currency="JPY")),
        records=make.records(invoice=make.invoice(total=yen, refundable=yen)),
        limits=None,
    )
    verdict = policies.builtin().decide(facts)
    assert (verdict.outcome, verdict.reason) == (Outcome.REVIEW, "490 JPY: there are no limits for refunds in JPY")
