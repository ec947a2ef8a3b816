"""Threats, doubts, deadlines and repetition bring a case to a person."""

from datetime import timedelta
from typing import Any

import pytest

from flowops.domain import policies, verification
from flowops.domain.facts import Facts, History
from flowops.domain.handoffs import Priority, Reason
from flowops.domain.policies import words
from flowops.domain.policy import Outcome, Verdict
from tests.domain import make


def decide(facts: Facts) -> Verdict:
    return policies.builtin().decide(facts.verified(verification.verify(facts)))


def on(**changed: Any) -> Verdict:
    """The verdict on a request that would be approved if it were not for this."""
    return decide(make.facts(asked=make.asked(**changed)))


def test_failed_checks_are_named_once_each() -> None:
    verdict = on(email="eve@example.com", plan="free")
    assert (verdict.outcome, verdict.issues) == (Outcome.REVIEW, (Reason.VERIFICATION_FAILED,))
    assert verdict.reason == "verification failed: email_matches_account, plan_matches_account"


def test_what_was_not_verified_is_reviewed() -> None:
    verdict = policies.builtin().decide(make.facts())
    assert (verdict.outcome, verdict.issues) == (Outcome.REVIEW, (Reason.VERIFICATION_FAILED,))


@pytest.mark.parametrize(
    ("confidence", "reason"),
    [
        ("0.62", "the confidence 0.62 is below the floor of 0.75"),
        ("1.01", "the confidence 1.01 is not between 0 and 1"),
        ("-0.5", "the confidence -0.5 is not between 0 and 1"),
    ],
)
def test_a_low_or_impossible_confidence_is_reviewed(confidence: str, reason: str) -> None:
    verdict = on(confidence=confidence)
    assert (verdict.outcome, verdict.issues) == (Outcome.REVIEW, (Reason.LOW_CONFIDENCE,))
    assert verdict.reason == reason


@pytest.mark.parametrize("confidence", [None, "0.75", "0.750", "1"])
def test_a_confidence_at_the_floor_is_enough(confidence: str | None) -> None:
    assert on(confidence=confidence).outcome is Outcome.APPROVE


def test_whoever_asks_for_a_person_gets_one() -> None:
    verdict = on(escalate=True)
    assert (verdict.outcome, verdict.issues) == (Outcome.REVIEW, (Reason.ESCALATED,))


@pytest.mark.parametrize(("earlier", "outcome"), [(0, Outcome.APPROVE), (1, Outcome.APPROVE), (2, Outcome.REVIEW)])
def test_the_third_case_within_seven_days_is_reviewed(earlier: int, outcome: Outcome) -> None:
    assert decide(make.facts(history=History(cases_in_7_days=earlier))).outcome is outcome


def test_the_number_of_the_case_is_told() -> None:
    verdict = decide(make.facts(history=History(cases_in_7_days=4)))
    assert (verdict.reason, verdict.issues) == ("this is case 5 of this customer within 7 days", (Reason.ESCALATED,))


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        (timedelta(minutes=60), "the caller's deadline is 60 minutes away"),
        (timedelta(0), "the caller's deadline is 0 minutes away"),
        (timedelta(minutes=-1), "the caller's deadline has passed"),
    ],
)
def test_a_near_deadline_of_the_caller_is_a_risk(left: timedelta, reason: str) -> None:
    verdict = on(sla_due_at=make.NOW + left)
    assert (verdict.outcome, verdict.issues, verdict.priority) == (Outcome.REVIEW, (Reason.SLA_RISK,), Priority.HIGH)
    assert verdict.reason == reason


def test_a_deadline_after_the_next_hour_is_none() -> None:
    assert on(sla_due_at=make.NOW + timedelta(minutes=60, seconds=1)).outcome is Outcome.APPROVE


@pytest.mark.parametrize("kind", ["transfer", "", "Refund"])
def test_an_unknown_effect_is_reviewed(kind: str) -> None:
    verdict = on(kind=kind)
    assert verdict.outcome is Outcome.REVIEW
    assert f"there is no effect of the kind {kind!r}" in {ruling.reason for ruling in verdict.rulings}


def test_a_request_that_asks_for_nothing_needs_nobody() -> None:
    verdict = decide(make.facts(asked=make.asked(kind=None, params={}), records=make.records(invoice=None)))
    assert (verdict.outcome, verdict.reason) == (Outcome.APPROVE, "nothing was asked for that needs a decision")


def test_parameters_without_an_effect_are_reviewed() -> None:
    assert on(kind=None).outcome is Outcome.REVIEW


# Words

HITS = {
    words.LEGAL: [
        "My LAWYER will be in touch",
        "i'll sue",
        "I’ll sue",
        "We are going to sue you",
        "or I will take you to court!",
        "this is going to small-claims; see you in court",
        "expect legal\naction",
        "law\u00adsuit",
        "I am suing",
    ],
    words.CHARGEBACK: [
        "I'll do a chargeback",
        "charge-back",
        "Charge back requested",
        "I will dispute this charge",
        "disputing all of these payments",
        "I disputed it with my bank",
        "I opened a PayPal dispute",
    ],
    words.SECURITY: [
        "I was hacked",
        "an unauthorised payment",
        "this is FRAUD",
        "someone else logged into my account",
        "my account has been compromised",
        "stolen credit card",
        "I don't recognise this charge",
        "a suspicious login from Peru",
        "is there a data breach?",
        "ｆｒａｕｄ",
        "fr\u200baud",
    ],
}
MISSES = [
    "A courteous reply to this issue would do",
    "The parcel was pursued and ensued; a tissue",
    "Hi, I'm Sue. Please send it to Sue, I talked to Sue for an hour",
    "We met at the food court and the tennis court",
    "Our legal name is Ada Ltd",
    "My card was charged twice, please charge it back to normal plans",
    "There is no dispute about the date",
    "The system did not recognise my password",
    "Is my phone compromise-free plan still valid?",
    "My bank shows two charges",
    "hackathon tickets",
]


@pytest.mark.parametrize(("phrases", "text"), [(p, text) for p, texts in HITS.items() for text in texts])
def test_words_of_a_threat_are_found(phrases: Any, text: str) -> None:
    assert words.find(phrases, make.facts(asked=make.asked(subject=text)))
    assert on(messages=(make.said(text),)).issues == (Reason.ESCALATED,)
    assert on(messages=(make.said(text, "third_party"),)).issues == (Reason.ESCALATED,)


@pytest.mark.parametrize("text", MISSES)
def test_harmless_words_are_not_found(text: str) -> None:
    assert [words.find(phrases, make.facts(asked=make.asked(subject=text))) for phrases in HITS] == [None, None, None]


@pytest.mark.parametrize("role", ["automation", "operator"])
def test_what_our_own_side_wrote_is_not_a_threat(role: str) -> None:
    assert on(messages=(make.said("Do not file a chargeback or call a lawyer", role),)).outcome is Outcome.APPROVE


def test_the_words_found_are_quoted() -> None:
    reason = on(subject="I WILL SUE").reason
    assert reason == 'the words "I WILL SUE" speak of legal steps'


def test_a_million_spaces_are_read_at_once() -> None:
    text = "dispute " + " " * 1_000_000 + "the charge"
    assert words.find(words.CHARGEBACK, make.facts(asked=make.asked(subject=text)))


def test_a_million_beginnings_of_a_phrase_are_read_at_once() -> None:
    text = "dispute a b c d " * 60_000
    assert words.find(words.CHARGEBACK, make.facts(asked=make.asked(messages=(make.said(text),)))) is None
