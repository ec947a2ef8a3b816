"""The built-in policy decides everything, the same way every time, and never approves what is odd."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowops.domain import effects, policies, verification
from flowops.domain.facts import Facts, Limits, Plan
from flowops.domain.policies import refunds
from flowops.domain.policy import Outcome, Policy, Rule, Ruling, Verdict
from tests.domain import make

SEVERITY = list(Outcome)


def decide(facts: Facts) -> Verdict:
    return policies.builtin().decide(facts.verified(verification.verify(facts)))


def is_sound(facts: Facts) -> bool:
    """Everything an automatic approval rests on, told without the rules."""
    if facts.asked.kind is None:
        return not facts.asked.params
    account, invoice, limits = facts.records.account, facts.records.invoice, facts.limits
    money = effects.money(facts.asked.kind, facts.asked.params)
    if facts.asked.kind != "refund" or not (account and invoice and limits and money and invoice.paid_at):
        return False
    return all(
        [
            invoice.id == facts.asked.params.get("invoiceId", facts.asked.params.get("invoice_id")),
            account.id == facts.asked.customer_id == invoice.customer_id,
            account.status == "active",
            account.plan in {Plan.FREE, Plan.PRO},
            invoice.status == "paid",
            money.currency == invoice.total.currency == invoice.refundable.currency,
            0 < money.amount <= min(invoice.refundable.amount, invoice.total.amount, limits.automatic),
            money.amount < limits.two_people,
            timedelta(0) <= facts.now - invoice.paid_at <= timedelta(days=30),
            not facts.records.errors,
            facts.asked.confidence is None or facts.confidence_floor <= facts.asked.confidence <= 1,
            not facts.asked.escalate,
        ]
    )


def test_a_small_recent_verified_refund_is_approved() -> None:
    verdict = decide(make.facts())
    assert verdict.outcome is Outcome.APPROVE
    assert (
        verdict.reason == "49.00 EUR is within the automatic limit of 100.00 EUR, and invoice inv_1 was paid 3 days ago"
    )


@given(make.all_facts(make.JSON))
@settings(max_examples=300)
def test_any_facts_get_a_verdict_and_no_rule_fails(facts: Facts) -> None:
    for known in (facts, facts.verified(verification.verify(facts)), make.vouched(facts)):
        verdict = policies.builtin().decide(known)
        assert [r for r in verdict.rulings if r.reason.startswith("the rule failed")] == []
        assert verdict.outcome is not Outcome.ABSTAIN


@given(make.all_facts(make.HOSTILE))
def test_hostile_facts_get_a_verdict_and_no_rule_fails(facts: Facts) -> None:
    verdict = decide(facts)
    assert [r for r in verdict.rulings if r.reason.startswith("the rule failed")] == []


@given(make.all_facts(make.JSON))
@settings(max_examples=500)
def test_nothing_is_approved_while_a_needed_fact_is_missing_or_odd(facts: Facts) -> None:
    assume(not is_sound(facts))
    assert decide(facts).outcome is not Outcome.APPROVE
    assert policies.builtin().decide(make.vouched(facts)).outcome is not Outcome.APPROVE


@given(make.all_facts(make.JSON))
def test_nothing_is_approved_before_it_is_verified(facts: Facts) -> None:
    assert policies.builtin().decide(facts).outcome is not Outcome.APPROVE


@given(make.all_facts(make.JSON))
def test_a_denial_rests_on_a_record(facts: Facts) -> None:
    for known in (facts, facts.verified(verification.verify(facts))):
        if policies.builtin().decide(known).outcome is Outcome.DENY:
            invoice = known.records.invoice
            assert invoice is not None
            assert invoice.refundable.amount == 0
            assert invoice.customer_id == known.asked.customer_id
            assert not known.records.errors
            assert abs(known.now - known.records.fetched_at) <= verification.FRESH


@given(make.all_facts(make.JSON))
def test_stored_facts_are_decided_alike(facts: Facts) -> None:
    known = facts.verified(verification.verify(facts))
    stored = Facts.model_validate(json.loads(json.dumps(known.dump())))
    assert json.dumps(policies.builtin().decide(stored).dump()) == json.dumps(policies.builtin().decide(known).dump())
    assert make.alike(stored, known)


@given(make.all_facts(make.JSON), st.sampled_from([Outcome.REVIEW, Outcome.DENY]))
def test_one_more_objection_never_makes_a_verdict_milder(facts: Facts, outcome: Outcome) -> None:
    objection = Rule("extra", "", frozenset(), lambda _: Ruling(outcome, ""))
    stricter = Policy("v1", (*policies.builtin().rules, objection))
    known = facts.verified(verification.verify(facts))
    assert SEVERITY.index(stricter.decide(known).outcome) >= SEVERITY.index(decide(facts).outcome)


def billed(**other: Any) -> dict[str, Any]:
    return {"records": make.records(invoice=make.invoice(**other))}


def held(**other: Any) -> dict[str, Any]:
    return {"records": make.records(account=make.account(**other))}


def wanted(**other: Any) -> dict[str, Any]:
    return {"asked": make.asked(**other)}


ODD = [
    {"limits": None},
    {"limits": Limits(automatic=4899, operator=25_000, two_people=50_000)},
    {"limits": Limits(automatic=4900, operator=25_000, two_people=4900)},
    {"records": make.records(account=None)},
    {"records": make.records(invoice=None)},
    {"records": make.records(errors={"billing": "timed out"})},
    held(id="cust_2"),
    held(plan=Plan.ENTERPRISE),
    held(status="closed"),
    billed(paid_at=None),
    billed(paid_at=make.NOW + timedelta(days=1)),
    billed(paid_at=make.NOW - timedelta(days=31)),
    billed(status="void"),
    billed(customer_id="cust_2"),
    billed(total=make.euros(4900)),
    billed(refundable=make.euros(4899)),
    wanted(params={}),
    wanted(params=make.refund(amount=0)),
    wanted(params=make.refund(amount=-4900)),
    wanted(params=make.refund(currency="USD")),
    wanted(params=make.refund(invoice_id="inv_2")),
    wanted(kind="transfer"),
]


@pytest.mark.parametrize("odd", ODD)
def test_each_odd_fact_alone_prevents_the_approval(odd: dict[str, Any]) -> None:
    facts = make.facts(**odd)
    assert decide(facts).outcome is Outcome.REVIEW
    assert policies.builtin().decide(make.vouched(facts)).outcome is Outcome.REVIEW
    assert refunds.small_and_recent.rule_on(make.vouched(facts)).outcome is Outcome.ABSTAIN


@pytest.mark.parametrize("name", sorted(make.REFUND_CHECKS))
def test_each_missing_or_failed_check_alone_prevents_the_approval(name: str) -> None:
    facts = make.verified()
    without = facts.verified(tuple(check for check in facts.checks if check.name != name))
    assert policies.builtin().decide(without).outcome is Outcome.REVIEW
    failed = tuple(c.model_copy(update={"passed": c.passed and c.name != name}) for c in facts.checks)
    assert policies.builtin().decide(facts.verified(failed)).outcome is Outcome.REVIEW


def test_a_failed_check_of_any_name_prevents_the_approval() -> None:
    facts = make.verified(asked=make.asked(tools=(make.tool({"plan": "free"}),)))
    assert [check.name for check in facts.failed] == ["tool_output_matches_record"]
    assert refunds.small_and_recent.rule_on(facts).outcome is Outcome.ABSTAIN


def test_the_version_is_the_hash_of_the_source() -> None:
    assert policies.builtin().version == "sha256:" + hashlib.sha256(policies.builtin().source.encode()).hexdigest()


def test_the_source_holds_every_rule_under_the_name_of_its_file() -> None:
    kept = json.loads(policies.builtin().source)["files"]
    for rule in policies.builtin().rules:
        module, _, name = rule.name.partition(".")
        assert f"def {name}(facts: Facts)" in kept[f"{module}.py"]
        assert kept[f"{module}.py"].splitlines()[rule.line - 1].startswith("@policy.rule(")
    assert "\r" not in policies.builtin().source


def test_every_rule_explains_itself_and_has_a_name_of_its_own() -> None:
    rules = policies.builtin().rules
    assert all(rule.doc.endswith(".") for rule in rules)
    assert len({rule.name for rule in rules}) == len(rules)
    assert {rule.name.partition(".")[0] for rule in rules} == {
        "accounts",
        "escalation",
        "payouts",
        "priority",
        "refunds",
        "replies",
    }
