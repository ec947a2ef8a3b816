"""What was allowed once is judged again by everything that is known and in force when somebody acts on it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from flowops import errors
from flowops.actions import links, switch
from flowops.app import App
from flowops.domain import policies
from flowops.domain.access import SYSTEM, Actor, Permission, Role
from flowops.domain.effects import Status
from flowops.domain.interests import Link
from flowops.queries import effects
from flowops.settings import LimitSetting
from tests import cases, verbs, world
from tests.actions.test_links import linked, with_address
from tests.conftest import Clock

RULES = '''
from flowops.domain.policy import Facts, Ruling, abstain, deny, review, rule


@rule("refund")
def third(facts: Facts) -> Ruling:
    """No third refund within 30 days."""
    number = facts.history.count("refund", 30)
    return deny(f"{number} refunds already") if number >= 2 else abstain(f"{number} refunds")


@rule("refund")
def many(facts: Facts) -> Ruling:
    """Two people look when there are many cases."""
    number = facts.history.cases_in_7_days
    return review(f"{number} cases", approvals=2) if number >= 3 else abstain(f"{number} cases")
'''
TWO = '''
from flowops.domain.policy import Facts, Ruling, {says}, rule


@rule("refund")
def two(facts: Facts) -> Ruling:
    """Two people look at every refund."""
    return {says}("two people for this one", approvals=2)
'''


def with_rules(app: App, source: str) -> App:
    return replace(app, policy=policies.together({"own.py": source}))


def with_limits(app: App, **limits: int) -> App:
    found = LimitSetting.model_validate({"automatic": 100_00, "operator": 250_00, "two_people": 500_00} | limits)
    return replace(app, settings=app.settings.model_copy(update={"limits": {"refund": {"EUR": found}}}))


@pytest.mark.parametrize(
    "later",
    [
        lambda app: with_limits(app, automatic=0),
        lambda app: with_rules(app, TWO.format(says="review")),
        lambda app: with_rules(app, TWO.format(says="abstain")),
    ],
    ids=["a lower limit", "a rule that reviews", "a rule that wants two"],
)
def test_what_policy_alone_approved_is_held_once_policy_would_not(
    app: App, bot: Actor, later: Callable[[App], App]
) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    assert effect.status is Status.APPROVED
    assert not world.start(later(app), effect.id)
    held = world.now(app, effect)
    assert (held.status, held.approvals_needed > 0) == (Status.HELD, True)
    case = verbs.read(app, str(held.handoff_id))
    assert case.reason == "verification_failed"
    assert world.start(app, world.effect_of(app, world.receive(app, bot, customer_id="cust_124")).id) is not None


def test_what_was_approved_meanwhile_counts_when_the_next_one_is_approved(app: App, bot: Actor, ada: Actor) -> None:
    app = with_rules(app, RULES.partition('@rule("refund")\ndef many')[0])
    first, second, third, fourth = (world.proposed(app, bot) for _ in range(4))
    for effect in (first, second):
        assert world.approve(app, ada, effect).status is Status.APPROVED
    for effect in (third, fourth):
        with pytest.raises(errors.DeniedByPolicy, match="2 refunds already"):
            world.approve(app, ada, effect)


def test_what_was_approved_later_keeps_out_nothing_that_was_approved_before(
    app: App, bot: Actor, ada: Actor, clock: Clock
) -> None:
    first, second, third = (world.proposed(app, bot) for _ in range(3))
    for effect in (first, second, third):  # by rules that do not count
        world.approve(app, ada, effect)
        clock.forward(seconds=10)
    counting = with_rules(app, RULES)
    assert [world.start(counting, effect.id) for effect in (third, first, second)] == [False, True, True]
    assert world.now(app, third).status is Status.HELD


def test_a_new_proposal_is_asked_as_much_as_the_one_before(app: App, bot: Actor, ada: Actor) -> None:
    app = with_rules(app, RULES)
    last = [world.proposed(app, bot) for _ in range(4)][-1]
    assert last.approvals_needed == 2
    verbs.claim(app, ada, str(last.handoff_id))
    mine = world.propose(app, ada, str(last.handoff_id), "refund", world.REFUND)
    assert mine.approvals_needed == 2
    with app.view() as view:
        assert effects.get(view, mine.id).facts.history.cases_in_7_days == 3


def test_a_lower_limit_holds_for_what_more_people_were_to_approve_and_lets_none_of_them_off(
    app: App, bot: Actor, ada: Actor, boss: Actor
) -> None:
    strict = with_rules(app, TWO.format(says="review"))
    effect = world.proposed(strict, bot, customer_id="cust_133", params=world.MIDDLE)
    assert (effect.approvals_needed, effect.approval_permission) == (2, Permission.EFFECTS_APPROVE)
    later = with_limits(app, operator=100_00)
    with pytest.raises(errors.AboveLimit):
        world.approve(later, ada, effect)
    asked = world.approve(later, boss, effect)
    assert (asked.status, asked.approvals_needed) == (Status.PROPOSED, 2)
    assert asked.approval_permission == Permission.EFFECTS_APPROVE_ABOVE_LIMIT
    eve = cases.person(app, "Eve", Role.SUPERVISOR)
    assert world.approve(later, eve, effect).status is Status.APPROVED


def test_a_rule_that_wants_approvals_keeps_policy_from_approving_alone(app: App, bot: Actor) -> None:
    request = world.receive(with_rules(app, TWO.format(says="abstain")), bot)
    effect = world.effect_of(app, request)
    assert (request.outcome, effect.status, effect.approvals_needed) == ("handed_off", Status.PROPOSED, 2)


def test_who_has_to_do_with_the_customer_calls_nothing_back_that_others_decided(app: App, bot: Actor) -> None:
    asked = world.proposed(app, bot)
    automatic = world.effect_of(app, world.receive(app, bot))
    lin = linked(app, Link.CUSTOMER, "cust_123")
    with app.unit(SYSTEM) as unit:
        switch.pause(unit, "refunds go out twice")
    for effect in (asked, automatic):
        with pytest.raises(errors.ConflictOfInterest):
            world.cancel(app, lin, effect)


@pytest.mark.usefixtures("bot")
def test_what_somebody_asks_for_themselves_is_for_others_to_approve(app: App) -> None:
    me = with_address(app, "Ada", "ada@example.com")
    request = world.receive(app, me)
    effect = world.effect_of(app, request)
    assert (request.outcome, effect.status) == ("handed_off", Status.PROPOSED)
    with pytest.raises(errors.ConflictOfInterest):
        world.approve(app, me, effect)
    case = verbs.read(app, str(effect.handoff_id))
    assert case.reason == "policy_boundary"


@pytest.mark.parametrize("email", ["lin@firm.com ", "lin@firm.com.", "LIN@Firm.Com"])
def test_the_next_case_is_none_whose_address_is_only_written_in_another_way(app: App, bot: Actor, email: str) -> None:
    cases.case(app, bot, customer_id="cust_8", email=email)
    other = cases.case(app, bot, customer_id="cust_9", email="e@else.org")
    lin = linked(app, Link.DOMAIN, "firm.com")
    found = verbs.take_next(app, lin)
    assert found is not None
    assert found.id == other.id
    bob = cases.person(app, "Bob")
    with app.unit(SYSTEM) as unit:
        links.add(unit, str(bob.id), Link.EMAIL, "lin@firm.com.")
    assert verbs.take_next(app, bob) is None
