"""How much money may move without a person, for every kind of effect that moves some."""

from flowops.domain import policy
from flowops.domain.money import Money
from flowops.domain.policy import Facts, Ruling


def limit(facts: Facts, what: str) -> Ruling:
    """A person decides about money above the automatic limit, or in a currency that has none; `what` is for people."""
    money = facts.money
    if money is None:
        return policy.abstain("no amount is known")
    if facts.limits is None:
        return policy.review(f"{money}: there are no limits for {what} in {money.currency}")
    if money.amount > facts.limits.automatic:
        automatic = Money(amount=facts.limits.automatic, currency=money.currency)
        return policy.review(f"{money} is above the automatic limit of {automatic}")
    return policy.abstain("within the automatic limit")
