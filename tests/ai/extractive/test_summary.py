"""A summary says what a person who takes a case over needs to know."""

from typing import Any

import pytest

from flowops.ai.extractive import summary as summaries
from flowops.domain import artifacts
from tests.ai import cases


def summary(parts: dict[str, Any]) -> dict[str, Any]:
    return cases.written(artifacts.SUMMARY, **parts)


def texts(parts: list[dict[str, Any]]) -> list[str]:
    return [part["text"] for part in parts]


def test_the_overview_says_who_what_and_why_in_the_customers_own_words() -> None:
    assert summary(cases.ordinary())["overview"] == (
        "Ada Lovelace (enterprise plan): “Charged twice”. A person is needed because policy leaves this decision to a "
        "person. In the customer's words: “Refund 490 EUR or my lawyer will call you.”"
    )


def test_key_facts_begin_with_the_money_and_what_failed_and_cite_where_they_stand() -> None:
    facts = summary(cases.ordinary())["keyFacts"]
    assert facts[:3] == [
        {
            "text": "Asked for: refund (money: 490.00 EUR; invoice id: inv_123; reason: “duplicate charge”)",
            "source": "/request/effect",
        },
        {"text": "Tool refund failed: “Error: limit exceeded”", "source": "/facts/1"},
        {
            "text": "Invoice: status: paid; total: 490.00 EUR; refundable: 490.00 EUR; id: inv_123; "
            "customer id: cust_123; paid at: 2026-11-20 09:30 UTC",
            "source": "/records/invoice",
        },
    ]
    assert {"text": "Confidence of the automation: 0.62", "source": "/request/confidence"} in facts
    assert {"text": "Tool get_order: status: delivered; order id: A-10442", "source": "/facts/0"} in facts


def test_risks_name_threats_failed_checks_and_what_policy_said() -> None:
    risks = summary(cases.ordinary())["risks"]
    assert risks == [
        {
            "text": "Legal threat: “Refund 490 EUR or my lawyer will call you.”",
            "source": "/messages/1/text",
        },
        {
            "text": "Check plan_matches_account failed: expected “pro”, found “enterprise”",
            "source": "/verification/checks/1",
        },
        {
            "text": "Policy rule refunds.amount_limit says review: "
            "“490.00 EUR is above the automatic limit of 100.00 EUR”",
            "source": "/verdict/rulings/1",
        },
    ]


def test_the_next_step_follows_from_the_reason_and_the_verdict() -> None:
    assert summary(cases.ordinary())["nextStep"] == (
        "Decide what policy left open: “490.00 EUR is above the automatic limit of 100.00 EUR”. Then approve or "
        "decline the refund of 490.00 EUR. Answer before 2026-11-22 14:00 UTC."
    )
    denied = cases.ordinary(verdict={"outcome": "deny", "rulings": []})
    assert "Policy does not allow what was asked; tell the customer why." in summary(denied)["nextStep"]


@pytest.mark.parametrize("reason", [*summaries.WHY, "other", None])
def test_every_reason_has_a_next_step(reason: str | None) -> None:
    handoff = cases.ORDINARY["handoff"] | {"reason": reason}
    assert summary(cases.ordinary(handoff=handoff))["nextStep"]


def test_what_the_automation_said_without_a_record_is_a_risk() -> None:
    alone = cases.ordinary(facts=[])
    said = {"text": "No record stands behind what the automation said: “Your refund has been approved.”"}
    assert said | {"source": "/messages/2/text"} in summary(alone)["risks"]
    done = alone | {"effects": [{"id": "eff_1", "kind": "refund", "status": "done", "params": {}}]}
    assert not [text for text in texts(summary(done)["risks"]) if text.startswith("No record")]


def test_a_promise_among_the_values_is_shown_as_a_quotation() -> None:
    parts = cases.ordinary(effects=[{"id": "eff_1", "kind": "refund", "status": "approved", "params": {}}])
    assert "Action: refund, status “approved” ()" not in texts(summary(parts)["keyFacts"])
    assert "Action: refund, status “approved”" in texts(summary(parts)["keyFacts"])


def test_records_that_could_not_be_read_are_a_risk() -> None:
    records = {"account": None, "invoice": None, "errors": {"billing": "timed out"}}
    found = summary(cases.ordinary(records=records))["risks"]
    assert {
        "text": "The records of billing could not be read: “timed out”",
        "source": "/records/errors/billing",
    } in found


def test_the_same_failure_is_told_once() -> None:
    fact = {"source": "tool:pay", "at": "2026-11-22T10:00:00Z", "data": {"error": "Failed: no funds"}}
    facts = summary(cases.ordinary(facts=[fact, fact, fact]))["keyFacts"]
    assert [fact for fact in facts if "no funds" in fact["text"]][:1] == [
        {"text": "Tool pay failed: “Failed: no funds”", "source": "/facts/2"}
    ]


def test_what_was_decided_already_is_no_next_step() -> None:
    refund = cases.ORDINARY["request"]["effect"]
    for status, waits in (("proposed", True), ("held", True), ("done", False), ("declined", False)):
        step = summary(cases.ordinary(effects=[{"id": "eff_1", "status": status, **refund}]))["nextStep"]
        assert ("approve or decline the refund of 490.00 EUR" in step) is waits


def test_an_earlier_case_of_the_customer_is_a_fact() -> None:
    facts = summary(cases.ordinary(earlierCases=[cases.EARLIER]))["keyFacts"]
    told = "Case H-2400 of the same customer, opened 2026-11-20 08:00 UTC: reason escalated, status pending"
    assert {"text": told, "source": "/earlierCases/0"} in facts


def test_what_is_absent_is_told_once() -> None:
    checks = [
        cases.failed(name, f"account {n}", "no such account")["checks"][0]
        for n, name in enumerate(("account_exists", "account_active"))
    ]
    risks = summary(cases.ordinary(verification={"passed": False, "checks": checks}, verdict={}, handoff={}))["risks"]
    assert [risk["text"] for risk in risks if "no such account" in risk["text"]] == [
        "Check account_exists failed: expected “account 0”, found “no such account”"
    ]
