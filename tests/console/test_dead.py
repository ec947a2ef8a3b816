"""Dead letters as pages: what died, of what, and what is decided about it."""

import re
from collections.abc import Callable

import pytest

from flowops.actions import outbox as actions
from flowops.app import App
from flowops.domain import jobs
from flowops.domain.access import SYSTEM, Role
from flowops.queries import audit, outbox
from tests import cases, delivery, world
from tests.conftest import Clock
from tests.console.visitor import Visitor
from tests.delivery import Ring


@pytest.fixture
def sue(sign_in: Callable[..., Visitor]) -> Visitor:
    return sign_in("Sue Park", Role.SUPERVISOR)


def bury(app: App, error: str, *bells: str) -> list[str]:
    """Jobs that died of this; their ids."""
    ids = delivery.enqueue(app, *(Ring(bell=bell) for bell in bells))
    for job in delivery.claim(app):
        delivery.bury(app, job, error)
    return ids


def statuses(app: App, ids: list[str]) -> list[str]:
    with app.view() as view:
        return [outbox.get(view, job_id).job.status for job_id in ids]


def recorded(app: App, event: str) -> list[str]:
    """The jobs such entries are about, the newest first."""
    with app.view(SYSTEM) as view:
        return [entry.data["job_id"] for entry in audit.search(view, event=event).items]


def test_what_died_is_listed_with_its_error_its_tries_and_the_next_step(app: App, sue: Visitor, clock: Clock) -> None:
    assert "Every job was delivered" in sue.get("/dead").text
    first, _ = bury(app, "the bell is <cracked>", "one", "two")
    clock.forward(minutes=5)
    page = sue.get("/dead").text
    assert f'href="/console/dead/{first}"' in page
    assert page.count("the bell is &lt;cracked&gt;") == 4  # the cause, its button, and both jobs
    assert "Retry or discard" in page
    assert re.search(r'data-label="Jobs" class="num">2<', page)
    assert re.search(r'data-label="Attempts" class="num">1<', page)
    assert re.search(r'Dead letters\s*<span class="num">2</span>', page)
    assert page.count("5 min ago") == 6


def test_a_job_shows_its_masked_payload_and_every_try_and_that_is_recorded(app: App, sue: Visitor) -> None:
    (job_id,) = delivery.enqueue(app, Ring(bell="fops_" + "a" * 36, how="<loud>"))
    for error in ("first", "second"):
        (job,) = delivery.claim(app)
        if error == "first":
            with app.unit(SYSTEM) as unit:
                actions.retry(unit, job, error, unit.now)
        else:
            delivery.bury(app, job, error)
    page = sue.get(f"/dead/{job_id}").text
    assert "fops_***" in page
    assert "&lt;loud&gt;" in page
    assert [error for error in ("first", "second") if f'data-label="Error">{error}<' in page] == ["first", "second"]
    assert recorded(app, "job.read") == [job_id]
    assert sue.get("/dead/job_none").status_code == 404
    assert recorded(app, "job.read") == [job_id]


def test_a_retried_job_is_queued_for_another_round(app: App, sue: Visitor) -> None:
    (job_id,) = bury(app, "no", "one")
    answer = sue.post(f"/dead/{job_id}/retry")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/dead/{job_id}")
    assert statuses(app, [job_id]) == ["pending"]
    page = sue.get(f"/dead/{job_id}").text
    assert "Queued — attempt 2" in page
    assert "/retry" not in page
    again = sue.post(f"/dead/{job_id}/retry")
    assert again.status_code == 409
    assert "only a dead job can be retried" in again.text


def test_all_jobs_of_one_error_are_counted_first_and_retried_together(app: App, sue: Visitor) -> None:
    alike, other = bury(app, "100 % full & busy", "one", "two"), bury(app, "gone", "three")
    onward = re.search(r'href="(/console/dead/retry[^"]*full[^"]*)"', sue.get("/dead").text)
    assert onward
    page = sue.client.get(onward[1].replace("&amp;", "&")).text
    assert "2 jobs would be tried again" in page
    assert statuses(app, alike) == ["dead", "dead"]
    assert sue.post("/dead/retry", topic=Ring.topic, error="100 % full & busy").status_code == 303
    assert statuses(app, alike + other) == ["pending", "pending", "dead"]
    assert sorted(recorded(app, "job.retried")) == sorted(alike)


def test_a_job_is_discarded_with_a_reason_and_kept(app: App, sue: Visitor) -> None:
    (job_id,) = bury(app, "no", "one")
    answer = sue.post(f"/dead/{job_id}/discard", reason=" ")
    assert answer.status_code == 422
    assert answer.text.count("Say why.") == 2
    assert sue.post(f"/dead/{job_id}/discard", reason="The bell was sold.").status_code == 303
    assert statuses(app, [job_id]) == ["discarded"]
    assert f"/dead/{job_id}" in sue.get("/dead?status=discarded").text
    assert sue.post(f"/dead/{job_id}/discard", reason="Again.").status_code == 409


def test_jobs_in_every_state_can_be_looked_at(app: App, sue: Visitor) -> None:
    (job_id,) = delivery.enqueue(app, Ring(bell="one"))
    for status, step in (("pending", "Queued — attempt 1"), ("processing", "Running — attempt 1"), ("done", "Nothing")):
        page = sue.get(f"/dead?status={status}").text
        assert f"/dead/{job_id}" in page
        assert step in page
        if status == "pending":
            (job,) = delivery.claim(app)
        elif status == "processing":
            delivery.finish(app, job)
    assert sue.get("/dead?status=lost").status_code == 422
    assert sue.get("/dead?cursor=lost").status_code == 422


def test_more_jobs_than_a_page_are_loaded_onward(app: App, sue: Visitor) -> None:
    ids = delivery.enqueue(app, *(Ring(bell=str(number)) for number in range(51)))
    first = sue.get(f"/dead?status={jobs.Status.PENDING}").text
    onward = re.search(r'href="(/console/dead\?status=pending[^"]*cursor=[^"]*)">Load more', first)
    assert onward
    second = sue.client.get(onward[1].replace("&amp;", "&")).text
    shown = re.findall(r"/console/dead/(job_\w+)", first + second)
    assert sorted(shown) == sorted(ids)
    assert "Back to the start" in second


def test_a_job_of_another_queue_is_decided_about_unread(app: App, sue: Visitor) -> None:
    cases.person(app, "Eve", queues=("elsewhere",))
    case = cases.case(app, world.service(app), queue="elsewhere")
    (job_id,) = delivery.enqueue(app, jobs.EscalateSla(handoff_id=case.id, clock="response"))
    for job in delivery.claim(app):
        delivery.bury(app, job, "no")
    page = sue.get(f"/dead/{job_id}").text
    assert "It is about a case of a queue that you do not see." in page
    assert case.id not in page
    assert "<code>sla.escalate:***</code>" in page
    assert sue.post(f"/dead/{job_id}/retry").status_code == 303


def test_jobs_are_for_those_who_manage_them(app: App, sign_in: Callable[..., Visitor]) -> None:
    (job_id,) = bury(app, "no", "one")
    ada = sign_in("Ada")
    assert "/console/dead" not in ada.get("/q/all").text
    for answer in (
        ada.get("/dead"),
        ada.get(f"/dead/{job_id}"),
        ada.post(f"/dead/{job_id}/retry"),
        ada.post("/dead/retry"),
        ada.post(f"/dead/{job_id}/discard", reason="x"),
    ):
        assert answer.status_code == 403
        assert "jobs.manage" in answer.text
    assert statuses(app, [job_id]) == ["dead"]
