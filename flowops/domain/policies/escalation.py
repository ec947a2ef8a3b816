"""Rules on every request: what makes a person necessary, whatever is asked for."""

import re
from datetime import timedelta
from decimal import Decimal

from flowops.domain import effects, policy
from flowops.domain.facts import Facts
from flowops.domain.handoffs import Priority, Reason
from flowops.domain.policies import words
from flowops.domain.policy import Ruling

NEAR = timedelta(minutes=60)
MANY_CASES = 3


@policy.rule()
def verification(facts: Facts) -> Ruling:
    """A person looks at every request whose claims the records do not support, or that was not verified at all."""
    if not facts.checks:
        return policy.review("the request was not verified", Reason.VERIFICATION_FAILED)
    if facts.failed:
        names = ", ".join(dict.fromkeys(check.name for check in facts.failed))
        return policy.review(f"verification failed: {names}", Reason.VERIFICATION_FAILED)
    return policy.abstain("verification passed")


@policy.rule()
def confidence(facts: Facts) -> Ruling:
    """A person looks when the caller's automation was less sure than the floor, 0.75 by default.

    A number outside 0 to 1 is no confidence at all. A caller that gives none is not judged by it.
    """
    given, floor = facts.asked.confidence, facts.confidence_floor
    if given is None:
        return policy.abstain("no confidence was given")
    if not Decimal(0) <= given <= Decimal(1):
        return policy.review(f"the confidence {given} is not between 0 and 1", Reason.LOW_CONFIDENCE)
    if given < floor:
        return policy.review(f"the confidence {given} is below the floor of {floor}", Reason.LOW_CONFIDENCE)
    return policy.abstain(f"the confidence {given} is not below the floor of {floor}")


@policy.rule()
def asked_for(facts: Facts) -> Ruling:
    """Whoever asks for a person gets one."""
    if facts.asked.escalate:
        return policy.review("the caller asked for a person", Reason.ESCALATED)
    return policy.abstain("nobody asked for a person")


@policy.rule()
def legal_threat(facts: Facts) -> Ruling:
    """A person answers when the customer or a third party speaks of lawyers, courts or legal steps."""
    return _escalate(facts, words.LEGAL, "legal steps", Priority.HIGH)


@policy.rule()
def chargeback(facts: Facts) -> Ruling:
    """A person answers when the customer or a third party speaks of a chargeback or of disputing a payment."""
    return _escalate(facts, words.CHARGEBACK, "a chargeback", Priority.HIGH)


@policy.rule()
def security(facts: Facts) -> Ruling:
    """A person answers at once when the customer or a third party speaks of fraud, theft or intrusion."""
    return _escalate(facts, words.SECURITY, "a security problem", Priority.URGENT)


@policy.rule()
def repeated(facts: Facts) -> Ruling:
    """The third case of a customer within 7 days is a sign that the first two were not solved."""
    cases = facts.history.cases_in_7_days + 1
    if cases >= MANY_CASES:
        return policy.review(f"this is case {cases} of this customer within 7 days", Reason.ESCALATED)
    return policy.abstain(f"this is case {cases} of this customer within 7 days")


@policy.rule()
def deadline(facts: Facts) -> Ruling:
    """A person hurries when the caller's own deadline is at most 60 minutes away, or has passed."""
    due_at = facts.asked.sla_due_at
    if due_at is None or due_at - facts.now > NEAR:
        return policy.abstain("no deadline is near")
    left = due_at - facts.now
    when = f"is {left // timedelta(minutes=1)} minutes away" if left >= timedelta(0) else "has passed"
    return policy.review(f"the caller's deadline {when}", Reason.SLA_RISK, Priority.HIGH)


@policy.rule()
def unknown_effect(facts: Facts) -> Ruling:
    """A person looks at a request for something this product does not know how to do."""
    kind = facts.asked.kind
    if kind is not None and kind not in effects.KINDS:
        return policy.review(f"there is no effect of the kind {kind[:60]!r}")
    return policy.abstain("the effect is known")


@policy.rule()
def nothing_asked(facts: Facts) -> Ruling:
    """A request that asks for nothing needs no decision, as long as no other rule wants a person."""
    if facts.asked.kind is None and not facts.asked.params:
        return policy.approve("nothing was asked for that needs a decision")
    return policy.abstain("something was asked for")


def _escalate(facts: Facts, phrases: re.Pattern[str], subject: str, priority: Priority) -> Ruling:
    if phrase := words.find(phrases, facts):
        return policy.review(f'the words "{phrase}" speak of {subject}', Reason.ESCALATED, priority)
    return policy.abstain(f"nobody speaks of {subject}")
