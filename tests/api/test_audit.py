"""The log over HTTP: who may search it, what an export holds, and that taking it out is recorded."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import rfc8785
from sqlalchemy import select

from flowops.actions import conversation, webhooks
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.queries import export
from flowops.storage import tables
from tests import cases, make, world
from tests.conftest import Clock
from tests.live import Api


@pytest.fixture
def auditor(app: App) -> str:
    return make.token(app, Role.AUDITOR, "Audrey")


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


def exported(api: Api, token: str, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(f"/audit/export.ndjson?{query}", token)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def events(api: Api, token: str, query: str = "") -> Iterator[str]:
    return (item["event"] for item in api.get(f"/audit?{query}", token).json()["items"])


def noted(app: App, by: Actor, ref: str, text: str) -> None:
    with app.unit(by) as unit:
        conversation.note(unit, ref, text, lease=app.settings.claim_lease)


def test_only_auditors_and_supervisors_read_the_log(api: Api, app: App) -> None:
    for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.SERVICE):
        token = make.token(app, role, f"Vic-{role}")
        for path in ("/audit", "/audit/export.json"):
            answer = api.get(path, token)
            assert (answer.status_code, answer.json()["permission"]) == (403, "audit.read"), role


def test_a_supervisor_reads_the_log(api: Api, app: App) -> None:
    assert api.get("/audit", make.token(app, Role.SUPERVISOR, "Sue")).status_code == 200


@pytest.mark.in_process  # elsewhere a worker would write an artifact meanwhile
def test_the_newest_entry_comes_first_with_its_actor_and_what_was_said(
    api: Api, app: App, auditor: str, ada: Actor
) -> None:
    case = cases.case(app, ada)
    noted(app, ada, case.id, "Called them.")
    newest = api.get("/audit", auditor).json()["items"][0]
    assert newest["event"] == "handoff.note_added"
    assert newest["actor"] == {"kind": "person", "id": ada.id, "name": "Ada"}
    assert newest["data"]["text"] == "Called them."


@pytest.mark.in_process  # elsewhere a worker would write an artifact meanwhile
def test_the_filters_find_what_they_name(api: Api, app: App, auditor: str, ada: Actor, clock: Clock) -> None:
    first, second = cases.case(app, ada), cases.case(app, ada)
    noted(app, ada, first.id, "One.")
    of_first = list(events(api, auditor, f"handoff={first.label}"))
    assert of_first == ["handoff.note_added", "handoff.created"]
    assert list(events(api, auditor, f"handoff={second.id}&actor={ada.id}")) == ["handoff.created"]
    by_system = set(events(api, auditor, "actor=system"))
    assert {"user.added", "token.created"} <= by_system
    assert "handoff.created" not in by_system
    assert len(list(events(api, auditor, "event=handoff.created"))) == 2
    assert list(events(api, auditor, "handoff=H-99")) == []
    assert list(events(api, auditor, "before=1999-12-31T00:00:00Z")) == []
    assert list(events(api, auditor, "after=2999-12-31T00:00:00Z")) == []


@pytest.mark.in_process  # elsewhere a worker would write an artifact meanwhile
def test_pages_of_the_log_join_without_gap_or_repeat(api: Api, app: App, auditor: str, ada: Actor) -> None:
    for _ in range(3):
        cases.case(app, ada)
    whole = [item["seq"] for item in api.get("/audit?limit=200", auditor).json()["items"]]
    page = api.get("/audit?limit=4", auditor).json()
    paged = [item["seq"] for item in page["items"]]
    while page["nextCursor"]:
        page = api.get(f"/audit?limit=4&cursor={page['nextCursor']}", auditor).json()
        paged += [item["seq"] for item in page["items"]]
    assert paged == whole == sorted(whole, reverse=True)


def test_a_query_that_is_wrong_is_refused(api: Api, auditor: str) -> None:
    for query in ("cursor=x", "after=yesterday", "after=2026-11-22", "before=5", "after=0001-01-01T00:00:00%2B14:00"):
        assert api.get(f"/audit?{query}", auditor).status_code == 422, query


def test_what_happened_in_another_queue_is_out_of_sight(api: Api, app: App, auditor: str) -> None:
    lou = cases.person(app, "Lou", queues=["legal"])
    case = cases.case(app, lou, queue="legal", kind="refund", params=cases.refund(), title="Secret")
    seen = list(events(api, auditor))
    assert {"handoff.created", "request.received", "effect.proposed"}.isdisjoint(seen)
    assert "user.added" in seen
    assert {record["type"] for record in exported(api, auditor)} == {"entry"}
    for query in (f"handoffId={case.id}", "customerId=cust_1"):
        assert api.get(f"/audit/export.json?{query}", auditor).status_code == 404
    assert "Secret" not in api.get("/audit/export.json", auditor).text


def test_a_customer_of_other_queues_is_out_of_sight_until_they_ask_in_ones_own(
    api: Api, app: App, auditor: str, ada: Actor
) -> None:
    lou = cases.person(app, "Lou", queues=["legal"])
    cases.case(app, lou, queue="legal", customer_id="cust_9", email="grace@example.com")
    assert list(events(api, auditor, "event=customer.seen")) == []
    assert "grace@example.com" not in api.get("/audit/export.json", auditor).text
    cases.case(app, ada, customer_id="cust_9", email="grace@example.com")
    (seen,) = api.get("/audit?event=customer.seen", auditor).json()["items"]
    assert seen["data"]["email"] == "grace@example.com"


@pytest.mark.in_process  # elsewhere a worker would do the jobs meanwhile
def test_an_export_of_everything_holds_the_jobs_of_ones_own_queues(
    api: Api, app: App, auditor: str, ada: Actor
) -> None:
    lou = cases.person(app, "Lou", queues=["legal"])
    other = cases.case(app, lou, queue="legal")
    case = cases.case(app, ada)
    service = world.service(app)
    app.sandbox.seed(app.now())
    requests = [world.receive(app, service, queue=queue) for queue in ("legal", "default")]
    keys = [record["key"] for record in exported(api, auditor) if record["type"] == "job"]
    assert keys == [f"ai.generate:{case.id}:handoff_summary.v1", f"effect.execute:{requests[1].id}"]
    with app.view(SYSTEM) as view:
        every = [r["key"] for r in export.records(view, export.Subject()) if r["type"] == "job"]
    assert every == [f"ai.generate:{other.id}:handoff_summary.v1", keys[0], f"effect.execute:{requests[0].id}", keys[1]]


@pytest.mark.in_process  # elsewhere a worker would write an artifact meanwhile
def test_an_export_holds_everything_about_its_case_and_nothing_of_another(
    api: Api, app: App, auditor: str, ada: Actor
) -> None:
    case = cases.case(app, ada, kind="refund", params=cases.refund())
    other = cases.case(app, ada, customer_id="cust_2")
    noted(app, ada, case.id, "Called them.")
    records = exported(api, auditor, f"handoffId={case.label}")
    kinds = [record["type"] for record in records]
    assert sorted(set(kinds)) == sorted(
        ["customer", "request", "message", "handoff", "note", "effect", "decision", "job", "entry"]
    )
    happened = [record["event"] for record in records if record["type"] == "entry"]
    assert happened == ["request.received", "handoff.created", "effect.proposed", "handoff.note_added"]
    text = json.dumps(records)
    assert case.request_id in text
    assert other.id not in text
    assert other.request_id not in text


@pytest.mark.in_process  # elsewhere a worker would call the endpoint meanwhile
def test_an_export_holds_what_others_are_told_of_the_case(api: Api, app: App, auditor: str, ada: Actor) -> None:
    with app.unit(SYSTEM) as unit:
        webhooks.add(unit, "https://hooks.example.com/", "", (), (), app.seal)
    case, other = cases.case(app, ada), cases.case(app, ada, customer_id="cust_2")
    jobs = [record for record in exported(api, auditor, f"handoffId={case.id}") if record["type"] == "job"]
    told = {job["payload"]["event"]["subject"] for job in jobs if job["topic"] == "webhook.deliver"}
    assert told == {case.id, case.request_id}
    assert other.id not in str(jobs)


def test_an_export_of_a_customer_holds_all_their_cases(api: Api, app: App, auditor: str, ada: Actor) -> None:
    both = [cases.case(app, ada, customer_id="cust_2").id for _ in range(2)]
    cases.case(app, ada)
    records = exported(api, auditor, "customerId=cust_2")
    assert [record["id"] for record in records if record["type"] == "handoff"] == both
    assert records[-1]["type"] == "entry"
    assert next(record["event"] for record in records if record["type"] == "entry") == "customer.seen"


def test_an_export_of_an_unknown_subject_is_404_and_not_recorded(api: Api, app: App, auditor: str) -> None:
    for query in ("customerId=nobody", "handoffId=H-99"):
        assert api.get(f"/audit/export.csv?{query}", auditor).status_code == 404
    assert "audit.exported" not in list(events(api, auditor))


@pytest.mark.in_process  # elsewhere a worker would write an artifact meanwhile
def test_an_export_is_recorded_with_our_ids_alone(api: Api, app: App, auditor: str, ada: Actor) -> None:
    case = cases.case(app, ada, customer_id="ada@example.com")
    exported(api, auditor, "customerId=ada@example.com&from=2020-01-01T00:00:00Z")
    entry = api.get("/audit", auditor).json()["items"][0]
    assert (entry["event"], entry["actor"]["name"]) == ("audit.exported", "Audrey")
    assert entry["data"] == {
        "format": "ndjson",
        "filters": {"customer_id": case.customer_id, "after": "2020-01-01T00:00:00Z"},
    }


def test_a_commitment_can_be_recomputed_from_an_export(api: Api, app: App, auditor: str, ada: Actor) -> None:
    noted(app, ada, cases.case(app, ada).id, "Called them.")
    (entry,) = (r for r in exported(api, auditor) if r.get("event") == "handoff.note_added")
    kept = entry["personal"]["text"]
    assert kept["value"] == "Called them."
    assert "Called them." not in json.dumps(entry["data"])
    digest = hashlib.sha256((kept["salt"] + rfc8785.dumps(kept["value"]).decode()).encode()).hexdigest()
    assert entry["data"]["text"] == {"commitment": f"sha256:{digest}"}


@pytest.mark.in_process  # elsewhere a worker would write an artifact meanwhile
def test_the_three_forms_hold_the_same_records(api: Api, app: App, auditor: str, ada: Actor) -> None:
    case = cases.case(app, ada, kind="refund", params=cases.refund())
    lines = exported(api, auditor, f"handoffId={case.id}")
    as_json = api.get(f"/audit/export.json?handoffId={case.id}", auditor)
    as_csv = api.get(f"/audit/export.csv?handoffId={case.id}", auditor)
    assert as_json.json()["records"] == lines
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [row["id"] for row in rows] == [str(line.get("id") or "") for line in lines]
    assert all(json.loads(row["rest"]) is not None for row in rows)
    assert as_csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert as_csv.headers["Content-Disposition"] == 'attachment; filename="flowops-export.csv"'


def test_no_cell_is_a_formula(api: Api, app: App, auditor: str) -> None:
    for name in ("=cmd()", "+1", "-1", "@SUM(A1)", "\tx", "\rx"):
        cases.case(app, cases.person(app, name))
    text = api.get("/audit/export.csv", auditor).text
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert "'=cmd()" in cells
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def test_a_span_of_time_leaves_out_what_is_before_and_after(api: Api, app: App, auditor: str, ada: Actor) -> None:
    cases.case(app, ada)
    assert exported(api, auditor, "to=1999-12-31T00:00:00Z") == []
    assert exported(api, auditor, "from=2999-12-31T00:00:00Z") == []


def test_an_unknown_form_is_refused(api: Api, auditor: str) -> None:
    assert api.get("/audit/export.xml", auditor).status_code == 422


@pytest.mark.in_process
def test_an_export_larger_than_a_batch_is_whole(api: Api, app: App, auditor: str, ada: Actor) -> None:
    case = cases.case(app, ada)
    with app.unit(ada) as unit:
        for number in range(1200):
            conversation.note(unit, case.id, f"Note {number}.", lease=app.settings.claim_lease)
    records = exported(api, auditor, f"handoffId={case.id}")
    said = [r["personal"]["text"]["value"] for r in records if r.get("event") == "handoff.note_added"]
    assert said == [f"Note {number}." for number in range(1200)]
    with app.view(SYSTEM) as view:
        assert len(view.session.scalars(select(tables.Note.id)).all()) == 1200
