"""Who may approve an effect, how many must, and whose approvals count."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flowops import errors
from flowops import settings as configuration
from flowops.actions import effects, operators
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.effects import Status
from flowops.queries import effects as effect_queries
from tests import verbs, world
from tests.cases import person
from tests.conftest import Clock


def test_an_amount_above_the_operators_limit_needs_a_supervisor(app: App, bot: Actor, ada: Actor, boss: Actor) -> None:
    effect = world.proposed(
        app, bot, customer_id="cust_133", params={**world.MIDDLE, "money": {"amount": 25_000, "currency": "EUR"}}
    )
    assert effect.approval_permission == "effects.approve"
    big = world.proposed(
        app, bot, customer_id="cust_132", params={**world.BIG, "money": {"amount": 25_001, "currency": "EUR"}}
    )
    with pytest.raises(errors.AboveLimit):
        world.approve(app, ada, big)
    with pytest.raises(errors.AboveLimit):
        world.decline(app, ada, big)
    assert world.approve(app, boss, big).status is Status.APPROVED


def test_from_five_hundred_on_two_people_who_are_not_the_proposer(app: App, bot: Actor, boss: Actor) -> None:
    case = world.receive(app, bot, customer_id="cust_132", kind=None, params={}, escalate=True)
    verbs.claim(app, boss, str(case.handoff_id))
    effect = world.propose(app, boss, str(case.handoff_id), "refund", world.BIG)
    assert effect.approvals_needed == 2
    with pytest.raises(errors.SelfApproval):
        world.approve(app, boss, effect)
    first, second = (person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una"))
    assert world.approve(app, first, effect).status is Status.PROPOSED
    with pytest.raises(errors.AlreadyDecided, match="approved by you"):
        world.approve(app, first, effect)
    assert world.approve(app, second, effect).status is Status.APPROVED
    with pytest.raises(errors.AlreadyDecided):
        world.approve(app, second, effect)


def test_a_quorum_of_three_takes_three_people_and_is_asked_of_what_is_proposed_already(app: App, bot: Actor) -> None:
    effect = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    limit = app.settings.limits["refund"]["EUR"].model_copy(update={"quorum": 3})
    strict = replace(app, settings=app.settings.model_copy(update={"limits": {"refund": {"EUR": limit}}}))
    first, second, third = (person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una", "Vic"))
    assert world.approve(strict, first, effect).approvals_needed == 3
    assert world.approve(strict, second, effect).status is Status.PROPOSED
    assert world.approve(strict, third, effect).status is Status.APPROVED


def test_a_quorum_below_two_stops_the_start() -> None:
    with pytest.raises(errors.WrongSetting, match=r"^FLOWOPS_LIMITS\.REFUND\.EUR\.QUORUM is wrong: "):
        configuration.load(limits={"refund": {"EUR": {"automatic": 0, "operator": 0, "twoPeople": 0, "quorum": 1}}})


def test_only_those_count_who_may_still_approve(app: App, bot: Actor) -> None:
    effect = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    gone, moved, tom, una = (person(app, name, Role.SUPERVISOR) for name in ("Gil", "Max", "Tom", "Una"))
    world.approve(app, gone, effect)
    with app.unit(SYSTEM) as unit:
        operators.disable(unit, str(gone.id))
    assert world.approve(app, moved, effect).status is Status.PROPOSED
    with app.unit(SYSTEM) as unit:
        operators.change_role(unit, str(moved.id), Role.OPERATOR)
    assert world.approve(app, tom, effect).status is Status.PROPOSED
    assert world.approve(app, una, effect).status is Status.APPROVED


def test_limits_that_were_lowered_hold_for_what_is_proposed_already(app: App, bot: Actor, ada: Actor) -> None:
    effect = world.proposed(app, bot)
    stricter = {"refund": {"EUR": configuration.LimitSetting(automatic=0, operator=10_00, two_people=20_00)}}
    strict = replace(app, settings=app.settings.model_copy(update={"limits": stricter}))
    with pytest.raises(errors.AboveLimit):
        world.approve(strict, ada, effect)
    first, second = (person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una"))
    halfway = world.approve(strict, first, effect)
    assert (halfway.status, halfway.approvals_needed) == (Status.PROPOSED, 2)
    with app.view() as view:
        assert effect_queries.get(view, effect.id).effect.decision.stage == "approval"
    assert world.approve(app, second, effect).status is Status.APPROVED, "what was asked for once is not let off"


def test_an_approval_of_changed_content_voids_those_before(app: App, bot: Actor) -> None:
    effect = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    first, second, third = (person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una", "Vic"))
    world.approve(app, first, effect)
    world.change_invoice(app, "inv_320", total=60_001)
    with pytest.raises(errors.ContentChanged) as refused:
        world.approve(app, second, effect)
    new = refused.value.facts["content_sha256"]
    assert world.approve(app, second, effect, sha256=new).status is Status.PROPOSED
    assert world.approve(app, third, effect, sha256=new).status is Status.APPROVED


def test_half_of_the_approvals_of_an_expired_effect_help_no_other(
    app: App, bot: Actor, boss: Actor, clock: Clock
) -> None:
    tom = person(app, "Tom", Role.SUPERVISOR)
    old = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    world.approve(app, tom, old)
    clock.forward(days=7)
    with pytest.raises(errors.Expired):
        world.approve(app, boss, old)
    with app.unit(SYSTEM) as unit:
        assert effects.expire_due(unit, 10) == 1
    with pytest.raises(errors.AlreadyDecided, match="expired"):
        world.approve(app, boss, old)
    new = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    assert new.content_sha256 == old.content_sha256, "the very same content"
    assert world.approve(app, boss, new).status is Status.PROPOSED


def test_an_approval_that_was_not_used_in_time_is_used_by_nobody(
    app: App, bot: Actor, ada: Actor, clock: Clock
) -> None:
    effect = world.proposed(app, bot)
    world.approve(app, ada, effect)
    clock.forward(hours=24)
    for _ in range(2):
        assert not world.start(app, effect.id)
    assert world.now(app, effect).status is Status.EXPIRED
    clock.now -= timedelta(hours=23)  # be it that the clock goes back
    assert not world.start(app, effect.id)
    with pytest.raises(errors.AlreadyDecided, match="expired"):
        world.approve(app, ada, effect)


def test_approvals_from_before_a_hold_stay_void_when_the_records_are_what_they_were(
    app: App, bot: Actor, clock: Clock
) -> None:
    tom, una, vic = (person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una", "Vic"))
    effect = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    for who in (tom, una):
        world.approve(app, who, effect)
    clock.forward(seconds=10)
    world.change_invoice(app, "inv_320", total=60_001)
    assert not world.start(app, effect.id)
    world.change_invoice(app, "inv_320", total=60_000)
    assert world.approve(app, vic, effect).status is Status.HELD, "his is the first"
    assert not world.start(app, effect.id)
    assert world.approve(app, tom, effect).status is Status.APPROVED
