"""Rules on giving money back.

A denial rests on a record that was fetched and checked, never on a missing one. The approval names everything it
needs, so a fact that is missing or odd leaves the decision to a person.
"""

from datetime import timedelta

from flowops.domain import effects, policy
from flowops.domain.facts import Facts, Plan
from flowops.domain.money import Money
from flowops.domain.policies import automatic
from flowops.domain.policy import Ruling

OLDEST = timedelta(days=30)
AUTOMATIC_PLANS = frozenset({Plan.FREE, Plan.PRO})
NEEDED = frozenset(
    {
        "records_available",
        "records_fresh",
        "account_exists",
        "account_active",
        "effect_well_formed",
        "invoice_exists",
        "invoice_belongs_to_customer",
        "invoice_state_allows_effect",
        "amount_within_refundable",
        "currency_matches_invoice",
    }
)


@policy.rule("refund")
def nothing_refundable(facts: Facts) -> Ruling:
    """Deny a refund of an invoice with nothing left to give back: no person could make the provider do it.

    Only a fresh record of the very invoice, belonging to this customer, can say so. While a gateway is out a person
    decides.
    """
    invoice = facts.invoice
    sure = facts.passed >= {"records_fresh", "invoice_exists", "invoice_belongs_to_customer"}
    if invoice and sure and not facts.records.errors and invoice.refundable.amount == 0:
        return policy.deny(
            f"nothing of invoice {invoice.id} can be refunded: {invoice.refundable} of {invoice.total} is left"
        )
    return policy.abstain("something is refundable, or that is not known")


@policy.rule("refund")
def age(facts: Facts) -> Ruling:
    """A person decides about money received more than 30 days ago, or at a time that is unknown or still to come."""
    invoice = facts.invoice
    if invoice is None:
        return policy.abstain("no invoice is known")
    if invoice.paid_at is None:
        return policy.review(f"invoice {invoice.id} has no date of payment")
    since = facts.now - invoice.paid_at
    if since < timedelta(0):
        return policy.review(f"invoice {invoice.id} was paid at {invoice.paid_at.isoformat()}, which is still to come")
    if since > OLDEST:
        return policy.review(
            f"invoice {invoice.id} was paid {since.days} days ago, the automatic limit is {OLDEST.days}"
        )
    return policy.abstain(f"invoice {invoice.id} was paid {since.days} days ago")


@policy.rule("refund")
def enterprise_plan(facts: Facts) -> Ruling:
    """Refunds to enterprise customers are decided by a person, because their contracts say more than our records."""
    account = facts.account
    if account and account.plan is Plan.ENTERPRISE:
        return policy.review(f"{account.id} is an enterprise customer, whose refunds a person decides")
    return policy.abstain("not an enterprise customer")


@policy.rule("refund")
def amount_limit(facts: Facts) -> Ruling:
    """A person decides about money above the automatic limit, or in a currency that has no limits."""
    return automatic.limit(facts, "refunds")


@policy.rule("refund")
def small_and_recent(facts: Facts) -> Ruling:
    """Approve a verified refund within the automatic limit, paid in the last 30 days, to a customer on free or pro.

    The records are read here once more instead of trusting the names of the checks alone.
    """
    account, invoice, limits = facts.account, facts.invoice, facts.limits
    refund = facts.effect
    if not (account and invoice and invoice.paid_at and limits and isinstance(refund, effects.Refund)):
        return policy.abstain("a fact the approval needs is missing")
    money = refund.money
    sane = (
        not facts.failed
        and facts.passed >= NEEDED
        and not facts.records.errors
        and account.id == invoice.customer_id == facts.asked.customer_id
        and account.status == "active"
        and account.plan in AUTOMATIC_PLANS
        and invoice.id == refund.invoice_id
        and invoice.status == "paid"
        and money.currency == invoice.total.currency == invoice.refundable.currency
        and 0 < money.amount <= invoice.refundable.amount <= invoice.total.amount
        and money.amount <= limits.automatic
        and money.amount < limits.two_people
        and timedelta(0) <= facts.now - invoice.paid_at <= OLDEST
    )
    if not sane:
        return policy.abstain("a fact the approval needs is odd, or failed its check")
    limit = Money(amount=limits.automatic, currency=money.currency)
    return policy.approve(
        f"{money} is within the automatic limit of {limit}, and invoice {invoice.id} was paid "
        f"{(facts.now - invoice.paid_at).days} days ago"
    )


def _passed(facts: Facts) -> set[str]:
    return {check.name for check in facts.checks if check.passed}
