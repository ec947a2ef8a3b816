"""What decisions know of a customer, whose approval they ask for, and what they show about rules."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from flowops.actions import decisions, intake
from flowops.app import App
from flowops.domain import policy
from flowops.domain.access import SYSTEM, Actor, Permission
from flowops.domain.facts import Facts
from flowops.domain.handoffs import Tier
from flowops.domain.policy import Rule, Ruling
from flowops.queries import decisions as queries
from flowops.storage import tables
from tests import cases, world
from tests.conftest import Clock


@pytest.fixture
def bot(app: App) -> Actor:
    app.sandbox.seed(app.now())
    return world.service(app)


@policy.rule("refund", mode="shadow")
def stops_all(facts: Facts) -> Ruling:
    """Denies every refund."""
    return policy.deny("none at all")


@policy.rule("refund", mode="shadow")
def agrees(facts: Facts) -> Ruling:
    """Approves every refund."""
    return policy.approve("why not")


@policy.rule("refund", mode="shadow")
def fails(facts: Facts) -> Ruling:
    """Divides by zero."""
    raise ZeroDivisionError


@policy.rule("refund", mode="off")
def sleeps(facts: Facts) -> Ruling:
    """Is not asked."""
    raise ZeroDivisionError


@policy.rule("refund")
def by_two_supervisors(facts: Facts) -> Ruling:
    """Asks for two supervisors."""
    return policy.review("two look at it", tier=Tier.SUPERVISOR, approvals=2)


def deciding(app: App, *rules: Rule) -> App:
    return replace(app, policy=replace(app.policy, rules=(*app.policy.rules, *rules)))


def test_rules_in_shadow_change_nothing_and_show_what_they_would_have_changed(app: App, bot: Actor) -> None:
    shadowed = deciding(app, stops_all, agrees, fails, sleeps)
    request = world.receive(shadowed, bot)
    assert request.outcome == "approved"
    with app.view() as view:
        found = view.session.execute(
            select(tables.RuleFinding.rule, tables.RuleFinding.finding, tables.RuleFinding.outcome)
        )
        assert sorted(map(tuple, found)) == [
            ("test_decisions.fails", "diverged", "review"),
            ("test_decisions.fails", "failed", "approve"),
            ("test_decisions.stops_all", "diverged", "deny"),
        ]
        assert queries.findings(view) == {
            "test_decisions.fails": queries.RuleRecord(diverged=1, failed=1),
            "test_decisions.stops_all": queries.RuleRecord(diverged=1),
        }
        trace = {each["rule"]: each for each in queries.get(view, request.decision_id).verdict["trace"]}
    assert trace["test_decisions.stops_all"]["mode"] == "shadow"
    assert "test_decisions.sleeps" not in trace


def test_decisions_are_found_by_what_they_show(app: App, bot: Actor) -> None:
    plain = world.receive(app, bot).decision_id
    shown = world.receive(deciding(app, stops_all), bot).decision_id
    with app.view() as view:
        ids = [row.id for row in queries.search(view, finding="diverged").items]
        assert ids == [shown]
        assert queries.search(view, finding="failed").items == []
        by_rule = queries.search(view, rule="refunds.small_and_recent").items
        assert [row.id for row in by_rule] == [shown, plain]
        page = queries.search(view, limit=1)
        assert [row.id for row in queries.search(view, limit=1, cursor=page.next_cursor).items] == [plain]


def test_a_rule_asks_for_supervisors_and_for_more_people(app: App, bot: Actor) -> None:
    strict = deciding(app, by_two_supervisors)
    effect = world.effect_of(strict, world.receive(strict, bot))
    assert (effect.approvals_needed, effect.approval_permission) == (2, Permission.EFFECTS_APPROVE_ABOVE_LIMIT)
    with app.view() as view:
        assert view.session.scalar(select(tables.Handoff.tier)) is Tier.SUPERVISOR


def test_history_counts_what_was_approved_or_done_within_each_window(app: App, bot: Actor, clock: Clock) -> None:
    for days in (0, 25, 35):
        clock.forward(days=days)
        world.change_invoice(app, paid_at=clock.now)
        assert world.receive(app, bot).outcome == "approved"
    world.receive(app, bot, params=world.asked().params | {"money": {"amount": 20_000, "currency": "EUR"}})
    with app.unit(SYSTEM) as unit:
        customer_id = unit.session.scalar(select(tables.Request.customer_id)) or ""
        tallies = {(t.kind, t.currency, t.days): (t.count, t.amount) for t in decisions.tallies(unit, customer_id)}
    one = world.asked().params["money"]["amount"]
    assert tallies == {
        ("refund", "EUR", 1): (1, one),
        ("refund", "EUR", 7): (1, one),
        ("refund", "EUR", 30): (1, one),
        ("refund", "EUR", 90): (3, 3 * one),
    }


def test_the_history_is_of_this_customer_and_without_what_is_asked_for(app: App, bot: Actor) -> None:
    first, second = (world.receive(app, bot) for _ in range(2))
    other = world.receive(app, bot, customer_id="cust_124")
    with app.view() as view:
        counts = [
            Facts.model_validate(queries.get(view, request.decision_id).facts).history.count("refund", 30)
            for request in (first, second, other)
        ]
    assert counts == [0, 1, 0]


def test_a_viewer_of_another_queue_sees_no_decision(app: App, bot: Actor) -> None:
    decision = world.receive(app, bot).decision_id
    elsewhere, here = cases.person(app, "Eve", queues=("elsewhere",)), cases.person(app, "Ada")
    for who, seen in ((elsewhere, []), (here, [decision]), (bot, [decision]), (world.service(app, "other"), [])):
        with app.view(who) as view:
            assert [row.id for row in queries.search(view).items] == seen


def test_the_source_of_every_version_that_decided_is_kept(app: App, bot: Actor) -> None:
    world.receive(app, bot)
    with app.view() as view:
        assert queries.sources(view) == {app.policy.version: app.policy.source}
    assert intake.SOURCE == "accounts"


def test_a_window_ends_at_its_second(app: App, bot: Actor, clock: Clock) -> None:
    request = world.receive(app, bot)
    clock.forward(days=7, seconds=-1)
    with app.unit(SYSTEM) as unit:
        assert {tally.days for tally in decisions.tallies(unit, request.customer_id)} == {7, 30, 90}
    clock.now += timedelta(seconds=1)
    with app.unit(SYSTEM) as unit:
        assert {tally.days for tally in decisions.tallies(unit, request.customer_id)} == {30, 90}
