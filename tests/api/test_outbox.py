"""Jobs over HTTP: found, read with their secrets masked, tried again or given up, by supervisors alone."""

import pytest

from flowops.actions import leases, outbox
from flowops.app import App
from flowops.domain import jobs, tokens
from flowops.domain.access import SYSTEM, Role
from flowops.queries import audit
from tests import cases, make, world
from tests.delivery import Ring
from tests.live import Api

SECRET = tokens.form("a" * 30)


@pytest.fixture
def supervisor(app: App) -> str:
    return make.token(app, Role.SUPERVISOR, "Sam")


def dead(app: App, error: str = "Unavailable: mail did not answer", how: str = "") -> str:
    """The id of a job that was buried; no worker ever sees it waiting."""
    with app.unit(SYSTEM) as unit:
        made = unit.enqueue(Ring(bell="front", how=how))
        unit.session.flush()
        [job] = leases.claim(unit, "worker", Ring.topic, 1, app.settings.outbox_lease)
        outbox.bury(unit, job, error)
    return made


def recorded(app: App, event: str) -> list[dict[str, object]]:
    with app.view() as view:
        return [entry.data for entry in audit.search(view, event=event).items]


def test_jobs_are_found_by_status_and_topic_page_by_page(api: Api, app: App, supervisor: str) -> None:
    made = [dead(app) for _ in range(3)]
    page = api.get("/outbox?status=dead&topic=bell.ring&limit=2", supervisor).json()
    rest = api.get(f"/outbox?status=dead&topic=bell.ring&limit=2&cursor={page['nextCursor']}", supervisor).json()
    assert [job["id"] for job in page["items"] + rest["items"]] == made[::-1]
    assert rest["nextCursor"] is None
    [job, _] = page["items"]
    assert (job["topic"], job["key"], job["status"], job["claims"]) == ("bell.ring", "bell.ring:front", "dead", 1)
    assert job["error"] == "Unavailable: mail did not answer"
    assert "payload" not in job
    assert api.get("/outbox?topic=mail.send", supervisor).json() == {"items": [], "nextCursor": None}
    for wrong in ("status=lost", "cursor=nonsense", "limit=0"):
        assert api.get(f"/outbox?{wrong}", supervisor).status_code == 422


def test_a_job_is_read_with_its_attempts_without_its_secrets_and_on_record(api: Api, app: App, supervisor: str) -> None:
    job_id = dead(app, how=f"My token is {SECRET}.")
    answer = api.get(f"/outbox/{job_id}", supervisor)
    job = answer.json()
    assert job["payload"] == {"bell": "front", "how": "My token is fops_***."}
    [attempt] = job["attempts"]
    assert (attempt["claim"], attempt["outcome"], attempt["worker"]) == (1, "dead", "worker")
    assert attempt["error"] == "Unavailable: mail did not answer"
    assert recorded(app, "job.read") == [{"job_id": job_id}]
    assert api.get("/outbox/job_nothing", supervisor).json()["code"] == "not_found"


def test_a_dead_job_is_tried_again_once(api: Api, app: App, supervisor: str) -> None:
    job_id = dead(app)
    answer = api.post(f"/outbox/{job_id}/retry", supervisor, key="one")
    assert (answer.status_code, answer.json()["status"], answer.json()["claims"]) == (200, "pending", 0)
    assert api.post(f"/outbox/{job_id}/retry", supervisor, key="one").json() == answer.json()
    assert recorded(app, "job.retried") == [{"job_id": job_id, "topic": "bell.ring"}]
    assert api.post("/outbox/job_nothing/retry", supervisor).status_code == 404


@pytest.mark.in_process
def test_what_is_not_dead_is_left_alone(api: Api, app: App, supervisor: str) -> None:
    job_id = dead(app)
    assert api.post(f"/outbox/{job_id}/retry", supervisor).status_code == 200
    for verb, body in (("retry", None), ("discard", {"reason": "no"})):
        again = api.post(f"/outbox/{job_id}/{verb}", supervisor, json=body)
        assert (again.status_code, again.json()["code"], again.json()["status"]) == (409, "not_dead", 409)


