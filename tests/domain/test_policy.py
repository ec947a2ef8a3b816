"""The strictest ruling wins, and nobody's approval means a person decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.domain import policy
from flowops.domain.facts import Facts
from flowops.domain.handoffs import Priority, Reason
from flowops.domain.policy import Outcome, Policy, Rule, Ruling
from tests.domain import make


def speaking(*rulings: Ruling) -> Policy:
    def saying(ruling: Ruling) -> Rule:
        return Rule("said", "", frozenset(), lambda facts: ruling)

    return Policy("v1", tuple(map(saying, rulings)))


@policy.rule("reply")
def only_replies(facts: Facts) -> Ruling:
    """Says no to
    every reply."""
    return policy.deny("no replies")


@policy.rule()
def broken(facts: Facts) -> Ruling:
    """Fails."""
    raise ZeroDivisionError("by zero")


RULINGS = st.builds(
    Ruling,
    outcome=st.sampled_from(Outcome),
    reason=st.text(),
    issue=st.none() | st.sampled_from(Reason),
    priority=st.none() | st.sampled_from(Priority),
)
SEVERITY = list(Outcome)


@given(st.lists(RULINGS, max_size=5))
def test_the_strictest_ruling_is_the_verdict(rulings: list[Ruling]) -> None:
    spoken = [r.outcome for r in rulings if r.outcome is not Outcome.ABSTAIN]
    expected = max(spoken, key=SEVERITY.index, default=Outcome.REVIEW)
    assert speaking(*rulings).decide(make.verified()).outcome is expected


@given(st.lists(RULINGS, max_size=5), RULINGS.filter(lambda r: r.outcome in {Outcome.REVIEW, Outcome.DENY}))
def test_one_more_objection_never_makes_a_verdict_milder(rulings: list[Ruling], objection: Ruling) -> None:
    before = speaking(*rulings).decide(make.verified())
    after = speaking(*rulings, objection).decide(make.verified())
    assert SEVERITY.index(after.outcome) >= SEVERITY.index(before.outcome)
    if any(ruling.priority for ruling in rulings):  # else the first to speak replaces the default, medium
        assert after.priority.rank >= before.priority.rank
    assert set(after.issues) >= set(before.issues)


@given(st.permutations([policy.deny("d"), policy.review("r"), policy.approve("a"), policy.abstain("n", Priority.HIGH)]))
def test_the_order_of_rules_does_not_change_the_outcome(rulings: list[Ruling]) -> None:
    verdict = speaking(*rulings).decide(make.verified())
    assert (verdict.outcome, verdict.priority, verdict.reason) == (Outcome.DENY, Priority.HIGH, "d")


def test_when_nobody_approves_a_person_decides() -> None:
    verdict = speaking().decide(make.verified())
    assert (verdict.outcome, verdict.priority) == (Outcome.REVIEW, Priority.MEDIUM)
    assert verdict.reason == "no rule approved it"


def test_an_abstention_is_told_only_when_it_says_something_about_the_priority() -> None:
    verdict = speaking(policy.abstain("quiet"), policy.abstain("urgent", Priority.URGENT)).decide(make.verified())
    assert [r.reason for r in verdict.rulings] == ["urgent"]


def test_issues_are_listed_strictest_first_and_once() -> None:
    rulings = [
        policy.review("a", Reason.SLA_RISK),
        policy.review("b", Reason.ESCALATED),
        policy.review("c", Reason.SLA_RISK),
    ]
    assert speaking(*rulings).decide(make.verified()).issues == (Reason.ESCALATED, Reason.SLA_RISK)


def test_a_rule_is_named_after_its_module_and_itself() -> None:
    assert only_replies.name == "test_policy.only_replies"
    assert only_replies.doc == "Says no to every reply."


@pytest.mark.parametrize(("kind", "outcome"), [("reply", Outcome.DENY), ("refund", Outcome.REVIEW)])
def test_a_rule_speaks_only_about_its_kinds(kind: str, outcome: Outcome) -> None:
    assert Policy("v1", (only_replies,)).decide(make.facts(asked=make.asked(kind=kind))).outcome is outcome


def test_a_rule_that_fails_asks_for_a_person_and_stops_nobody() -> None:
    verdict = Policy("v1", (broken, *speaking(policy.approve("fine")).rules)).decide(make.verified())
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.reason == "the rule failed with ZeroDivisionError"


def test_a_policy_describes_its_rules() -> None:
    described = {"name": "test_policy.only_replies", "doc": "Says no to every reply.", "kinds": ["reply"], "mode": "on"}
    assert Policy("v1", (only_replies,)).describe() == [described]
