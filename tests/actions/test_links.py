"""Somebody who has to do with a customer keeps out of their cases and effects, and nothing they approved counts."""

from collections.abc import Callable

import pytest

from flowops import errors
from flowops.actions import links, operators, ownership
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.effects import Status
from flowops.domain.handoffs import Status as CaseStatus
from flowops.domain.interests import Link
from flowops.queries import audit, handoffs, outbox
from flowops.queries import operators as people
from tests import cases, verbs, world
from tests.actions.test_execution import issue
from tests.cases import person
from tests.conftest import Clock

CUSTOMER, EMAIL = "cust_123", "ada@example.com"  # of the sandbox


def link(app: App, who: Actor, kind: Link, value: str) -> None:
    with app.unit(SYSTEM) as unit:
        links.add(unit, str(who.id), kind, value)


def unlink(app: App, who: Actor, kind: Link, value: str) -> None:
    with app.unit(SYSTEM) as unit:
        links.remove(unit, str(who.id), kind, value)


def with_address(app: App, name: str, email: str, role: Role = Role.OPERATOR) -> Actor:
    with app.unit(SYSTEM) as unit:
        user = operators.add_person(unit, name, email, role)
    return Actor(user.kind, user.name, user.id, user.role, frozenset({"default"}))


BY: dict[str, Callable[[App], Actor]] = {
    "their id": lambda app: linked(app, Link.CUSTOMER, CUSTOMER),
    "their address": lambda app: linked(app, Link.EMAIL, "ADA@example.com"),
    "their domain": lambda app: linked(app, Link.DOMAIN, "Example.COM"),
    "their address being one's own": lambda app: with_address(app, "Lin", "Ada@Example.com", Role.SUPERVISOR),
}


def linked(app: App, kind: Link, value: str) -> Actor:
    lin = person(app, "Lin", Role.SUPERVISOR)
    link(app, lin, kind, value)
    return lin


@pytest.mark.parametrize("by", BY)
def test_somebody_linked_neither_claims_takes_over_approves_nor_declines(app: App, bot: Actor, by: str) -> None:
    lin, effect = BY[by](app), world.proposed(app, bot)
    case = str(effect.handoff_id)
    for act in (
        lambda: verbs.claim(app, lin, case),
        lambda: verbs.assign(app, lin, case, lin),
        lambda: world.approve(app, lin, effect),
        lambda: world.decline(app, lin, effect),
    ):
        with pytest.raises(
            errors.ConflictOfInterest, match=r"^You may not act here: .*; somebody else must take it\.$"
        ):
            act()
    assert world.now(app, effect).status is Status.PROPOSED
    assert verbs.read(app, case).status is CaseStatus.PENDING


@pytest.mark.parametrize("domain", ["ample.com", "mail.example.com", "example.co", "com.example"])
def test_a_domain_that_only_looks_like_theirs_links_nobody(app: App, bot: Actor, domain: str) -> None:
    effect = world.proposed(app, bot)
    lin = linked(app, Link.DOMAIN, domain)
    assert verbs.claim(app, lin, str(effect.handoff_id)).claimed_by == lin.id


def test_a_case_is_given_to_nobody_who_is_linked(app: App, bot: Actor, boss: Actor) -> None:
    case = str(world.proposed(app, bot).handoff_id)
    lin = linked(app, Link.CUSTOMER, CUSTOMER)
    with pytest.raises(errors.ConflictOfInterest, match=r"^Lin may not act here"):
        verbs.assign(app, boss, case, lin)


@pytest.mark.parametrize("by", BY)
def test_the_next_case_passes_over_those_of_the_linked_and_they_stay_visible(app: App, bot: Actor, by: str) -> None:
    urgent = world.proposed(app, bot, messages=(), subject="We will sue you and go to the press, refund now")
    other = cases.case(app, bot, customer_id="cust_9", email="eve@elsewhere.org")
    lin = BY[by](app)
    found = verbs.take_next(app, lin)
    assert found is not None
    assert found.id == other.id
    assert verbs.take_next(app, lin) is None
    with app.view(lin) as view:
        assert str(urgent.handoff_id) in {listed.handoff.id for listed in handoffs.search(view).items}
    assert verbs.take_next(app, person(app, "Bob")) is not None


def test_the_next_case_is_found_behind_more_than_a_page_of_ones_own(app: App, bot: Actor) -> None:
    for _ in range(30):
        cases.case(app, bot, customer_id=CUSTOMER)
    other = cases.case(app, bot, customer_id="cust_9")
    found = verbs.take_next(app, linked(app, Link.CUSTOMER, CUSTOMER))
    assert found is not None
    assert found.id == other.id


