"""What time does to ownership: claims that run out, owners who come late, and cases that wait for an answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from flowops import errors
from flowops.actions import handoffs, ownership
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, ActorKind
from flowops.domain.handoffs import Priority, Reason, Status, WaitingFor
from flowops.storage import tables
from tests import cases, verbs
from tests.conftest import Clock
from tests.verbs import LEASE

OWNERS = (verbs.release, verbs.resolve, verbs.wait, verbs.resume, verbs.draft)  # what only the owner may
ANYBODYS = (verbs.note, verbs.write, verbs.escalate)  # what others may too, as long as nobody owns the case


def test_the_sweep_returns_a_case_whose_claim_ran_out(app: App, clock: Clock, ada: Actor, case: str) -> None:
    due_at = verbs.claim(app, ada, case).sla_due_at
    clock.forward(minutes=15, microseconds=-1)
    assert verbs.sweep(app) == 0
    clock.forward(microseconds=1)
    assert (verbs.sweep(app), verbs.sweep(app)) == (1, 0)
    handoff = verbs.read(app, case)
    assert (handoff.status, handoff.claimed_by, handoff.claim_expires_at) == (Status.PENDING, None, None)
    assert (handoff.version, handoff.sla_due_at) == (3, due_at)
    last = verbs.entries(app, case)[-1]
    assert (last.row.event, last.row.actor_kind) == ("handoff.claim_expired", ActorKind.SYSTEM)
    assert last.data["owner_id"] == ada.id


def test_the_sweep_takes_no_more_at_once_than_it_is_told(app: App, clock: Clock, ada: Actor) -> None:
    for _ in range(5):
        verbs.claim(app, ada, cases.case(app, ada).id)
    clock.forward(minutes=15)
    assert [verbs.sweep(app, limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_the_sweep_does_not_wait_for_a_case_that_somebody_works_on(app: App, clock: Clock, ada: Actor) -> None:
    first, second = (verbs.claim(app, ada, cases.case(app, ada).id).id for _ in range(2))
    clock.forward(minutes=15)
    with ThreadPoolExecutor(1) as pool:
        with app.unit(ada) as unit:
            ownership.claim(unit, first, lease=LEASE)
            unit.session.flush()
            swept = pool.submit(verbs.sweep, app)
            if not app.settings.is_sqlite:  # which has one writer, whatever it writes
                assert swept.result(timeout=30) == 1
        assert swept.result(timeout=30) == 1
    assert [verbs.read(app, case).status for case in (first, second)] == [Status.CLAIMED, Status.PENDING]


def test_a_late_owner_is_told_so_before_and_after_the_sweep(app: App, clock: Clock, ada: Actor, case: str) -> None:
    ended = verbs.claim(app, ada, case).claim_expires_at
    clock.forward(minutes=20)
    for is_swept in (False, True):
        assert not is_swept or verbs.sweep(app) == 1
        before = verbs.happened(app, case)
        for act in (*OWNERS, *ANYBODYS):
            with pytest.raises(errors.ClaimExpired, match="Your claim ended at 2026-11-22 12:15 UTC") as e:
                act(app, ada, case)
            assert e.value.facts["claim_expires_at"] == ended
        with app.unit(ada) as unit, pytest.raises(errors.ClaimExpired):
            handoffs.owned(unit, case, lease=LEASE)
        assert verbs.happened(app, case) == before
    assert verbs.claim(app, ada, case).claim_expires_at == clock.now + LEASE
    assert verbs.note(app, ada, case).claimed_by == ada.id


def test_a_late_supervisor_claims_before_they_supervise(
    app: App, clock: Clock, ada: Actor, boss: Actor, case: str
) -> None:
    verbs.claim(app, boss, case)
    clock.forward(minutes=15)
    for is_swept in (False, True):
        assert not is_swept or verbs.sweep(app) == 1
        before = verbs.happened(app, case)
        for owner in (ada, boss):
            with pytest.raises(errors.ClaimExpired):
                verbs.assign(app, boss, case, owner)
        for priority in Priority:
            with pytest.raises(errors.ClaimExpired):
                verbs.prioritise(app, boss, case, priority)
        assert verbs.happened(app, case) == before
    verbs.claim(app, boss, case)
    verbs.prioritise(app, boss, case, Priority.LOW)
    assert verbs.assign(app, boss, case, ada).claimed_by == ada.id


def test_a_priority_set_by_the_owner_extends_their_claim(app: App, clock: Clock, boss: Actor, case: str) -> None:
    version = verbs.claim(app, boss, case).version
    for priority, change in ((Priority.LOW, 1), (Priority.LOW, 0)):
        clock.forward(minutes=10)
        version += change
        handoff = verbs.prioritise(app, boss, case, priority)
        assert (handoff.claim_expires_at, handoff.version) == (clock.now + LEASE, version)
    assert verbs.happened(app, case)[-2:] == ["handoff.priority_changed", "handoff.claim_extended"]


def test_somebody_elses_claim_ends_the_lateness(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    clock.forward(minutes=15)
    verbs.sweep(app)
    assert verbs.note(app, bob, case).status is Status.PENDING
    verbs.claim(app, bob, case)
    for act in OWNERS:
        with pytest.raises(errors.NotOwner, match="owned by Bob"):
            act(app, ada, case)
    verbs.note(app, ada, case)
    verbs.release(app, bob, case)
    for act in OWNERS:
        with pytest.raises(errors.NotClaimed):
            act(app, ada, case)
    assert verbs.note(app, ada, case).status is Status.PENDING


def test_sweep_and_late_owner_agree_on_who_was_first(app: App, clock: Clock, ada: Actor) -> None:
    opened = [verbs.claim(app, ada, cases.case(app, ada).id).id for _ in range(12)]
    clock.forward(minutes=15)
    with ThreadPoolExecutor(3) as pool:
        claims = pool.submit(lambda: [verbs.claim(app, ada, case).id for case in opened])
        swept = sum(sweep.result() for sweep in [pool.submit(verbs.sweep, app, 4) for _ in range(6)])
        claims.result()
    ended = [verbs.happened(app, case)[3:] for case in opened]
    assert sum(events == ["handoff.claim_expired", "handoff.claimed"] for events in ended) == swept
    assert sum(events == ["handoff.claimed"] for events in ended) == len(opened) - swept
    assert {verbs.read(app, case).claimed_by for case in opened} == {ada.id}


def test_nothing_runs_while_the_owner_waits(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    due_at = verbs.claim(app, ada, case).sla_due_at
    assert due_at is not None
    handoff = verbs.wait(app, ada, case)
    assert (handoff.status, handoff.waiting_for, handoff.version) == (Status.CLAIMED, WaitingFor.CUSTOMER, 3)
    assert (handoff.sla_due_at, handoff.claim_expires_at, handoff.wait_until) == (None, None, None)
    clock.forward(days=3)
    assert verbs.sweep(app) == 0
    with pytest.raises(errors.AlreadyClaimed):
        verbs.claim(app, bob, case)
    for act in (verbs.claim, verbs.note):
        assert act(app, ada, case).claim_expires_at is None
    with app.unit(ada) as unit:
        handoffs.stay(unit, handoffs.find(unit, case), lease=LEASE)
    handoff = verbs.resume(app, ada, case)
    assert (handoff.waiting_for, handoff.claim_expires_at) == (None, clock.now + LEASE)
    assert handoff.sla_due_at == due_at + timedelta(days=3)
    last = verbs.entries(app, case)[-1]
    assert (last.row.event, last.data["because"]) == ("handoff.resumed", "by_hand")
    assert last.data["sla_due_at"] == "2026-11-25T16:00:00Z"


def test_waiting_again_changes_for_whom_and_how_long(app: App, clock: Clock, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    verbs.wait(app, ada, case, clock.now + timedelta(hours=1))
    clock.forward(minutes=30)
    with app.unit(ada) as unit:
        handoff = ownership.wait(unit, case, WaitingFor.THIRD_PARTY, lease=LEASE)
    assert (handoff.waiting_for, handoff.wait_until) == (WaitingFor.THIRD_PARTY, None)
    clock.forward(hours=1)
    assert verbs.sweep(app) == 0
    assert verbs.resume(app, ada, case).sla_due_at == clock.now + timedelta(hours=4)


def test_the_sweep_ends_the_waiting_when_its_time_is_up(app: App, clock: Clock, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    for past in (timedelta(0), timedelta(hours=-1)):
        with pytest.raises(errors.Invalid, match="is past"):
            verbs.wait(app, ada, case, clock.now + past)
    until = clock.now + timedelta(hours=2)
    verbs.wait(app, ada, case, until)
    clock.forward(hours=2, microseconds=-1)
    assert verbs.sweep(app) == 0
    clock.forward(microseconds=1)
    assert (verbs.sweep(app), verbs.sweep(app)) == (1, 0)
    handoff = verbs.read(app, case)
    assert (handoff.waiting_for, handoff.wait_until, handoff.claimed_by) == (None, None, ada.id)
    assert (handoff.claim_expires_at, handoff.version) == (until + LEASE, 4)
    last = verbs.entries(app, case)[-1]
    assert (last.row.actor_kind, last.data["because"]) == (ActorKind.SYSTEM, "time_is_up")


def test_only_the_owner_in_time_waits_and_resumes(
    app: App, clock: Clock, ada: Actor, bob: Actor, boss: Actor, case: str
) -> None:
    for act in (verbs.wait, verbs.resume):
        with pytest.raises(errors.NotClaimed):
            act(app, ada, case)
    verbs.claim(app, ada, case)
    with pytest.raises(errors.NotWaiting):
        verbs.resume(app, ada, case)
    for act in (verbs.wait, verbs.resume):
        for other in (bob, boss):
            with pytest.raises(errors.NotOwner):
                act(app, other, case)
    verbs.resolve(app, ada, case)
    for act in (verbs.wait, verbs.resume):
        with pytest.raises(errors.AlreadyResolved):
            act(app, ada, case)


def test_a_waiting_case_that_is_handed_back_or_up_runs_again(app: App, clock: Clock, ada: Actor, boss: Actor) -> None:
    for act, why in ((verbs.release, "released"), (verbs.escalate, "escalated")):
        case = cases.case(app, ada).id
        verbs.claim(app, ada, case)
        verbs.wait(app, ada, case, clock.now + timedelta(days=1))
        clock.forward(hours=2)
        handoff = act(app, ada, case)
        assert (handoff.status, handoff.waiting_for, handoff.wait_until) == (Status.PENDING, None, None)
        assert (handoff.claim_expires_at, handoff.sla_paused_at) == (None, None)
        resumed = next(entry for entry in verbs.entries(app, case) if entry.row.event == "handoff.resumed")
        assert (resumed.data["because"], resumed.data["sla_due_at"]) == (
            why,
            f"{clock.now + timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}",
        )


def test_a_waiting_case_waits_on_for_its_new_owner(app: App, clock: Clock, ada: Actor, boss: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    verbs.wait(app, ada, case, clock.now + timedelta(hours=1))
    handoff = verbs.assign(app, boss, case, boss)
    assert (handoff.claimed_by, handoff.waiting_for) == (boss.id, WaitingFor.CUSTOMER)
    assert (handoff.claim_expires_at, handoff.sla_due_at) == (None, None)
    clock.forward(hours=1)
    verbs.sweep(app)
    assert verbs.read(app, case).claim_expires_at == clock.now + timedelta(hours=8)


def test_what_is_left_of_a_claim_is_left_after_the_waiting(app: App, clock: Clock, ada: Actor, boss: Actor) -> None:
    def fails(app: App, who: Actor, case: str) -> tables.Handoff:
        with app.unit(SYSTEM) as unit:
            return handoffs.need_person(unit, case, Reason.EFFECT_FAILED, "The refund failed.")

    for end in (verbs.resume, verbs.write, fails):
        case = cases.case(app, ada).id
        verbs.assign(app, boss, case, ada)
        clock.forward(hours=2)
        verbs.wait(app, ada, case)
        clock.forward(days=1)
        verbs.wait(app, ada, case)  # again, which keeps what is left
        assert end(app, ada, case).claim_expires_at == clock.now + timedelta(hours=6)
        clock.forward(hours=5, minutes=50)
        verbs.wait(app, ada, case)  # a write of the owner, so that the lease is left
        assert end(app, ada, case).claim_expires_at == clock.now + LEASE


def test_nothing_is_left_of_a_claim_that_ended_another_way(app: App, clock: Clock, ada: Actor, boss: Actor) -> None:
    for end in (verbs.release, verbs.escalate, verbs.resolve):
        case = cases.case(app, ada).id
        verbs.assign(app, boss, case, ada)
        verbs.wait(app, ada, case)
        assert end(app, ada, case).claim_left is None


def test_a_waiting_case_can_be_resolved_and_waits_no_longer(app: App, clock: Clock, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    verbs.wait(app, ada, case, clock.now + timedelta(hours=1))
    clock.forward(minutes=30)
    handoff = verbs.resolve(app, ada, case)
    assert (handoff.waiting_for, handoff.wait_until, handoff.sla_paused_at) == (None, None, None)
    clock.forward(hours=1)
    assert verbs.sweep(app) == 0
    assert verbs.read(app, case).status is Status.RESOLVED
