"""Rules of our own, as an example: each is a function of facts to a ruling.

The strictest ruling wins. What no rule approves goes to a person. Change this file, then see what is wrong with it,
what it would have decided, and what it decides:

    flowops policy check .
    flowops policy replay --candidate .
    FLOWOPS_POLICY_DIR=. flowops up
"""

from datetime import timedelta

from flowops.domain.policy import Facts, Ruling, abstain, review, rule

NEW = timedelta(days=14)
MANY = 3  # refunds in 30 days


# `refund` is the kind of effect it rules on; without one it rules on every request. In shadow its ruling is kept beside
# the verdict and changes nothing, until `mode="shadow"` goes. `facts` is the name the facts have in every rule.
@rule("refund", mode="shadow")
def many_refunds(facts: Facts) -> Ruling:
    """A person looks at the fourth refund of a customer within 30 days, and two people approve it."""
    count = facts.history.count("refund", 30)
    if count >= MANY:
        return review(f"this customer got {count} refunds within 30 days, {MANY} is usual", approvals=2)
    return abstain(f"{count} refunds within 30 days")


@rule("refund", mode="shadow")
def new_customer(facts: Facts) -> Ruling:
    """A person looks at refunds to customers of less than two weeks."""
    # A fact that is missing is None. A rule must not take that for an answer: here it leaves the case to others.
    if facts.account is None:
        return abstain("no account is known")
    age = facts.now - facts.account.created_at
    if age < NEW:
        return review(f"the account is {age.days} days old, less than {NEW.days}")
    return abstain(f"the account is {age.days} days old")


@rule(mode="off")
def tool_saw_a_dispute(facts: Facts) -> Ruling:
    """A person looks when the caller's tool `tool:get_order` says that the order is disputed.

    What a tool said is the caller's word, good enough to ask for a person and never good enough to approve.
    """
    order = facts.told("tool:get_order")
    if order is not None and order.get("disputed") is True:
        return review("the order is disputed")
    return abstain("no dispute is known")
