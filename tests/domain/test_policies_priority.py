"""Plan and amount make a case more urgent, and nothing makes it less."""

import pytest

from flowops.domain import policies
from flowops.domain.facts import Plan
from flowops.domain.handoffs import Priority
from tests.domain import make


def test_a_case_nobody_speaks_about_has_medium_priority() -> None:
    assert policies.builtin().decide(make.verified()).priority is Priority.MEDIUM


def test_an_enterprise_customer_has_high_priority_by_record() -> None:
    facts = make.verified(records=make.records(account=make.account(plan=Plan.ENTERPRISE)))
    assert policies.builtin().decide(facts).priority is Priority.HIGH


def test_a_claimed_enterprise_plan_changes_nothing() -> None:
    assert policies.builtin().decide(make.verified(asked=make.asked(plan="enterprise"))).priority is Priority.MEDIUM


@pytest.mark.parametrize(("amount", "priority"), [(49_999, Priority.MEDIUM), (50_000, Priority.HIGH)])
def test_money_for_two_people_has_high_priority(amount: int, priority: Priority) -> None:
    facts = make.verified(asked=make.asked(params=make.refund(amount=amount)))
    assert policies.builtin().decide(facts).priority is priority


def test_the_reason_for_the_priority_is_in_the_trace() -> None:
    verdict = policies.builtin().decide(make.verified(asked=make.asked(params=make.refund(amount=50_000))))
    ruling = next(ruling for ruling in verdict.rulings if ruling.rule == "priority.amount")
    assert ruling.reason == "500.00 EUR is at or above 500.00 EUR, from where two people are needed"


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("my lawyer will write", Priority.HIGH),
        ("I want a chargeback", Priority.HIGH),
        ("I was hacked", Priority.URGENT),
        ("my lawyer says I was hacked", Priority.URGENT),
    ],
)
def test_what_is_written_raises_the_priority(text: str, priority: Priority) -> None:
    facts = make.verified(asked=make.asked(messages=(make.said(text),)))
    assert policies.builtin().decide(facts).priority is priority
