"""What may be approved within a window is bounded, for customers and for people, and nobody can go beyond."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flowops import app as application
from flowops import errors
from flowops import settings as configuration
from flowops.actions import execution
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.effects import Status
from flowops.queries import audit, effects, handoffs
from flowops.storage import tables
from tests import verbs, world
from tests.cases import person
from tests.conftest import Clock

DAY = timedelta(days=1)


def capped(app: App, per: str = "customer", window: str = "30d", **limit: Any) -> App:
    """The same app with one cap on refunds: a count, or `euros` in cents."""
    if "euros" in limit:
        limit["money"] = {"amount": limit.pop("euros"), "currency": "EUR"}
    cap = configuration.CapSetting.model_validate({"kind": "refund", "per": per, "window": window, **limit})
    return replace(app, settings=app.settings.model_copy(update={"caps": (cap,)}))


def automatic(app: App, bot: Actor, **other: Any) -> tables.Effect:
    """A refund of 49.00 EUR that policy would approve alone, as it is after intake."""
    return world.effect_of(app, world.receive(app, bot, **other))


def issue(app: App, effect: tables.Effect) -> tuple[str, str]:
    """Why a person must own the case of the effect: the reason, and what was last said about it."""
    with app.view() as view:
        handoff = handoffs.get(view, str(effect.handoff_id)).handoff
        return str(handoff.reason), str(audit.issues_found(view, handoff)[-1].data["why"])


def test_what_policy_may_not_approve_alone_any_more_goes_to_a_person_with_the_numbers(app: App, bot: Actor) -> None:
    app = capped(app, euros=98_00)
    assert [automatic(app, bot).status for _ in range(2)] == [Status.APPROVED] * 2, "exactly the cap is allowed"
    third = automatic(app, bot)
    assert (third.status, third.approvals_needed) == (Status.PROPOSED, 1)
    assert issue(app, third) == (
        "policy_boundary",
        "Refunds to this customer in the last 30 days would come to 147.00 EUR, the cap is 98.00 EUR.",
    )
    with app.view() as view:
        answer = effects.request(view, third.request_id)
        decided = effects.get(view, third.id)
    assert answer.request.outcome == "handed_off"
    assert decided.verdict["outcome"] == "approve", "what policy said stays what it said"
    assert automatic(app, bot, customer_id="cust_130", params={**world.REFUND, "invoiceId": "inv_300"}).customer_id


def test_a_person_is_refused_with_the_cap_the_sum_and_when_there_is_room_again(
    app: App, bot: Actor, ada: Actor, clock: Clock
) -> None:
    app = capped(app, euros=97_99)
    automatic(app, bot)
    effect, room_at = world.proposed(app, bot), clock.now + 30 * DAY
    before = world.events_of(app, effect)
    clock.forward(days=6)
    with pytest.raises(errors.CapReached) as refused:
        world.approve(app, ada, effect)
    assert str(refused.value) == (
        "Refunds to this customer in the last 30 days would come to 98.00 EUR, the cap is 97.99 EUR. Nothing was "
        "approved: there is room again from 2026-12-22 12:00 UTC on, and nobody can go beyond a cap. If it is too low, "
        "have it raised in FLOWOPS_CAPS."
    )
    facts = refused.value.facts
    assert facts["cap"]["money"] == {"amount": 97_99, "currency": "EUR"}
    assert (facts["cap"]["kind"], facts["cap"]["per"], facts["cap"]["windowSeconds"]) == ("refund", "customer", 2592000)
    assert (facts["comes_to"], facts["room_at"]) == ({"amount": 98_00, "currency": "EUR"}, room_at)
    assert world.events_of(app, effect) == before
    with app.view() as view:
        assert effects.get(view, effect.id).approvals == []


def test_there_is_room_at_the_moment_that_was_told_and_not_before(
    app: App, bot: Actor, ada: Actor, clock: Clock
) -> None:
    app = capped(app, window="5d", count=1)
    automatic(app, bot)
    effect = world.proposed(app, bot)
    clock.forward(seconds=5 * 86_400 - 0.000001)
    with pytest.raises(errors.CapReached) as refused:
        world.approve(app, ada, effect)
    clock.now = refused.value.facts["room_at"]
    assert world.approve(app, ada, effect).status is Status.APPROVED


def test_what_alone_is_more_than_the_cap_finds_room_at_no_time(app: App, bot: Actor, ada: Actor) -> None:
    app = capped(app, euros=48_99)
    effect = automatic(app, bot)
    with pytest.raises(errors.CapReached, match="waiting makes no room for it") as refused:
        world.approve(app, ada, effect)
    assert refused.value.facts["room_at"] is None


def test_what_was_called_back_declined_held_failed_or_expired_makes_room(
    app: App, bot: Actor, ada: Actor, clock: Clock
) -> None:
    app = capped(app, count=1)
    first = world.proposed(app, bot)
    world.decline(app, ada, first)
    second = world.proposed(app, bot)
    world.approve(app, ada, second)
    with pytest.raises(errors.CapReached):
        world.approve(app, ada, world.proposed(app, bot))
    world.cancel(app, ada, second)
    clock.forward(days=8)  # or policy would find that there were many cases lately
    failed = automatic(app, bot)
    assert world.start(app, failed.id)
    with app.unit(SYSTEM) as unit:
        execution.fail(unit, failed.id, "no")
    old = automatic(app, bot)
    clock.forward(hours=24)
    assert not world.start(app, old.id)
    clock.forward(days=8)
    held = automatic(app, bot)
    world.change_invoice(app, total=5000)
    assert not world.start(app, held.id)
    last = automatic(app, bot)
    assert [world.now(app, each).status.value for each in (failed, old, held, last)] == [
        "failed",
        "expired",
        "held",
        "approved",
    ]
    with pytest.raises(errors.CapReached):
        world.approve(app, ada, world.now(app, held))


def test_what_was_carried_out_counts_from_its_approval(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    app = capped(app, window="2d", count=1)
    effect = automatic(app, bot)
    clock.forward(hours=20)
    assert world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.finish(unit, effect.id, "rf_1", clock.now)
    with pytest.raises(errors.CapReached) as refused:
        world.approve(app, ada, world.proposed(app, bot))
    assert refused.value.facts["room_at"] == effect.created_at + 2 * DAY


def test_a_persons_cap_counts_what_they_approved_and_no_other(app: App, bot: Actor, ada: Actor, bob: Actor) -> None:
    app = capped(app, "operator", count=1)
    for _ in range(2):
        assert automatic(app, bot).status is Status.APPROVED, "nobody approved it"
    world.approve(app, ada, world.proposed(app, bot))
    effect = world.proposed(app, bot, customer_id="cust_133", params=world.MIDDLE)
    with pytest.raises(errors.CapReached, match="Refunds approved by Ada in the last 30 days would come to 2, the cap"):
        world.approve(app, ada, effect)
    assert world.approve(app, bob, effect).status is Status.APPROVED


def test_the_last_approval_is_held_against_the_caps_of_all_who_gave_one(app: App, bot: Actor, boss: Actor) -> None:
    app = capped(app, "operator", count=1)
    tom = person(app, "Tom", Role.SUPERVISOR)
    big = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    world.approve(app, boss, big)
    world.approve(app, boss, world.proposed(app, bot))
    with pytest.raises(errors.CapReached, match="approved by Sue"):
        world.approve(app, tom, big)
    assert world.now(app, big).status is Status.PROPOSED


def test_an_approval_that_became_void_counts_against_nobody(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    app = capped(app, "operator", count=1)
    effect = world.proposed(app, bot)
    world.approve(app, ada, effect)
    clock.forward(seconds=10)
    world.change_invoice(app, total=5000)
    assert not world.start(app, effect.id)
    other = world.proposed(app, bot, customer_id="cust_133", params=world.MIDDLE)
    assert world.approve(app, ada, other).status is Status.APPROVED
    with pytest.raises(errors.CapReached):
        world.approve(app, ada, world.now(app, effect))


def test_a_cap_in_euros_leaves_other_currencies_and_kinds_alone(app: App, bot: Actor, boss: Actor) -> None:
    app = capped(app, euros=0)
    case = world.receive(app, bot, kind=None, params={}, escalate=True)
    verbs.claim(app, boss, str(case.handoff_id))
    reply = world.propose(app, boss, str(case.handoff_id), "reply", {"body": "Hello"})
    assert world.approve(app, boss, reply).status is Status.APPROVED


def test_shadow_mode_says_what_the_cap_would_have_done(app: App, bot: Actor) -> None:
    app = capped(app, count=1)
    assert world.receive(app, bot, mode="shadow").outcome == "approved"
    automatic(app, bot)
    assert world.receive(app, bot, mode="shadow").outcome == "handed_off"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "gift"}, r"^FLOWOPS_CAPS\.0 is wrong: there is no effect kind 'gift'"),
        ({"count": None}, r"^FLOWOPS_CAPS\.0 is wrong: the cap on refund caps nothing"),
        ({"money": {"amount": 1, "currency": "XXX"}}, r"^FLOWOPS_CAPS\.0 is wrong: 'XXX' is no ISO 4217"),
        ({"window": "30"}, r"^FLOWOPS_CAPS\.0\.WINDOW is wrong: a duration reads like"),
        ({"window": "9999d"}, r"^FLOWOPS_CAPS\.0\.WINDOW is wrong: "),
        ({"per": "queue"}, r"^FLOWOPS_CAPS\.0\.PER is wrong: "),
        ({"count": -1}, r"^FLOWOPS_CAPS\.0\.COUNT is wrong: "),
        ({"most": 1}, r"^FLOWOPS_CAPS\.0\.MOST is wrong: "),
    ],
)
def test_a_cap_that_means_nothing_stops_the_start(settings: configuration.Settings, wrong: Any, said: str) -> None:
    cap = {"kind": "refund", "per": "customer", "window": "30d", "count": 1} | wrong
    with pytest.raises(errors.WrongSetting, match=said):
        application.build(configuration.load(database_url=settings.database_url, secret_key="k" * 32, caps=[cap]))


def test_caps_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWOPS_CAPS", '[{"kind": "refund", "per": "operator", "window": "24h", "count": 20}]')
    (cap,) = configuration.load().caps
    assert (cap.window, cap.count, cap.money) == (DAY, 20, None)
    monkeypatch.setenv("FLOWOPS_CAPS", "a lot")
    with pytest.raises(errors.WrongSetting, match="FLOWOPS_CAPS is wrong: it is no JSON"):
        configuration.load()
