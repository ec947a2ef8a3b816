"""Who is told of a case, and how they wish to be told."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from flowops import errors
from flowops.actions import deadlines, notices, operators
from flowops.app import App
from flowops.domain import jobs
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.notices import About
from flowops.domain.sla import Clock
from flowops.storage import tables
from tests import cases, make, verbs
from tests.conftest import Clock as Hands

ORIGIN = "https://flowops.example.com"


def waiting(app: App, job: type[jobs.Job]) -> Iterator[dict[str, str]]:
    """The payloads of the jobs of one kind, in order."""
    with app.view() as view:
        yield from view.session.scalars(
            select(tables.Job.payload).where(tables.Job.topic == job.topic).order_by(tables.Job.seq)
        )


def tell(app: App, user_id: str, case: str, about: About = About.ESCALATED) -> None:
    with app.unit(SYSTEM) as unit:
        notices.notify(unit, user_id, case, about, ORIGIN)


def breach(app: App, clock: Hands) -> None:
    clock.forward(hours=5)
    with app.unit(SYSTEM) as unit:
        assert deadlines.breach_due(unit, 10) == 1


def test_a_breach_is_told_to_the_owner_and_to_those_who_supervise_the_queue(
    app: App, clock: Hands, ada: Actor, boss: Actor, case: str
) -> None:
    cases.person(app, "Bob")
    cases.person(app, "Sol", Role.SUPERVISOR, ["legal"])
    gone = make.user(app, Role.SUPERVISOR, "Gone")
    with app.unit(SYSTEM) as unit:
        operators.disable(unit, gone)
    verbs.claim(app, ada, case)
    breach(app, clock)
    with app.unit(SYSTEM) as unit:
        notices.escalate(unit, case, Clock.RESOLUTION)
    told = [(job["user_id"], job["handoff_id"], job["about"]) for job in waiting(app, jobs.NotifyOperator)]
    assert told == [(ada.id, case, "breached"), (boss.id, case, "breached")]
    last = verbs.entries(app, case)[-1]
    assert (last.row.event, last.data["user_ids"]) == ("sla.escalated", [ada.id, boss.id])


def test_a_breach_that_no_supervisor_can_hear_of_is_told_to_those_who_work_on_the_queue(
    app: App, clock: Hands, ada: Actor, bob: Actor, case: str
) -> None:
    cases.person(app, "Eve", Role.SUPERVISOR, queues=["legal"])
    breach(app, clock)
    with app.unit(SYSTEM) as unit:
        notices.escalate(unit, case, Clock.RESPONSE)
    assert {told["user_id"] for told in waiting(app, jobs.NotifyOperator)} == {ada.id, bob.id}


def test_a_supervisor_who_owns_the_case_is_told_once(app: App, boss: Actor, case: str) -> None:
    verbs.claim(app, boss, case)
    with app.unit(SYSTEM) as unit:
        notices.escalate(unit, case, Clock.RESOLUTION)
    assert [job["user_id"] for job in waiting(app, jobs.NotifyOperator)] == [boss.id]


def test_of_a_case_that_was_resolved_meanwhile_nobody_is_told(app: App, ada: Actor, boss: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    verbs.resolve(app, ada, case)
    with app.unit(SYSTEM) as unit:
        notices.escalate(unit, case, Clock.RESOLUTION)
    assert list(waiting(app, jobs.NotifyOperator)) == []
    assert verbs.happened(app, case)[-1] == "handoff.resolved"


def test_a_mail_goes_to_the_address_of_the_person_under_a_key_of_its_own(app: App, case: str) -> None:
    ada = make.user(app, name="Grace")
    tell(app, ada, case)
    tell(app, ada, case)
    first, second = waiting(app, jobs.SendMail)
    assert (first["recipient"], first["mail_subject"]) == ("grace@example.com", "H-1 needs a supervisor: Charged twice")
    assert f"{ORIGIN}/console/case/H-1" in first["body"]
    assert "I was charged twice." not in first["body"]
    assert first["idempotency_key"] != second["idempotency_key"]
    last = verbs.entries(app, case)[-1]
    assert (last.row.event, last.data["user_id"], last.data["by_mail"]) == ("operator.notified", ada, True)


def test_a_mail_about_a_breach_names_the_promise_that_was_broken(app: App, clock: Hands, ada: Actor, case: str) -> None:
    breach(app, clock)
    verbs.claim(app, ada, case)
    tell(app, make.user(app, name="Grace"), case, About.BREACHED)
    (mail,) = waiting(app, jobs.SendMail)
    assert "It was to be claimed by 2026-11-22 13:00 UTC, and was not." in mail["body"]
    assert "due 2026-11-22 21:00 UTC" in mail["body"]


def test_who_wants_no_mail_or_has_no_address_is_recorded_and_gets_none(app: App, ada: Actor, case: str) -> None:
    quiet = make.user(app, name="Grace")
    with app.unit(SYSTEM) as unit:
        operators.set_notify(unit, quiet, by_mail=False)
    for user_id in (quiet, str(ada.id)):
        tell(app, user_id, case)
        assert verbs.entries(app, case)[-1].data["by_mail"] is False
    assert list(waiting(app, jobs.SendMail)) == []


def test_who_was_disabled_or_lost_the_queue_meanwhile_is_not_told(app: App, case: str) -> None:
    gone, moved = make.user(app, name="Grace"), make.user(app, name="Mo")
    with app.unit(SYSTEM) as unit:
        operators.disable(unit, gone)
        operators.set_queues(unit, moved, ["legal"])
    for user_id in (gone, moved):
        tell(app, user_id, case)
    assert (list(waiting(app, jobs.SendMail)), verbs.happened(app, case)[-1]) == ([], "handoff.created")


def test_nobody_can_be_told_of_nothing_and_nobody_is_told_who_is_not_there(app: App, ada: Actor, case: str) -> None:
    for user_id, handoff_id in (("usr_none", case), (str(ada.id), "hnd_none")):
        with pytest.raises(errors.NotFound):
            tell(app, user_id, handoff_id)
