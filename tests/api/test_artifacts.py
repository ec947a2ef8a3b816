"""Artifacts over HTTP: asked for, read with their grounding, never changed."""

import pytest

from flowops.app import App
from flowops.domain.access import Role
from flowops.domain.artifacts import KINDS, NAMED
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


def test_every_schema_is_public_and_of_the_stated_draft(api: Api) -> None:
    for kind in KINDS:
        schema = api.get(f"/schemas/{kind}.json")
        assert schema.status_code == 200
        assert schema.json()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema.json()["$id"] == f"urn:flowops:schema:{kind}"
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


@pytest.mark.in_process
def test_every_kind_is_asked_for_read_listed_and_made_stale_by_a_later_message(
    api: Api, app: App, operator: str
) -> None:
    number = api.post("/handoffs", operator, json=CASE).json()["number"]
    for name in ("draft", "risk", "resolution"):
        assert api.get(f"/handoffs/{number}/ai/{name}", operator).json()["code"] == "no_artifact"
        first, again = (api.post(f"/handoffs/{number}/ai/{name}", operator) for _ in range(2))
        assert (first.status_code, first.json()["kind"], first.json()) == (202, NAMED[name], again.json())
    assert api.post(f"/handoffs/{number}/ai/poem", operator).status_code == 422
    delivery.deliver(app)
    case = api.get(f"/handoffs/{number}", operator).json()
    written = {name: api.get(f"/handoffs/{number}/ai/{name}", operator).json() for name in NAMED}
    for name, artifact in written.items():
        assert (artifact["kind"], artifact["version"], artifact["status"]) == (NAMED[name], 1, "ok")
        assert artifact["grounding"]["passed"]
        assert (artifact["stale"], artifact["review"]) == (False, None)
        listed = api.get(f"/handoffs/{number}/artifacts?kind={NAMED[name]}", operator).json()["items"]
        assert listed == [artifact]
    level = written["risk"]["content"]["level"]
    assert (case["version"], case["signals"]["riskLevel"], case["signals"]["hasDraft"]) == (1, level, True)
    assert [c["number"] for c in api.get(f"/handoffs?risk={level}", operator).json()["items"]] == [number]
    api.post(f"/handoffs/{number}/messages", operator, json={"role": "customer", "text": "Anybody there?"})
    assert all(api.get(f"/handoffs/{number}/ai/{name}", operator).json()["stale"] for name in NAMED)
    assert api.get(f"/handoffs/{number}", operator).json()["signals"]["stale"]


@pytest.mark.in_process
def test_a_review_is_shown_and_the_artifact_stays_as_it_was(api: Api, app: App, operator: str) -> None:
    number = api.post("/handoffs", operator, json=CASE).json()["number"]
    api.post(f"/handoffs/{number}/ai/draft", operator)
    delivery.deliver(app)
    draft = api.get(f"/handoffs/{number}/ai/draft", operator).json()
    path = f"/artifacts/{draft['id']}/review"
    rejected = api.post(path, operator, key="one", json={"verdict": "rejected", "reason": "Too cold."})
    assert rejected.status_code == 200
    shown = rejected.json()["review"]
    assert (shown["verdict"], shown["reason"], shown["content"], shown["by"]["name"]) == (
        "rejected",
        "Too cold.",
        None,
        "Priya",
    )
    content = draft["content"] | {"body": "We are looking into it."}
    edited = api.post(path, operator, json={"verdict": "edited", "content": content}).json()
    assert (edited["review"]["verdict"], edited["review"]["content"]) == ("edited", content)
    assert edited | {"review": None} == draft
    assert api.get(f"/handoffs/{number}/ai/draft", operator).json() == edited
    replayed = api.post(path, operator, key="one", json={"verdict": "rejected", "reason": "Too cold."})
    assert replayed.json() == rejected.json()
    for wrong in (
        {"verdict": "edited", "content": {"body": "Only this"}},
        {"verdict": "accepted", "content": content},
        {"verdict": "splendid"},
        {"verdict": "rejected", "reason": " "},
    ):
        assert api.post(path, operator, json=wrong).status_code == 422
    stale = api.post(path, operator, headers={"If-Match": '"7"'}, json={"verdict": "accepted"})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    viewer = make.token(app, Role.VIEWER, "Vera")
    assert api.post(path, viewer, json={"verdict": "accepted"}).json()["permission"] == "handoffs.work"
    assert api.get(f"/artifacts/{draft['id']}", viewer).json() == edited
    events = [entry["event"] for entry in api.get(f"/handoffs/{number}/timeline", operator).json()["items"]]
    assert events.count("artifact.reviewed") == 2
    exported = api.get("/audit/export.ndjson", make.token(app, Role.AUDITOR, "Ari")).text
    assert exported.count("Too cold.") >= 1


@pytest.mark.in_process
def test_a_reply_made_of_a_draft_is_its_writers_judgement_of_it(api: Api, app: App, operator: str) -> None:
    number, other = (api.post("/handoffs", operator, json=CASE).json()["number"] for _ in range(2))
    for ref in (number, other):
        api.post(f"/handoffs/{ref}/claim", operator)
        api.post(f"/handoffs/{ref}/ai/draft", operator)
    delivery.deliver(app)
    draft = api.get(f"/handoffs/{number}/ai/draft", operator).json()
    id, text = draft["id"], draft["content"]

    def send(ref: str, **body: object) -> dict[str, object] | None:
        answer = api.post(f"/handoffs/{ref}/replies", operator, json={"artifactId": id, **body})
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "proposed"  # the text waits for a person, whoever wrote it
        review: dict[str, object] | None = api.get(f"/artifacts/{id}", operator).json()["review"]
        return review

    unchanged = send(number, body=text["body"].replace("\n", "\r\n") + "\n", subject=text["subject"])
    assert unchanged is not None
    assert (unchanged["verdict"], unchanged["content"]) == ("accepted", None)
    edited = send(number, body="We are on it.")
    assert edited is not None
    assert (edited["verdict"], edited["content"]) == ("edited", text | {"body": "We are on it."})
    summary = api.get(f"/handoffs/{number}/ai/summary", operator).json()["id"]
    for ref, artifact_id in ((other, id), (number, summary), (number, "art_nothing")):
        answer = api.post(f"/handoffs/{ref}/replies", operator, json={"artifactId": artifact_id, "body": "Hello"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), artifact_id
    assert api.get(f"/artifacts/{id}", operator).json()["review"] == edited


@pytest.mark.in_process
def test_a_draft_that_a_service_sends_is_judged_by_nobody(api: Api, app: App, operator: str) -> None:
    bot = make.token(app, Role.SERVICE, "bot")
    number = api.post("/handoffs", bot, json=CASE).json()["number"]
    api.post(f"/handoffs/{number}/ai/draft", operator)
    delivery.deliver(app)
    id = api.get(f"/handoffs/{number}/ai/draft", bot).json()["id"]
    reply = {"kind": "reply", "params": {"artifactId": id, "body": "Hi"}}
    assert api.post(f"/handoffs/{number}/effects", bot, json=reply).status_code == 201
    assert api.get(f"/artifacts/{id}", bot).json()["review"] is None
    assert api.post(f"/handoffs/{number}/ai/draft", bot).json()["permission"] == "handoffs.work"
    assert api.post(f"/artifacts/{id}/review", bot, json={"verdict": "accepted"}).status_code == 403
