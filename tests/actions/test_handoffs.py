"""Who owns a case, for how long, and what each move leaves behind."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from flowops import errors
from flowops.actions import handoffs
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.handoffs import Outcome, Reason, Status, Tier
from flowops.queries import handoffs as answers
from flowops.storage import tables
from tests import cases
from tests.conftest import Clock

LEASE = timedelta(minutes=15)


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


@pytest.fixture
def bob(app: App) -> Actor:
    return cases.person(app, "Bob")


@pytest.fixture
def boss(app: App) -> Actor:
    return cases.person(app, "Sue", Role.SUPERVISOR)


@pytest.fixture
def case(app: App, ada: Actor) -> str:
    return cases.case(app, ada).id


def claim(app: App, actor: Actor, ref: str) -> tables.Handoff:
    with app.unit(actor) as unit:
        return handoffs.claim(unit, ref, lease=LEASE)


def release(app: App, actor: Actor, ref: str) -> tables.Handoff:
    with app.unit(actor) as unit:
        return handoffs.release(unit, ref)


def resolve(app: App, actor: Actor, ref: str, outcome: Outcome = Outcome.ANSWERED) -> tables.Handoff:
    with app.unit(actor) as unit:
        return handoffs.resolve(unit, ref, outcome, "Explained the charge.")


def note(app: App, actor: Actor, ref: str) -> tables.Handoff:
    with app.unit(actor) as unit:
        return handoffs.note(unit, ref, "Called them.", lease=LEASE)


def need_person(app: App, ref: str) -> tables.Handoff:
    with app.unit(SYSTEM) as unit:
        return handoffs.need_person(unit, ref, Reason.EFFECT_FAILED, "The refund failed: no money.")


def read(app: App, ref: str) -> tables.Handoff:
    with app.view() as view:
        return answers.get(view, ref).handoff


def happened(app: App, ref: str) -> list[str]:
    with app.view() as view:
        return [entry.row.event for entry in answers.timeline(view, ref).items]


def test_a_new_case_is_pending_promised_a_response_and_will_be_summarised(app: App, clock: Clock, case: str) -> None:
    handoff = read(app, case)
    assert (handoff.status, handoff.version, handoff.label) == (Status.PENDING, 1, f"H-{handoff.number}")
    assert (handoff.sla_clock, handoff.sla_due_at) == ("response", clock.now + timedelta(hours=1))
    assert handoff.sla_warn_at == clock.now + timedelta(minutes=45)
    with app.view() as view:
        assert view.session.scalars(select(tables.Job.key)).all() == [f"ai.generate:{case}:handoff_summary.v1"]
        assert [m.text for m in answers.get(view, case).messages] == ["I was charged twice."]
        request = view.session.scalars(select(tables.Request)).one()
    assert request.handoff_id == case
    assert happened(app, case) == ["request.received", "handoff.created"]


def test_a_claim_lasts_as_long_as_the_lease(app: App, clock: Clock, ada: Actor, case: str) -> None:
    handoff = claim(app, ada, case)
    assert (handoff.status, handoff.claimed_by, handoff.claimed_at) == (Status.CLAIMED, ada.id, clock.now)
    assert (handoff.claim_expires_at, handoff.version) == (clock.now + LEASE, 2)
    assert handoff.owner is not None
    assert handoff.owner.name == "Ada"


def test_a_case_answers_to_its_number_too(app: App, ada: Actor, case: str) -> None:
    assert claim(app, ada, read(app, case).label).id == case


@pytest.mark.parametrize("ref", ["H-0", "H-99", "H-" + "9" * 30, "hnd_", "hnd_\0", "hnd_%", "\ud800", "", "1"])
def test_what_names_no_case_is_not_found(app: App, ada: Actor, case: str, ref: str) -> None:
    with pytest.raises(errors.NotFound):
        claim(app, ada, ref)
    with app.view(ada) as view, pytest.raises(errors.NotFound):
        answers.get(view, ref)


def test_a_case_of_another_queue_is_not_found(app: App, ada: Actor) -> None:
    legal = cases.person(app, "Lou", queues=["legal"])
    case = cases.case(app, legal, queue="legal").id
    with pytest.raises(errors.NotFound):
        claim(app, ada, case)
    assert claim(app, legal, case).claimed_by == legal.id


def test_the_first_claim_starts_the_clock_of_the_resolution(app: App, clock: Clock, ada: Actor, case: str) -> None:
    clock.forward(minutes=10)
    handoff = claim(app, ada, case)
    assert (handoff.sla_clock, handoff.sla_started_at) == ("resolution", clock.now)
    due_at = handoff.sla_due_at
    assert due_at == clock.now + timedelta(hours=4)
    release(app, ada, case)
    clock.forward(minutes=10)
    assert claim(app, ada, case).sla_due_at == due_at


def test_a_claim_leaves_the_callers_own_deadline_alone(app: App, clock: Clock, ada: Actor) -> None:
    due_at = clock.now + timedelta(days=2)
    case = cases.case(app, ada, sla_due_at=due_at).id
    handoff = claim(app, ada, case)
    assert (handoff.sla_policy, handoff.sla_due_at) == ("caller", due_at)


def test_no_promise_means_no_deadline(app: App, ada: Actor) -> None:
    case = cases.case(app, ada, promise=False).id
    handoff = claim(app, ada, case)
    assert (handoff.sla_policy, handoff.sla_due_at, handoff.sla_clock) == (None, None, None)


def test_a_lost_claim_names_the_owner_and_the_time(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    claim(app, ada, case)
    with pytest.raises(
        errors.AlreadyClaimed, match="Not claimed: Ada has owned this case since 2026-11-22 12:00 UTC"
    ) as e:
        claim(app, bob, case)
    assert e.value.facts["claimed_by"] == {"id": ada.id, "name": "Ada"}
    assert e.value.facts["claimed_at"] == clock.now
    assert read(app, case).claimed_by == ada.id


def test_who_claims_while_a_claim_is_under_way_waits_and_is_told_who_won(
    app: App, ada: Actor, bob: Actor, case: str
) -> None:
    with ThreadPoolExecutor(1) as other:
        with app.unit(ada) as unit:
            handoffs.claim(unit, case, lease=LEASE)
            unit.session.flush()
            late = other.submit(claim, app, bob, case)
            time.sleep(0.5)
            assert not late.done()
        with pytest.raises(errors.AlreadyClaimed, match="Ada has owned"):
            late.result()


def test_the_owners_second_claim_extends_the_first_and_is_no_new_version(
    app: App, clock: Clock, ada: Actor, case: str
) -> None:
    claim(app, ada, case)
    clock.forward(minutes=5)
    handoff = claim(app, ada, case)
    assert (handoff.claim_expires_at, handoff.version) == (clock.now + LEASE, 2)
    assert handoff.claimed_at == clock.now - timedelta(minutes=5)
    assert happened(app, case)[-1] == "handoff.claim_extended"


def test_nothing_shortens_a_claim(app: App, clock: Clock, ada: Actor, case: str) -> None:
    with app.unit(ada) as unit:
        handoffs.claim(unit, case, lease=timedelta(hours=8))
    note(app, ada, case)
    assert claim(app, ada, case).claim_expires_at == clock.now + timedelta(hours=8)


def test_whatever_the_owner_writes_extends_the_claim(app: App, clock: Clock, ada: Actor, case: str) -> None:
    claim(app, ada, case)
    clock.forward(minutes=14)
    assert note(app, ada, case).claim_expires_at == clock.now + LEASE
    clock.forward(minutes=14)
    with app.unit(ada) as unit:
        handoffs.owned(unit, case, lease=LEASE)
        handoffs.note(unit, case, "Still on it.", lease=LEASE)
    assert read(app, case).claim_expires_at == clock.now + LEASE


def test_somebody_elses_note_does_not_extend_the_claim(
    app: App, clock: Clock, ada: Actor, bob: Actor, case: str
) -> None:
    claim(app, ada, case)
    clock.forward(minutes=5)
    handoff = note(app, bob, case)
    assert (handoff.claim_expires_at, handoff.version) == (clock.now + timedelta(minutes=10), 3)


def test_an_expired_claim_can_be_taken_at_once(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    claim(app, ada, case)
    clock.forward(minutes=15)
    assert claim(app, bob, case).claimed_by == bob.id
    with app.view() as view:
        last = answers.timeline(view, case).items[-1]
    assert (last.row.event, last.data["expired_claim_of"]) == ("handoff.claimed", ada.id)


def test_a_claim_holds_until_the_very_moment_it_ends(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    claim(app, ada, case)
    clock.forward(minutes=15, microseconds=-1)
    with pytest.raises(errors.AlreadyClaimed):
        claim(app, bob, case)


def test_a_late_owner_may_claim_again_and_do_nothing_else(app: App, clock: Clock, ada: Actor, case: str) -> None:
    claim(app, ada, case)
    clock.forward(minutes=15)
    before = happened(app, case)
    for late in (release, resolve, note):
        with pytest.raises(errors.ClaimExpired, match="2026-11-22 12:15 UTC"):
            late(app, ada, case)
    with app.unit(ada) as unit, pytest.raises(errors.ClaimExpired):
        handoffs.owned(unit, case, lease=LEASE)
    assert happened(app, case) == before
    assert read(app, case).version == 2
    assert claim(app, ada, case).claim_expires_at == clock.now + LEASE


def test_a_released_case_is_anyones_again(app: App, ada: Actor, bob: Actor, case: str) -> None:
    claim(app, ada, case)
    handoff = release(app, ada, case)
    assert (handoff.status, handoff.claimed_by, handoff.claim_expires_at) == (Status.PENDING, None, None)
    assert claim(app, bob, case).claimed_by == bob.id


def test_only_the_owner_or_a_supervisor_gives_a_case_back(
    app: App, ada: Actor, bob: Actor, boss: Actor, case: str
) -> None:
    with pytest.raises(errors.NotClaimed):
        release(app, boss, case)
    claim(app, ada, case)
    with pytest.raises(errors.NotOwner, match="owned by Ada"):
        release(app, bob, case)
    assert release(app, boss, case).status is Status.PENDING


def test_a_resolved_case_says_who_when_and_what(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    claim(app, ada, case)
    handoff = resolve(app, ada, case)
    assert (handoff.status, handoff.resolved_by, handoff.resolved_at) == (Status.RESOLVED, ada.id, clock.now)
    assert (handoff.outcome, handoff.outcome_notes) == (Outcome.ANSWERED, "Explained the charge.")
    clock.forward(hours=1)
    for late in (claim, resolve):
        with pytest.raises(errors.AlreadyResolved, match="resolved by Ada at 2026-11-22 12:00 UTC") as e:
            late(app, bob, case)
        assert e.value.facts["resolved_by"] == {"id": ada.id, "name": "Ada"}
    with app.unit(ada) as unit, pytest.raises(errors.AlreadyResolved):
        handoffs.owned(unit, case, lease=LEASE)


def test_only_the_owner_or_a_supervisor_resolves(app: App, ada: Actor, bob: Actor, boss: Actor, case: str) -> None:
    with pytest.raises(errors.NotClaimed):
        resolve(app, bob, case)
    claim(app, ada, case)
    with pytest.raises(errors.NotOwner):
        resolve(app, bob, case)
    handoff = resolve(app, boss, case)
    assert (handoff.claimed_by, handoff.resolved_by) == (ada.id, boss.id)


def test_a_case_with_an_undecided_effect_cannot_be_resolved(app: App, ada: Actor) -> None:
    case = cases.case(app, ada, kind="refund", params=cases.refund()).id
    claim(app, ada, case)
    with pytest.raises(errors.OpenEffects, match="1 effects of"):
        resolve(app, ada, case)
    assert read(app, case).status is Status.CLAIMED


def test_a_duplicate_names_the_other_case(app: App, ada: Actor, case: str) -> None:
    original = read(app, cases.case(app, ada).id)
    claim(app, ada, case)
    with app.unit(ada) as unit:
        assert handoffs.resolve(unit, case, Outcome.DUPLICATE, "", original.label).duplicate_of == original.id


@pytest.mark.parametrize(
    ("outcome", "other", "error"),
    [
        (Outcome.DUPLICATE, None, errors.Invalid),
        (Outcome.DUPLICATE, "itself", errors.Invalid),
        (Outcome.DUPLICATE, "H-99", errors.NotFound),
        (Outcome.ANSWERED, "H-99", errors.Invalid),
    ],
)
def test_a_duplicate_of_nothing_is_refused(
    app: App, ada: Actor, case: str, outcome: Outcome, other: str | None, error: type[Exception]
) -> None:
    claim(app, ada, case)
    ref = read(app, case).label if other == "itself" else other
    with app.unit(ada) as unit, pytest.raises(error):
        handoffs.resolve(unit, case, outcome, "", ref)
    assert read(app, case).status is Status.CLAIMED


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.ADMIN, Role.SERVICE])
def test_only_people_who_work_on_cases_own_them(app: App, role: Role) -> None:
    outsider = cases.person(app, "Vic", role)
    case = cases.case(app, outsider).id
    with pytest.raises(errors.CannotOwn, match="Vic cannot own this case"):
        claim(app, outsider, case)
    for act in (note, resolve):
        with pytest.raises(errors.NotPermitted):
            act(app, outsider, case)


def test_a_case_for_supervisors_needs_one(app: App, ada: Actor, boss: Actor, case: str) -> None:
    with app.unit(boss) as unit:
        handoff = handoffs.find(unit, case)
        handoff.tier = Tier.SUPERVISOR
        handoffs.note(unit, case, "Mine.", lease=LEASE)
    with pytest.raises(errors.CannotOwn, match=r"handoffs\.supervise"):
        claim(app, ada, case)
    assert claim(app, boss, case).claimed_by == boss.id


def test_a_write_that_saw_another_version_is_refused(app: App, ada: Actor, case: str) -> None:
    with app.unit(ada) as unit, pytest.raises(errors.StaleVersion, match="at version 1, you sent 7"):
        handoffs.claim(unit, case, lease=LEASE, version=7)
    with app.unit(ada) as unit:
        assert handoffs.claim(unit, case, lease=LEASE, version=1).version == 2


def test_a_new_finding_joins_the_issues_and_the_claim_goes_on(app: App, ada: Actor, case: str) -> None:
    claim(app, ada, case)
    handoff = need_person(app, case)
    assert handoff.issues == [Reason.VERIFICATION_FAILED, Reason.EFFECT_FAILED, Reason.ESCALATED]
    assert (handoff.status, handoff.claimed_by, handoff.version) == (Status.CLAIMED, ada.id, 3)
    with app.view() as view:
        issues = {i["code"]: i["detail"] for i in answers.parts(view, case)["handoff"]["issues"]}
    assert issues["effect_failed"] == "The refund failed: no money."


def test_a_resolved_case_that_needs_a_person_is_open_again(app: App, clock: Clock, ada: Actor, case: str) -> None:
    claim(app, ada, case)
    resolve(app, ada, case)
    clock.forward(hours=1)
    handoff = need_person(app, case)
    assert (handoff.status, handoff.claimed_by, handoff.resolved_by) == (Status.PENDING, None, None)
    assert (handoff.outcome, handoff.resolved_at) == (None, None)
    assert (handoff.sla_clock, handoff.sla_due_at) == ("response", clock.now + timedelta(hours=1))
    assert happened(app, case)[-2:] == ["handoff.issue_found", "handoff.reopened"]
    assert claim(app, ada, case).status is Status.CLAIMED


def test_notes_are_kept_with_their_author_and_out_of_the_log(app: App, ada: Actor, bob: Actor, case: str) -> None:
    note(app, bob, case)
    with app.view(ada) as view:
        (kept,) = answers.get(view, case).notes
        entry = answers.timeline(view, case).items[-1]
    assert (kept.author.name, kept.text) == ("Bob", "Called them.")
    assert entry.data["text"] == "Called them."
    assert "Called them." not in str(entry.row.data)
