"""What waits for somebody's approval is what they could approve now."""

from flowops.app import App
from flowops.domain.access import Actor, Role
from flowops.queries import effects
from flowops.storage import tables
from tests import cases, verbs, world
from tests.conftest import NOW, Clock


def test_exactly_what_somebody_may_approve_waits_for_them(app: App, clock: Clock) -> None:
    app.sandbox.seed(NOW)
    bot, ada = world.service(app), cases.person(app, "Ada")
    sue, tom = cases.person(app, "Sue", Role.SUPERVISOR), cases.person(app, "Tom", Role.SUPERVISOR)
    cases.person(app, "Eve", Role.SUPERVISOR, ("elsewhere",))

    def waiting(who: Actor) -> list[str]:
        with app.view(who) as view:
            found = [each.proposal.effect.id for each in effects.for_approval(view).items]
            assert effects.count_for_approval(view) == len(found)
        return found

    small = world.proposed(app, bot)
    big = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    world.proposed(app, bot, queue="elsewhere")
    verbs.claim(app, sue, str(big.handoff_id))
    own = world.propose(app, sue, str(big.handoff_id), "refund", world.BIG)
    reply = world.propose(app, sue, str(big.handoff_id), "reply", {"body": "Soon."})
    declined = world.proposed(app, bot)
    world.decline(app, ada, declined)
    assert waiting(ada) == [small.id, reply.id]
    assert waiting(sue) == [small.id, big.id, reply.id]
    assert waiting(tom) == [small.id, big.id, own.id, reply.id]
    world.approve(app, sue, big)
    assert waiting(sue) == [small.id, reply.id]
    assert big.id in waiting(tom)
    for role in (Role.VIEWER, Role.ADMIN):
        assert waiting(cases.person(app, role, role)) == []
    clock.forward(days=7)
    assert waiting(tom) == []


def test_a_held_effect_waits_since_it_was_held_and_pages_go_on_from_the_last(app: App, clock: Clock) -> None:
    app.sandbox.seed(NOW)
    bot, ada = world.service(app), cases.person(app, "Ada")
    held: tables.Effect = world.effect_of(app, world.receive(app, bot))
    clock.forward(hours=1)
    world.change_invoice(app, total=5000)
    assert not world.start(app, held.id)
    other = world.proposed(app, bot)
    with app.view(ada) as view:
        first = effects.for_approval(view, limit=1)
        (one,) = first.items
        assert (one.proposal.effect.id, one.since, first.next_cursor) == (held.id, clock.now, held.id)
        (two,) = effects.for_approval(view, first.next_cursor, limit=1).items
    assert (two.proposal.effect.id, two.handoff.id, two.since) == (other.id, other.handoff_id, clock.now)
