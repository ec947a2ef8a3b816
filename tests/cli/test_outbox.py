"""The commands about jobs."""

import json

import pytest

from flowops.actions import leases, outbox
from flowops.app import App
from flowops.domain import events, jobs
from flowops.domain.access import SYSTEM
from flowops.queries import audit
from tests.cli.conftest import Flowops

pytestmark = pytest.mark.usefixtures("on_database")


@pytest.fixture
def dead(app: App) -> str:
    """The id of a job that was buried."""
    with app.unit(SYSTEM) as unit:
        unit.enqueue(jobs.GenerateArtifact(handoff_id="hnd_1", kind="handoff_summary.v1"))
    with app.unit(SYSTEM) as unit:
        (job,) = leases.claim(unit, "worker", jobs.GenerateArtifact.topic, 1, app.settings.outbox_lease)
        outbox.bury(unit, job, "NotFound: there is no handoff hnd_1")
    return job.id


def names(app: App) -> list[str]:
    with app.view() as view:
        return [entry.row.event for entry in audit.search(view).items]


def test_jobs_are_listed_with_their_last_error(flowops: Flowops, dead: str) -> None:
    ran = flowops("outbox", "list", "--status", "dead")
    assert dead in ran.out
    assert "there is no handoff hnd_1" in ran.out
    assert dead not in flowops("outbox", "list", "--status", "pending").out


def test_reading_a_job_shows_every_attempt_and_is_recorded(flowops: Flowops, app: App, dead: str) -> None:
    ran = flowops("outbox", "show", dead)
    assert '"handoff_id": "hnd_1"' in ran.out
    assert "NotFound: there is no handoff hnd_1" in ran.out
    assert names(app) == [events.JobRead.name]


def test_a_dead_job_is_tried_again(flowops: Flowops, app: App, dead: str) -> None:
    assert flowops("outbox", "retry", dead).out == "1 job will be tried again.\n"
    assert names(app) == [events.JobRetried.name]
    again = flowops("outbox", "retry", dead)
    assert again.code == 1
    assert "is pending" in again.err


def test_dead_jobs_are_tried_again_by_their_error(flowops: Flowops, dead: str) -> None:
    assert flowops("outbox", "retry", "--error", "timed out").out == "0 jobs will be tried again.\n"
    assert flowops("outbox", "retry", "--error", "hnd_1", "--dry-run").out == "1 job would be tried again.\n"
    assert (
        flowops("outbox", "retry", "--topic", "ai.generate", "--error", "hnd_1").out == "1 job will be tried again.\n"
    )
    assert flowops("outbox", "retry").code == 2
    assert flowops("outbox", "retry", dead, "--topic", "ai.generate").code == 2
    assert flowops("outbox", "retry", dead, "--dry-run").code == 2


def test_more_dead_jobs_than_fit_into_one_transaction_are_tried_again_too(
    flowops: Flowops, app: App, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.unit(SYSTEM) as unit:
        unit.enqueue(jobs.GenerateArtifact(handoff_id="hnd_2", kind="handoff_summary.v1"))
    with app.unit(SYSTEM) as unit:
        (job,) = leases.claim(unit, "worker", jobs.GenerateArtifact.topic, 1, app.settings.outbox_lease)
        outbox.bury(unit, job, "NotFound: there is no handoff hnd_2")
    monkeypatch.setattr(outbox, "AT_ONCE", 1)
    assert flowops("outbox", "retry", "--topic", "ai.generate").out == "2 jobs will be tried again.\n"


def test_a_dead_job_is_given_up_with_a_reason(flowops: Flowops, app: App, dead: str) -> None:
    assert flowops("outbox", "discard", dead, "the case was a test").code == 0
    with app.view() as view:
        (entry,) = audit.search(view).items
    assert (entry.row.event, entry.data["reason"]) == (events.JobDiscarded.name, "the case was a test")
    assert dead in flowops("outbox", "list", "--status", "discarded").out


def test_a_long_list_says_that_there_is_more(flowops: Flowops, app: App) -> None:
    with app.unit(SYSTEM) as unit:
        for number in range(3):
            unit.enqueue(jobs.GenerateArtifact(handoff_id=f"hnd_{number}", kind="handoff_summary.v1"))
    assert "more than 2" in flowops("outbox", "list", "--limit", "2").out
    assert "more than" not in flowops("outbox", "list").out


def test_programs_get_jobs_as_the_api_gives_them(flowops: Flowops, dead: str) -> None:
    page = json.loads(flowops("outbox", "list", "--json").out)
    assert ([job["id"] for job in page["items"]], page["nextCursor"]) == ([dead], None)
    job = json.loads(flowops("outbox", "show", dead, "--json").out)
    assert (job["status"], job["payload"]["handoff_id"]) == ("dead", "hnd_1")
    assert job["attempts"][0]["error"] == "NotFound: there is no handoff hnd_1"
