"""A suggestion names what to do, what speaks for it and how sure that is; a person does it or not."""

from decimal import Decimal
from typing import Any

from flowops.domain import artifacts
from tests.ai import cases

REFUND = cases.ORDINARY["request"]["effect"]
BASE: dict[str, Any] = {
    "messages": cases.said("Please refund the second charge."),
    "facts": [],
    "verification": {"passed": True, "checks": []},
    "effects": [{"id": "eff_1", "status": "proposed", **REFUND}],
}
ANSWERABLE = {"request": cases.ORDINARY["request"] | {"effect": None}, "effects": []}


def suggest(**changes: Any) -> dict[str, Any]:
    return cases.written(artifacts.RESOLUTION, **BASE | changes)


def test_each_category_follows_from_the_case() -> None:
    failed = [{"id": "eff_1", "status": "failed", "error": "No such card", **REFUND}]
    for category, changes in (
        ("approve", {}),
        ("decline", {"verdict": {"outcome": "deny", "rulings": []}}),
        ("duplicate", {"earlierCases": [cases.EARLIER | {"sameTitle": True}]}),
        ("escalate", {"messages": cases.said("My lawyer will call you.")}),
        ("ask_customer", {"verification": cases.failed("invoice_exists")}),
        ("ask_customer", ANSWERABLE | {"messages": cases.said("Hello there")}),
        ("investigate", {"verification": cases.failed("plan_matches_account")}),
        ("investigate", {"effects": failed}),
        ("answer", ANSWERABLE),
        ("answer", {"effects": [{"id": "eff_1", "status": "done", **REFUND}]}),
        ("other", ANSWERABLE | {"messages": cases.said("The payout came back.", role="automation")}),
    ):
        assert suggest(**changes)["category"] == category, changes


def test_an_earlier_case_that_is_resolved_or_about_something_else_is_no_duplicate() -> None:
    for change in ({"sameTitle": False}, {"sameTitle": True, "status": "resolved"}):
        assert suggest(earlierCases=[cases.EARLIER | change])["category"] == "approve"


def test_the_more_is_uncertain_the_less_sure_it_is() -> None:
    sure = Decimal(suggest(**ANSWERABLE)["confidence"])
    errors = cases.ORDINARY["records"] | {"errors": {"accounts": "timed out", "billing": "timed out"}}
    unsure = Decimal(suggest(records=errors, **ANSWERABLE)["confidence"])
    assert Decimal("0.2") <= unsure < sure <= Decimal("0.7")


def test_what_policy_leaves_to_a_person_is_never_suggested_with_much_confidence() -> None:
    assert Decimal(suggest()["confidence"]) <= Decimal("0.6")
    assert "read what policy left open, then decide" in suggest()["internalNote"]
    assert "above the automatic limit" in suggest()["internalNote"]


def test_only_what_the_customer_can_be_told_comes_with_a_message() -> None:
    assert "customerMessage" not in suggest()
    message = suggest(**ANSWERABLE)["customerMessage"]
    assert message == cases.written(artifacts.DRAFT, **BASE | ANSWERABLE)["body"]
