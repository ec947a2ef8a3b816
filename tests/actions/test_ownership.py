"""Who owns a case and for how long: claims, assignments, waiting, escalation, and what the sweep returns."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from flowops import errors
from flowops.actions import conversation, handoffs, ownership
from flowops.app import App
from flowops.domain.access import Actor, Role
from flowops.domain.handoffs import Status, Tier
from flowops.queries import handoffs as answers
from tests import cases, verbs
from tests.conftest import Clock
from tests.verbs import LEASE


def test_a_claim_lasts_as_long_as_the_lease(app: App, clock: Clock, ada: Actor, case: str) -> None:
    handoff = verbs.claim(app, ada, case)
    assert (handoff.status, handoff.claimed_by, handoff.claimed_at) == (Status.CLAIMED, ada.id, clock.now)
    assert (handoff.claim_expires_at, handoff.version) == (clock.now + LEASE, 2)
    assert handoff.owner is not None
    assert handoff.owner.name == "Ada"


def test_the_first_claim_starts_the_clock_of_the_resolution(app: App, clock: Clock, ada: Actor, case: str) -> None:
    clock.forward(minutes=10)
    handoff = verbs.claim(app, ada, case)
    assert (handoff.sla_clock, handoff.sla_started_at) == ("resolution", clock.now)
    due_at = handoff.sla_due_at
    assert due_at == clock.now + timedelta(hours=4)
    verbs.release(app, ada, case)
    clock.forward(minutes=10)
    assert verbs.claim(app, ada, case).sla_due_at == due_at


def test_a_claim_leaves_the_callers_own_deadline_alone(app: App, clock: Clock, ada: Actor) -> None:
    due_at = clock.now + timedelta(days=2)
    case = cases.case(app, ada, sla_due_at=due_at).id
    handoff = verbs.claim(app, ada, case)
    assert (handoff.sla_policy, handoff.sla_due_at) == ("caller", due_at)


def test_no_promise_means_no_deadline(app: App, ada: Actor) -> None:
    case = cases.case(app, ada, promise=False).id
    handoff = verbs.claim(app, ada, case)
    assert (handoff.sla_policy, handoff.sla_due_at, handoff.sla_clock) == (None, None, None)


def test_a_lost_claim_names_the_owner_and_the_time(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    with pytest.raises(
        errors.AlreadyClaimed, match="Not claimed: Ada has owned this case since 2026-11-22 12:00 UTC"
    ) as e:
        verbs.claim(app, bob, case)
    assert e.value.facts["claimed_by"] == {"id": ada.id, "name": "Ada"}
    assert e.value.facts["claimed_at"] == clock.now
    assert verbs.read(app, case).claimed_by == ada.id


def test_who_claims_while_a_claim_is_under_way_waits_and_is_told_who_won(
    app: App, ada: Actor, bob: Actor, case: str
) -> None:
    with ThreadPoolExecutor(1) as other:
        with app.unit(ada) as unit:
            ownership.claim(unit, case, lease=LEASE)
            unit.session.flush()
            late = other.submit(verbs.claim, app, bob, case)
            time.sleep(0.5)
            assert not late.done()
        with pytest.raises(errors.AlreadyClaimed, match="Ada has owned"):
            late.result()


def test_the_owners_second_claim_extends_the_first_and_is_no_new_version(
    app: App, clock: Clock, ada: Actor, case: str
) -> None:
    verbs.claim(app, ada, case)
    clock.forward(minutes=5)
    handoff = verbs.claim(app, ada, case)
    assert (handoff.claim_expires_at, handoff.version) == (clock.now + LEASE, 2)
    assert handoff.claimed_at == clock.now - timedelta(minutes=5)
    assert verbs.happened(app, case)[-1] == "handoff.claim_extended"


def test_nothing_shortens_a_claim(app: App, clock: Clock, ada: Actor, case: str) -> None:
    with app.unit(ada) as unit:
        ownership.claim(unit, case, lease=timedelta(hours=8))
    verbs.note(app, ada, case)
    assert verbs.claim(app, ada, case).claim_expires_at == clock.now + timedelta(hours=8)


def test_whatever_the_owner_writes_extends_the_claim(app: App, clock: Clock, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    clock.forward(minutes=14)
    assert verbs.note(app, ada, case).claim_expires_at == clock.now + LEASE
    clock.forward(minutes=14)
    with app.unit(ada) as unit:
        handoffs.owned(unit, case, lease=LEASE)
        conversation.note(unit, case, "Still on it.", lease=LEASE)
    assert verbs.read(app, case).claim_expires_at == clock.now + LEASE


def test_somebody_elses_note_does_not_extend_the_claim(
    app: App, clock: Clock, ada: Actor, bob: Actor, case: str
) -> None:
    verbs.claim(app, ada, case)
    clock.forward(minutes=5)
    handoff = verbs.note(app, bob, case)
    assert (handoff.claim_expires_at, handoff.version) == (clock.now + timedelta(minutes=10), 3)


def test_an_expired_claim_can_be_taken_at_once(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    clock.forward(minutes=15)
    assert verbs.claim(app, bob, case).claimed_by == bob.id
    with app.view() as view:
        last = answers.timeline(view, case).items[-1]
    assert (last.row.event, last.data["expired_claim_of"]) == ("handoff.claimed", ada.id)


def test_a_claim_holds_until_the_very_moment_it_ends(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    clock.forward(minutes=15, microseconds=-1)
    with pytest.raises(errors.AlreadyClaimed):
        verbs.claim(app, bob, case)


def test_a_late_owner_may_claim_again_and_do_nothing_else(app: App, clock: Clock, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    clock.forward(minutes=15)
    before = verbs.happened(app, case)
    for late in (verbs.release, verbs.resolve, verbs.note):
        with pytest.raises(errors.ClaimExpired, match="2026-11-22 12:15 UTC"):
            late(app, ada, case)
    with app.unit(ada) as unit, pytest.raises(errors.ClaimExpired):
        handoffs.owned(unit, case, lease=LEASE)
    assert verbs.happened(app, case) == before
    assert verbs.read(app, case).version == 2
    assert verbs.claim(app, ada, case).claim_expires_at == clock.now + LEASE


def test_a_released_case_is_anyones_again(app: App, ada: Actor, bob: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    handoff = verbs.release(app, ada, case)
    assert (handoff.status, handoff.claimed_by, handoff.claim_expires_at) == (Status.PENDING, None, None)
    assert verbs.claim(app, bob, case).claimed_by == bob.id


def test_only_the_owner_or_a_supervisor_gives_a_case_back(
    app: App, ada: Actor, bob: Actor, boss: Actor, case: str
) -> None:
    with pytest.raises(errors.NotClaimed):
        verbs.release(app, boss, case)
    verbs.claim(app, ada, case)
    with pytest.raises(errors.NotOwner, match="owned by Ada"):
        verbs.release(app, bob, case)
    assert verbs.release(app, boss, case).status is Status.PENDING


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.ADMIN, Role.SERVICE])
def test_only_people_who_work_on_cases_own_them(app: App, role: Role) -> None:
    outsider = cases.person(app, "Vic", role)
    case = cases.case(app, outsider).id
    for act in (verbs.claim, verbs.note, verbs.resolve):
        with pytest.raises(errors.NotPermitted):
            act(app, outsider, case)


def test_a_case_for_supervisors_needs_one(app: App, ada: Actor, boss: Actor, case: str) -> None:
    with app.unit(boss) as unit:
        handoff = handoffs.find(unit, case)
        handoff.tier = Tier.SUPERVISOR
        conversation.note(unit, case, "Mine.", lease=LEASE)
    with pytest.raises(errors.NotPermitted, match=r"handoffs\.supervise"):
        verbs.claim(app, ada, case)
    assert verbs.claim(app, boss, case).claimed_by == boss.id
