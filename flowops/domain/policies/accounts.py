"""Rules on accounts themselves."""

from flowops.domain import policy
from flowops.domain.facts import Facts
from flowops.domain.handoffs import Tier
from flowops.domain.policy import Ruling


@policy.rule("account_suspend")
def supervisor_suspends(facts: Facts) -> Ruling:
    """An account is suspended by nobody but a supervisor, whatever a tool or a score says of its owner."""
    return policy.review("an account is suspended only after a supervisor has approved it", tier=Tier.SUPERVISOR)
