"""Six rules on refunds, for FlowOps; the other contestants say the same in their own way."""

from datetime import timedelta

from flowops.domain.facts import Plan
from flowops.domain.policy import Facts, Ruling, abstain, approve, deny, review, rule

OLDEST = timedelta(days=30)
AUTOMATIC = frozenset({Plan.FREE, Plan.PRO})


@rule("refund")
def nothing_left(facts: Facts) -> Ruling:
    """Nothing is given back of an invoice of which nothing is left."""
    invoice = facts.invoice
    if invoice is not None and invoice.refundable.amount == 0:
        return deny("nothing of the invoice is left")
    return abstain("something is left, or not known")


@rule("refund")
def old(facts: Facts) -> Ruling:
    """A person decides about money that came long ago."""
    invoice = facts.invoice
    if invoice is None or invoice.paid_at is None:
        return review("it is not known when the invoice was paid")
    if facts.now - invoice.paid_at > OLDEST:
        return review("the invoice was paid more than 30 days ago")
    return abstain("the invoice was paid within 30 days")


@rule("refund")
def enterprise(facts: Facts) -> Ruling:
    """A person decides about enterprise customers."""
    account = facts.account
    if account is not None and account.plan is Plan.ENTERPRISE:
        return review("an enterprise customer")
    return abstain("no enterprise customer")


@rule("refund")
def suspended(facts: Facts) -> Ruling:
    """A person decides about customers whose account is not active."""
    account = facts.account
    if account is None or account.status != "active":
        return review("the account is not active")
    return abstain("the account is active")


@rule("refund")
def large(facts: Facts) -> Ruling:
    """A person decides about more than the automatic limit."""
    money, limits = facts.money, facts.limits
    if money is None or limits is None or money.amount > limits.automatic:
        return review("above the automatic limit")
    return abstain("within the automatic limit")


@rule("refund")
def usual(facts: Facts) -> Ruling:
    """A small refund to an ordinary customer needs nobody."""
    account = facts.account
    if account is not None and account.plan in AUTOMATIC:
        return approve("an ordinary customer")
    return abstain("not an ordinary customer")