@pytest.mark.in_process
def test_dead_jobs_are_tried_again_by_what_they_died_of(api: Api, app: App, supervisor: str) -> None:
    for error in ("Unavailable: mail did not answer", "Unavailable: mail did not answer", "Refused: 100 % wrong"):
        dead(app, error)

    def retry(**which: str) -> int:
        answer = api.post("/outbox/retry", supervisor, json=which)
        assert answer.status_code == 200, answer.text
        count: int = answer.json()["count"]
        return count

    assert retry(error="100 _ wrong") == 0, "no character of the text stands for others"
    assert retry(topic="mail.send", error="did not answer") == 0
    assert retry(topic="bell.ring", error="did not answer") == 2
    assert retry() == 1
    assert len(recorded(app, "job.retried")) == 3
    assert api.post("/outbox/retry", supervisor, json={"error": ""}).status_code == 422


@pytest.mark.in_process
def test_more_dead_jobs_than_fit_into_one_call_are_told_and_a_repeat_under_its_key_takes_no_more(
    api: Api, app: App, supervisor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    for _ in range(5):
        dead(app, "no")
    for key, told in (("one", (2, 3)), ("one", (2, 3)), ("two", (2, 1)), ("three", (1, 0))):
        answer = api.post("/outbox/retry", supervisor, json={"error": "no"}, key=key).json()
        assert (answer["count"], answer["left"]) == told


def test_a_dead_job_is_given_up_with_a_reason(api: Api, app: App, supervisor: str) -> None:
    job_id = dead(app)
    assert api.post(f"/outbox/{job_id}/discard", supervisor, json={}).status_code == 422
    answer = api.post(f"/outbox/{job_id}/discard", supervisor, json={"reason": "sent by hand"})
    assert (answer.status_code, answer.json()["status"]) == (200, "discarded")
    assert answer.json()["finishedAt"] is not None
    [entry] = recorded(app, "job.discarded")
    assert entry["reason"] == "sent by hand"
    assert [job["id"] for job in api.get("/outbox?status=discarded", supervisor).json()["items"]] == [job_id]


def test_a_supervisor_rescues_a_job_of_another_queue_without_reading_it(api: Api, app: App, supervisor: str) -> None:
    cases.person(app, "Eve", queues=("elsewhere",))
    case = cases.case(app, world.service(app), queue="elsewhere", title="A secret matter")
    key, mail = f"{case.id}/mail_1", {"recipient": "eve@example.com", "mail_subject": case.title, "body": "Secret."}
    with app.unit(SYSTEM) as unit:
        made = unit.enqueue(jobs.SendMail(**mail, idempotency_key=key, handoff_id=case.id))
        unit.session.flush()
        [job] = leases.claim(unit, "worker", jobs.SendMail.topic, 1, app.settings.outbox_lease)
        outbox.bury(unit, job, "Unavailable: mail did not answer")
    [listed] = api.get("/outbox?status=dead", supervisor).json()["items"]
    read = api.get(f"/outbox/{made}", supervisor).json()
    assert (read["key"], listed["key"], set(read["payload"].values())) == ("mail.send:***", "mail.send:***", {"***"})
    assert read["attempts"][0]["error"] == "Unavailable: mail did not answer"
    answer = api.post(f"/outbox/{made}/retry", supervisor)
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    for shown in (listed, read, answer.json()):
        assert not any(word in str(shown) for word in ("ecret", "eve@", case.id))


def test_nobody_but_a_supervisor_sees_or_decides_about_jobs(api: Api, app: App) -> None:
    job_id = dead(app)
    calls = (
        ("GET", "/outbox"),
        ("GET", f"/outbox/{job_id}"),
        ("POST", f"/outbox/{job_id}/retry"),
        ("POST", "/outbox/retry"),
        ("POST", f"/outbox/{job_id}/discard"),
    )
    for role in set(Role) - {Role.SUPERVISOR}:
        token = make.token(app, role, role.value)
        for method, path in calls:
            answer = api.send(method, path, token)
            assert (answer.status_code, answer.json()["permission"]) == (403, "jobs.manage"), (role, path)
    assert recorded(app, "job.read") == []
