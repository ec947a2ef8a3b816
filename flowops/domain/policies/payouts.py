"""Rules on releasing payouts that are held.

A denial rests on a record that was fetched and checked, never on a missing one. The approval names everything it
needs, so a fact that is missing or odd leaves the decision to a person.
"""

from datetime import timedelta

from flowops.domain import effects, policy
from flowops.domain.facts import Facts
from flowops.domain.money import Money
from flowops.domain.policies import automatic
from flowops.domain.policy import Ruling

YOUNGEST = timedelta(days=30)
NEEDED = frozenset(
    {
        "records_available",
        "records_fresh",
        "account_exists",
        "account_active",
        "effect_well_formed",
        "payout_exists",
        "payout_belongs_to_customer",
        "payout_is_held",
        "amount_matches_payout",
    }
)


@policy.rule("payout_release")
def settled(facts: Facts) -> Ruling:
    """Deny the release of a payout that is released or cancelled already: no person could make the provider do it.

    Only a fresh record of the very payout, belonging to this customer, can say so. While a gateway is out a person
    decides.
    """
    payout = facts.payout
    sure = facts.passed >= {"records_fresh", "payout_exists", "payout_belongs_to_customer"}
    if payout and sure and not facts.records.errors and payout.status != "held":
        return policy.deny(f"payout {payout.id} is {payout.status} already")
    return policy.abstain("the payout is held, or that is not known")


@policy.rule("payout_release")
def amount_limit(facts: Facts) -> Ruling:
    """A person decides about money above the automatic limit, or in a currency that has no limits."""
    return automatic.limit(facts, "payouts")


@policy.rule("payout_release")
def young_account(facts: Facts) -> Ruling:
    """A person decides about money for an account younger than 30 days, or of an age that cannot be."""
    account = facts.account
    if account is None:
        return policy.abstain("no account is known")
    age = facts.now - account.created_at
    if age < timedelta(0):
        return policy.review(f"account {account.id} was made at {account.created_at.isoformat()}, still to come")
    if age < YOUNGEST:
        return policy.review(f"account {account.id} is {age.days} days old, the automatic limit is {YOUNGEST.days}")
    return policy.abstain(f"account {account.id} is {age.days} days old")


@policy.rule("payout_release")
def small_and_settled_customer(facts: Facts) -> Ruling:
    """Approve a verified release within the automatic limit, to an account of 30 days and more.

    The records are read here once more instead of trusting the names of the checks alone.
    """
    account, payout, limits = facts.account, facts.payout, facts.limits
    release = facts.effect
    if not (account and payout and limits and isinstance(release, effects.PayoutRelease)):
        return policy.abstain("a fact the approval needs is missing")
    money = release.money
    sane = (
        not facts.failed
        and facts.passed >= NEEDED
        and not facts.records.errors
        and account.id == payout.customer_id == facts.asked.customer_id
        and account.status == "active"
        and payout.id == release.payout_id
        and payout.status == "held"
        and money.currency == payout.amount.currency
        and 0 < money.amount == payout.amount.amount
        and money.amount <= limits.automatic
        and money.amount < limits.two_people
        and facts.now - account.created_at >= YOUNGEST
    )
    if not sane:
        return policy.abstain("a fact the approval needs is odd, or failed its check")
    limit = Money(amount=limits.automatic, currency=money.currency)
    return policy.approve(
        f"{money} is within the automatic limit of {limit}, and account {account.id} is "
        f"{(facts.now - account.created_at).days} days old"
    )