def test_a_customer_without_an_address_is_met_by_id_alone(app: App, bot: Actor) -> None:
    cases.case(app, bot, customer_id="cust_9")
    lin = linked(app, Link.DOMAIN, "example.com")
    link(app, lin, Link.CUSTOMER, "cust_8")
    assert verbs.take_next(app, lin) is not None


def test_a_link_takes_cases_from_their_owner_and_tells_those_who_look_after_the_queue(
    app: App, bot: Actor, ada: Actor, boss: Actor
) -> None:
    mine, other = str(world.proposed(app, bot).handoff_id), cases.case(app, bot, customer_id="cust_9").id
    for case in (mine, other):
        verbs.claim(app, ada, case)
    link(app, ada, Link.CUSTOMER, CUSTOMER)
    assert [verbs.read(app, case).claimed_by for case in (mine, other)] == [None, ada.id]
    with app.view() as view:
        told = [job.payload for job in outbox.search(view, topic="notify.operator")[0]]
    assert [(each["user_id"], each["handoff_id"], each["about"]) for each in told] == [(boss.id, mine, "returned")]


def test_what_somebody_approved_before_they_were_linked_counts_no_more(app: App, bot: Actor) -> None:
    effect = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    tom, una, vic = (person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una", "Vic"))
    world.approve(app, tom, effect)
    link(app, tom, Link.CUSTOMER, "cust_132")
    assert world.approve(app, una, effect).status is Status.PROPOSED
    assert world.approve(app, vic, effect).status is Status.APPROVED


@pytest.mark.parametrize("kind", Link)
def test_a_link_that_was_added_after_the_approval_holds_the_effect(
    app: App, bot: Actor, ada: Actor, clock: Clock, kind: Link
) -> None:
    effect = world.proposed(app, bot)
    world.approve(app, ada, effect)
    link(app, ada, kind, {Link.CUSTOMER: CUSTOMER, Link.EMAIL: EMAIL, Link.DOMAIN: "example.com"}[kind])
    clock.forward(seconds=10)
    assert not world.start(app, effect.id)
    held = world.now(app, effect)
    assert held.status is Status.HELD
    assert issue(app, held).endswith("somebody who approved it may approve it no more")
    unlink(app, ada, kind, {Link.CUSTOMER: CUSTOMER, Link.EMAIL: EMAIL, Link.DOMAIN: "example.com"}[kind])
    assert not world.start(app, effect.id), "an approval that was void once stays void"
    assert world.approve(app, ada, held).status is Status.APPROVED


def test_an_address_that_the_records_learnt_since_is_seen_by_the_approval(app: App, bot: Actor) -> None:
    effect = world.proposed(app, bot)
    lin = with_address(app, "Lin", "lin@elsewhere.org")
    world.change_account(app, CUSTOMER, email="lin@elsewhere.org")
    with pytest.raises(errors.ContentChanged) as changed:
        world.approve(app, lin, effect)
    with pytest.raises(errors.ConflictOfInterest):
        world.approve(app, lin, effect, sha256=changed.value.facts["content_sha256"])


def test_links_are_on_record_once_and_a_repeat_changes_nothing(app: App, ada: Actor) -> None:
    for value in ("Example.com", "@example.com"):
        link(app, ada, Link.DOMAIN, value)
    with app.view() as view:
        [(found, user)] = people.links(view)
        entries = audit.search(view, event="user.linked").items
    assert (user.id, found.kind, found.value) == (ada.id, Link.DOMAIN, "example.com")
    assert [(entry.row.data["user_id"], entry.personal["value"][0]) for entry in entries] == [(ada.id, "example.com")]
    unlink(app, ada, Link.DOMAIN, "EXAMPLE.com")
    with app.view() as view:
        assert people.links(view) == []
        assert len(audit.search(view, event="user.unlinked").items) == 1
    with pytest.raises(errors.NotFound):
        unlink(app, ada, Link.DOMAIN, "example.com")


def test_a_service_is_linked_to_nobody_and_nobody_is_not_found(app: App, bot: Actor) -> None:
    with pytest.raises(errors.Invalid, match="name a person"):
        link(app, bot, Link.CUSTOMER, CUSTOMER)
    with pytest.raises(errors.NotFound), app.unit(SYSTEM) as unit:
        links.add(unit, "usr_none", Link.CUSTOMER, CUSTOMER)


def test_who_is_linked_may_still_own_what_is_others(app: App, bot: Actor) -> None:
    lin = linked(app, Link.CUSTOMER, "cust_8")
    case = cases.case(app, bot, customer_id="cust_9").id
    with app.unit(lin) as unit:
        assert ownership.claim(unit, case, lease=verbs.LEASE).claimed_by == lin.id
