"""A risk assessment raises its flags for what stands in the case, and says where."""

from typing import Any

from flowops.domain import artifacts
from tests.ai import cases

HANDOFF = cases.ORDINARY["handoff"] | {"issues": [], "reason": "other"}
CALM: dict[str, Any] = {
    "handoff": HANDOFF,
    "request": cases.ORDINARY["request"] | {"effect": None, "confidence": None},
    "messages": cases.said("Please tell me how to change the colour."),
    "facts": [],
    "verification": {"passed": True, "checks": [cases.failed("x")["checks"][0] | {"passed": True}]},
    "verdict": {"outcome": "approve", "rulings": []},
}


def assess(**changes: Any) -> dict[str, Any]:
    return cases.written(artifacts.RISK, **CALM | changes)


def test_a_calm_case_is_low_and_says_why() -> None:
    assert assess() == {
        "level": "low",
        "flags": [],
        "reasons": [
            {"text": "Every check against the records passed", "source": "/verification/checks"},
            {"text": "The account is active", "source": "/records/account/status"},
        ],
    }


def test_each_flag_has_a_reason_that_points_at_it() -> None:
    issue = {"code": "low_confidence", "detail": "the confidence 0.62 is below the floor of 0.75"}
    edge = {"code": "policy_boundary", "detail": "490.00 EUR is above the automatic limit of 100.00 EUR"}
    refund = cases.ORDINARY["request"]
    for flag, source, changes in (
        ("sla_near_breach", "/handoff/sla/state", {"handoff": HANDOFF | {"sla": {"state": "near"}}}),
        ("ambiguous_intent", "/handoff/issues/0", {"handoff": HANDOFF | {"issues": [issue]}}),
        ("ambiguous_intent", "/messages", {"messages": cases.said("Hello there")}),
        ("policy_edge_case", "/handoff/issues/0", {"handoff": HANDOFF | {"issues": [edge]}}),
        ("policy_edge_case", "/verdict/outcome", {"verdict": {"outcome": "deny", "rulings": []}}),
        ("missing_information", "/verification/checks/0", {"verification": cases.failed("account_exists")}),
        ("repeat_escalation", "/earlierCases/1", {"earlierCases": [cases.EARLIER, cases.EARLIER | {"number": "H-7"}]}),
        ("financial_sensitivity", "/request/effect/params/money", {"request": refund}),
        ("legal_threat", "/messages/0/text", {"messages": cases.said("My lawyer will call you.")}),
        ("security_concern", "/messages/0/text", {"messages": cases.said("My account was hacked.")}),
        ("security_concern", "/handoff/title", {"handoff": HANDOFF | {"title": "Someone pretends to be me"}}),
    ):
        found = assess(**changes)
        assert found["flags"] == [flag]
        assert source in [reason["source"] for reason in found["reasons"]]


def test_what_policy_found_raises_the_flag_too() -> None:
    ruling = {"rule": "escalation.legal", "outcome": "review", "reason": 'the words "Anwalt" speak of legal steps'}
    assert assess(verdict={"outcome": "review", "rulings": [ruling]})["flags"] == ["legal_threat"]


def test_one_earlier_case_is_no_repetition() -> None:
    assert assess(earlierCases=[cases.EARLIER])["flags"] == []


def test_somebody_elses_invoice_is_a_security_concern_and_a_missing_one_is_not() -> None:
    check = cases.failed("invoice_belongs_to_customer", "cust_123", "cust_999")
    invoice = cases.ORDINARY["records"]["invoice"] | {"customerId": "cust_999"}
    theirs = assess(verification=check, records=cases.ORDINARY["records"] | {"invoice": invoice})
    assert "security_concern" in theirs["flags"]
    absent = assess(verification=check, records=cases.ORDINARY["records"] | {"invoice": None})
    assert absent["flags"] == ["missing_information"]


def test_the_level_follows_from_the_flags() -> None:
    near = {"handoff": HANDOFF | {"sla": {"state": "breached"}}}
    for level, changes in (
        ("low", {"verification": cases.failed("account_exists")}),
        ("medium", near),
        ("medium", {"messages": cases.said("I will dispute this.")}),
        ("medium", {"verification": cases.failed("account_exists"), "request": cases.ORDINARY["request"]}),
        ("high", {"messages": cases.said("I will sue you.")}),
        ("high", {"messages": cases.said("He threatens me every day.")}),
        (
            "high",
            near
            | {"verification": cases.failed("account_exists"), "request": cases.ORDINARY["request"]}
            | {"verdict": {"outcome": "deny", "rulings": []}},
        ),
    ):
        assert assess(**changes)["level"] == level, changes
