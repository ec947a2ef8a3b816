"""Artifacts over HTTP: asked for, read with their grounding, never changed."""

import pytest

from flowops.app import App
from flowops.domain.access import Role
from tests import delivery, make
from tests.api.test_intake import CASE
from tests.live import Api


@pytest.fixture
def operator(app: App) -> str:
    app.sandbox.seed(app.now())
    return make.token(app, name="Priya")


@pytest.mark.in_process
def test_a_case_gets_a_summary_whose_every_claim_is_grounded(api: Api, app: App, operator: str) -> None:
    number = api.post("/handoffs", operator, json=CASE).json()["number"]
    missing = api.get(f"/handoffs/{number}/ai/summary", operator)
    assert (missing.status_code, missing.json()["code"]) == (404, "no_artifact")
    delivery.deliver(app)
    summary = api.get(f"/handoffs/{number}/ai/summary", operator).json()
    assert (summary["kind"], summary["version"], summary["status"]) == ("handoff_summary.v1", 1, "ok")
    assert summary["grounding"]["passed"]
    assert summary["provenance"]["generator"] == "extractive"
    assert not summary["stale"]
    assert api.get(f"/artifacts/{summary['id']}", operator).json() == summary
    assert api.get(f"/handoffs/{number}/artifacts", operator).json()["items"] == [summary]
    assert api.get(f"/handoffs/{number}", operator).json()["signals"]["hasSummary"]


@pytest.mark.in_process
def test_asking_again_while_one_is_queued_names_the_same_job_and_afterwards_makes_a_new_version(
    api: Api, app: App, operator: str
) -> None:
    number = api.post("/handoffs", operator, json=CASE).json()["number"]
    first, second = (api.post(f"/handoffs/{number}/ai/summary", operator) for _ in range(2))
    assert (first.status_code, first.json()) == (202, second.json())
    assert (first.json()["kind"], first.json()["status"]) == ("handoff_summary.v1", "queued")
    delivery.deliver(app)
    assert api.post(f"/handoffs/{number}/ai/summary", operator).json()["jobId"] != first.json()["jobId"]
    delivery.deliver(app)
    versions = api.get(f"/handoffs/{number}/artifacts?kind=handoff_summary.v1", operator).json()["items"]
    assert [artifact["version"] for artifact in versions] == [2, 1]


def test_a_summary_is_not_asked_for_by_who_has_seen_another_version(api: Api, app: App, operator: str) -> None:
    number = api.post("/handoffs", operator, json=CASE).json()["number"]
    answer = api.post(f"/handoffs/{number}/ai/summary", operator, headers={"If-Match": '"7"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
    assert api.post(f"/handoffs/{number}/ai/summary", operator, headers={"If-Match": '"1"'}).status_code == 202


@pytest.mark.in_process
def test_reading_the_context_gives_it_whole_and_is_recorded(api: Api, app: App, operator: str) -> None:
    number = api.post("/handoffs", operator, json=CASE).json()["number"]
    delivery.deliver(app)
    summary = api.get(f"/handoffs/{number}/ai/summary", operator).json()
    context = api.get(f"/artifacts/{summary['id']}/context", operator).json()
    assert context["handoff"]["title"] == "Please look"
    assert context["messages"][0]["text"] == "Nobody answers me."
    timeline = api.get(f"/handoffs/{number}/timeline", operator).json()["items"]
    assert timeline[-1]["event"] == "context.read"


def test_a_schema_is_public_and_of_the_stated_draft(api: Api) -> None:
    schema = api.get("/schemas/handoff_summary.v1.json")
    assert schema.status_code == 200
    assert schema.json()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert api.get("/schemas/nothing.v1.json").status_code == 404


def test_a_viewer_may_read_and_not_ask(api: Api, app: App, operator: str) -> None:
    number = api.post("/handoffs", operator, json=CASE).json()["number"]
    viewer = make.token(app, Role.VIEWER, "Vera")
    assert api.get(f"/handoffs/{number}/artifacts", viewer).status_code == 200
    assert api.post(f"/handoffs/{number}/ai/summary", viewer).json()["permission"] == "handoffs.work"


@pytest.mark.in_process
def test_the_versions_of_a_case_come_in_pages(api: Api, app: App, operator: str) -> None:
    number = api.post("/handoffs", operator, json=CASE).json()["number"]
    delivery.deliver(app)
    for _ in range(2):
        api.post(f"/handoffs/{number}/ai/summary", operator)
        delivery.deliver(app)
    page = api.get(f"/handoffs/{number}/artifacts?limit=2", operator).json()
    rest = api.get(f"/handoffs/{number}/artifacts?limit=2&cursor={page['nextCursor']}", operator).json()
    assert [artifact["version"] for artifact in page["items"] + rest["items"]] == [3, 2, 1]
    assert rest["nextCursor"] is None
