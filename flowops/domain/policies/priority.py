"""Rules on how urgent a case is by who asks and how much money moves; what was written is judged in `escalation`.

These rules never decide an outcome. A case that no rule speaks about has medium priority.
"""

from flowops.domain import policy
from flowops.domain.facts import Facts, Plan
from flowops.domain.handoffs import Priority
from flowops.domain.money import Money
from flowops.domain.policy import Ruling


@policy.rule()
def plan(facts: Facts) -> Ruling:
    """An enterprise customer, by the account on record and not by what the request claims, has high priority."""
    account = facts.account
    if account and account.plan is Plan.ENTERPRISE:
        return policy.abstain("an enterprise customer has high priority", Priority.HIGH)
    return policy.abstain("the plan asks for no other priority")


@policy.rule()
def amount(facts: Facts) -> Ruling:
    """Money for which two people are needed has high priority, so that the second is found in time."""
    money = facts.money
    if money and facts.limits and money.amount >= facts.limits.two_people:
        limit = Money(amount=facts.limits.two_people, currency=money.currency)
        return policy.abstain(f"{money} is at or above {limit}, from where two people are needed", Priority.HIGH)
    return policy.abstain("the amount asks for no other priority")
