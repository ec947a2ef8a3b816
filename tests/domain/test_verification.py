"""Every claim is held against the records, and a check that cannot be made has failed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from flowops.domain import verification
from flowops.domain.facts import Check, Facts, Plan
from flowops.domain.money import Money
from tests.domain import make


def failures(facts: Facts) -> set[str]:
    return {check.name for check in verification.verify(facts) if not check.passed}


def found(facts: Facts, name: str) -> Check:
    return next(check for check in verification.verify(facts) if check.name == name)


def test_a_request_that_agrees_with_the_records_passes_every_check() -> None:
    checks = verification.verify(make.facts())
    assert {check.name for check in checks} == make.REFUND_CHECKS
    assert all(check.passed for check in checks)
    assert [check.source for check in checks if check.name == "records_available"] == ["accounts", "billing"]


def test_without_an_effect_only_the_account_is_checked() -> None:
    facts = make.facts(asked=make.asked(kind=None, params={}), records=make.records(invoice=None))
    names = {check.name for check in verification.verify(facts)}
    assert names == {"records_available", "records_fresh", "account_exists", "account_active"}


def test_a_reply_needs_no_invoice() -> None:
    facts = make.facts(asked=make.asked(kind="reply", params={"body": "Hello"}), records=make.records(invoice=None))
    assert "invoice_exists" not in {check.name for check in verification.verify(facts)}
    assert failures(facts) == set()


WITHOUT_INVOICE = {
    "invoice_exists",
    "invoice_belongs_to_customer",
    "invoice_state_allows_effect",
    "amount_within_refundable",
    "currency_matches_invoice",
}


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({"account": make.account(status="suspended")}, {"account_active"}),
        ({"account": make.account(id="cust_9")}, {"account_exists"}),
        ({"account": None, "missing": ("account",)}, {"account_exists", "account_active"}),
        (
            {"account": None, "errors": {"accounts": "no answer in 2 s"}},
            {"records_available", "account_exists", "account_active"},
        ),
        ({"errors": {"billing": "answered HTML"}}, {"records_available"}),
        ({"invoice": None, "missing": ("invoice",)}, WITHOUT_INVOICE),
        ({"invoice": None, "errors": {"billing": ""}}, WITHOUT_INVOICE | {"records_available"}),
        ({"invoice": make.invoice(id="inv_9")}, {"invoice_exists"}),
        ({"invoice": make.invoice(customer_id="cust_9")}, {"invoice_belongs_to_customer"}),
        ({"invoice": make.invoice(status="open")}, {"invoice_state_allows_effect"}),
        (
            {"invoice": make.invoice(refundable=make.euros(0))},
            {"invoice_state_allows_effect", "amount_within_refundable"},
        ),
        ({"invoice": make.invoice(refundable=make.euros(4899))}, {"amount_within_refundable"}),
        ({"invoice": make.invoice(total=make.euros(4900))}, {"invoice_state_allows_effect"}),
        (
            {"invoice": make.invoice(refundable=Money(amount=49_000, currency="USD"))},
            {"amount_within_refundable", "currency_matches_invoice"},
        ),
        ({"invoice": make.invoice(total=Money(amount=49_000, currency="USD"))}, {"currency_matches_invoice"}),
        ({"fetched_at": make.NOW - timedelta(minutes=5)}, set()),
        ({"fetched_at": make.NOW - timedelta(minutes=5, seconds=1)}, {"records_fresh"}),
        ({"fetched_at": make.NOW + timedelta(minutes=1)}, set()),
        ({"fetched_at": make.NOW + timedelta(minutes=1, seconds=1)}, {"records_fresh"}),
    ],
)
def test_a_record_that_does_not_support_the_request_fails_its_checks(changed: dict[str, Any], failed: set[str]) -> None:
    assert failures(make.facts(records=make.records(**changed))) == failed


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({"email": "ADA@Example.com "}, set()),
        ({"email": "eve@example.com"}, {"email_matches_account"}),
        ({"email": ""}, {"email_matches_account"}),
        ({"plan": "Pro"}, set()),
        ({"plan": "free"}, {"plan_matches_account"}),
        ({"plan": "platinum"}, {"plan_matches_account"}),
        ({"params": make.refund(amount=0)}, {"amount_within_refundable"}),
        ({"params": make.refund(amount=-1)}, {"amount_within_refundable"}),
        ({"params": make.refund(amount=49_001)}, {"amount_within_refundable"}),
        ({"params": make.refund(currency="USD")}, {"amount_within_refundable", "currency_matches_invoice"}),
        ({"params": make.refund(currency="XXX")}, {"effect_well_formed"}),
        ({"params": {"invoiceId": "inv_1"}}, {"effect_well_formed"}),
        ({"params": {"money": {"amount": 49.0, "currency": "EUR"}, "invoiceId": "inv_1"}}, {"effect_well_formed"}),
        ({"kind": "transfer"}, {"effect_well_formed"}),
    ],
)
def test_a_claim_that_the_records_do_not_support_fails_its_check(changed: dict[str, Any], failed: set[str]) -> None:
    assert failures(make.facts(asked=make.asked(**changed))) == failed


def test_claims_about_an_unknown_account_fail() -> None:
    facts = make.facts(
        asked=make.asked(email="account not known", plan="pro"),
        records=make.records(account=None, errors={"accounts": "refused"}),
    )
    assert failures(facts) >= {"email_matches_account", "plan_matches_account"}


def test_a_failed_check_is_told_in_words_people_read() -> None:
    facts = make.facts(
        asked=make.asked(params=make.refund(amount=50_000)),
        records=make.records(errors={"accounts": "no answer in 2 s"}, fetched_at=make.NOW - timedelta(minutes=12)),
    )
    amount = found(facts, "amount_within_refundable")
    assert (amount.expected, amount.actual) == ("more than nothing, at most 490.00 EUR", "500.00 EUR")
    state = found(facts, "invoice_state_allows_effect")
    assert state.actual == "paid, 490.00 EUR of 490.00 EUR refundable"
    assert found(facts, "records_available").actual == "no answer in 2 s"
    assert found(facts, "records_fresh").actual == "fetched 12 minutes ago"


def test_long_and_broken_text_is_cut_to_one_line() -> None:
    actual = found(make.facts(asked=make.asked(email="two\nlines\0" * 100)), "email_matches_account").actual
    assert actual.startswith("two lines?two lines?")
    assert len(actual) == 200


def test_text_that_is_not_unicode_can_still_be_told() -> None:
    checks = verification.verify(with_tool({"email": "\ud800eve"}))
    failed = {check.name: check.actual for check in checks if not check.passed}
    assert failed["tool_output_matches_record"] == "e-mail ?eve"
    assert failed["tool_outputs_well_formed"] == "text that is not Unicode"


# What tools said


def with_tool(data: dict[str, Any], at: datetime = make.NOW, **other: Any) -> Facts:
    return make.facts(asked=make.asked(tools=(make.tool(data, at),)), **other)


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        (timedelta(days=30), True),
        (timedelta(days=30, seconds=1), False),
        (-timedelta(days=1), True),
        (-timedelta(days=1, seconds=1), False),
    ],
)
def test_a_tool_output_is_fresh_for_thirty_days(age: timedelta, fresh: bool) -> None:
    assert found(with_tool({}, make.NOW - age), "tool_outputs_fresh").passed is fresh


def test_the_stale_tool_is_named() -> None:
    check = found(with_tool({}, make.NOW - timedelta(days=45)), "tool_outputs_fresh")
    assert (check.source, check.actual) == ("tool:lookup", "said 45 days ago")


def test_a_tool_output_is_compared_with_the_record() -> None:
    check = found(with_tool({"email": "eve@example.com"}), "tool_output_matches_record")
    assert not check.passed
    assert (check.expected, check.actual) == ("e-mail ada@example.com", "e-mail eve@example.com")
    assert check.source == "tool:lookup"


def test_an_output_that_says_nothing_about_the_records_is_left_out() -> None:
    names = {check.name for check in verification.verify(with_tool({"seats": 12}))}
    assert "tool_output_matches_record" not in names
    assert "tool_outputs_well_formed" in names


def test_further_differences_are_counted() -> None:
    check = found(with_tool({"email": "eve@example.com", "plan": "free"}), "tool_output_matches_record")
    assert check.actual == "e-mail eve@example.com (and 1 more)"


def test_agreeing_values_are_counted() -> None:
    check = found(with_tool({"email": "ada@example.com", "plan": Plan.PRO.value}), "tool_output_matches_record")
    assert (check.passed, check.actual) == (True, "2 agreeing values")


def test_a_defective_output_names_its_tool() -> None:
    check = found(with_tool({"total": float("nan")}), "tool_outputs_well_formed")
    assert (check.passed, check.source, check.actual) == (False, "tool:lookup", "a number that is not finite")


# Whatever comes in


@given(make.all_facts(make.HOSTILE))
def test_verification_never_raises(facts: Facts) -> None:
    for check in verification.verify(facts):
        assert max(len(check.expected), len(check.actual)) <= 200
        check.model_dump_json()


def test_a_number_too_long_to_print_is_only_a_failed_check() -> None:
    huge = 10**5000
    facts = with_tool({"invoiceId": "inv_1", "amount": huge, "email": huge})
    assert failures(facts) == {"tool_outputs_well_formed"}
    facts = make.facts(asked=make.asked(params={**make.refund(), "money": {"amount": huge, "currency": "EUR"}}))
    assert failures(facts) == {"effect_well_formed"}


@given(make.all_facts(make.JSON))
def test_the_same_facts_give_the_same_checks(facts: Facts) -> None:
    again = Facts.model_validate_json(facts.model_dump_json(by_alias=True))
    assert list(map(repr, verification.verify(again))) == list(map(repr, verification.verify(facts)))


@given(make.all_facts(make.JSON))
def test_nothing_passes_against_a_record_that_is_not_known(facts: Facts) -> None:
    def about(*sources: str) -> Iterator[Check]:
        names = {"records_available", "effect_well_formed"}
        return (c for c in verification.verify(facts) if c.source in sources and c.name not in names and c.passed)

    if facts.records.account is None:
        assert list(about("accounts")) == []
    if facts.records.invoice is None:
        assert list(about("billing")) == []
