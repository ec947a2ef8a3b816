"""Rules on what is sent to a customer."""

from flowops.domain import policy
from flowops.domain.facts import Facts
from flowops.domain.policy import Ruling


@policy.rule("reply")
def person_approves(facts: Facts) -> Ruling:
    """Nothing is sent to a customer before a person has read and approved it, whoever wrote it."""
    return policy.review("a reply is sent only after a person has approved it")
