"""Requests and cases over HTTP: what is answered, what is refused, and that nothing answers 500."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from flowops.app import App
from flowops.domain.access import Role
from flowops.storage import tables
from tests import make
from tests.live import Api

REQUEST: dict[str, Any] = {
    "channel": "chat",
    "customer": {"id": "cust_123"},
    "subject": "Charged\ntwice",
    "messages": [{"role": "customer", "text": "I was charged twice.", "at": "2026-11-22T10:00:00Z"}],
    "effect": {
        "kind": "refund",
        "params": {"money": {"amount": 4900, "currency": "EUR"}, "invoiceId": "inv_123", "reason": "duplicate charge"},
    },
}
CASE: dict[str, Any] = {
    "channel": "email",
    "customer": {"id": "cust_123"},
    "title": "Please look",
    "reason": "other",
    "messages": [{"role": "customer", "text": "Nobody answers me."}],
}


@pytest.fixture
def bot(app: App) -> str:
    app.sandbox.seed(app.now())
    return make.token(app, Role.SERVICE, "bot")


def test_a_request_is_approved_and_read_back(api: Api, bot: str) -> None:
    answer = api.post("/requests", bot, json=REQUEST)
    made = answer.json()
    assert answer.status_code == 201, made
    assert (made["outcome"], made["mode"], made["handoff"]) == ("approved", "live", None)
    assert made["subject"] == "Charged twice"
    assert made["effect"]["status"] == "approved"
    assert made["verification"]["passed"]
    assert {check["name"] for check in made["verification"]["checks"]} >= {"account_exists", "invoice_exists"}
    assert made["verdict"]["policyVersion"].startswith("sha256:")
    read = api.get(f"/requests/{made['id']}", bot).json()
    assert read["messages"][0] == {"role": "customer", "text": "I was charged twice.", "at": "2026-11-22T10:00:00Z"}
    assert {name: read[name] for name in made if name != "effect"} == {n: v for n, v in made.items() if n != "effect"}


def test_a_handed_off_request_says_why_and_becomes_a_case_with_a_summary_job(api: Api, app: App, bot: str) -> None:
    made = api.post("/requests", bot, json=REQUEST | {"confidence": 0.62, "escalate": True}).json()
    assert made["outcome"] == "handed_off"
    assert made["confidence"] == "0.62"
    rulings = {ruling["rule"]: ruling["reason"] for ruling in made["verdict"]["rulings"]}
    assert any("0.62" in reason for reason in rulings.values())
    operator = make.token(app)
    case = api.get(f"/handoffs/{made['handoff']['id']}", operator)
    assert case.headers["ETag"] == f'"{case.json()["version"]}"'
    assert case.json()["requestId"] == made["id"]
    assert set(case.json()["issues"]) == {"escalated", "low_confidence"}
    assert case.json()["messages"][0]["text"] == "I was charged twice."
    [effect] = api.get(f"/handoffs/{case.json()['number']}/effects", operator).json()["items"]
    assert (effect["status"], effect["approvalsNeeded"], effect["proposedBy"]["name"]) == ("proposed", 1, "bot")


@pytest.mark.in_process  # elsewhere time goes on, and a worker would write a summary meanwhile
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"messages": []},
        {"messages": [{"role": role, "text": f"As {role}."} for role in ("customer", "automation", "operator")]},
        {"slaDueAt": None},
        {"slaDueAt": "2026-11-23T10:00:00.123456+02:00", "priority": "urgent"},
        {"slaDueAt": "2026-11-20T10:00:00Z"},
        {"customer": {"id": "nobody", "name": "Zoë", "email": "zoe@example.com"}, "metadata": {"a": [1]}},
        {"effect": REQUEST["effect"], "facts": [{"source": "crm", "data": {"tier": "gold"}}]},
    ],
    ids=lambda more: "+".join(more) or "plain",
)
def test_what_opening_a_case_answers_is_what_is_read_of_it_then(api: Api, bot: str, more: dict[str, Any]) -> None:
    sent = CASE | {"externalId": "c-1"} | more
    opened = api.post("/handoffs", bot, json=sent)
    read = api.get(f"/handoffs/{opened.json()['id']}", bot)
    again = api.post("/handoffs", bot, json=sent)
    assert (opened.status_code, read.status_code, again.status_code) == (201, 200, 200)
    assert opened.text == again.text
    assert opened.json() == read.json()
    assert {opened.headers["ETag"], again.headers["ETag"]} == {read.headers["ETag"]}


def test_a_request_shows_the_effect_it_came_with_and_no_later_one(api: Api, app: App, bot: str) -> None:
    grace = make.token(app, name="Grace")
    question = {name: value for name, value in REQUEST.items() if name != "effect"}
    for sent in (REQUEST | {"escalate": True}, question | {"escalate": True, "externalId": "msg-9"}):
        made = api.post("/requests", bot, json=sent).json()
        case = f"/handoffs/{made['handoff']['id']}"
        api.post(f"{case}/claim", grace)
        assert api.post(f"{case}/replies", grace, json={"body": "We are looking into it."}).status_code == 201
        assert api.get(f"/requests/{made['id']}", bot).json()["effect"] == made["effect"]
    assert made["effect"] is None


def test_a_shadow_request_says_what_would_have_happened(api: Api, bot: str) -> None:
    made = api.post("/requests", bot, json=REQUEST | {"mode": "shadow"}).json()
    assert (made["outcome"], made["shadow"], made["effect"], made["handoff"]) == ("approved", True, None, None)


def test_a_repeated_external_id_answers_200_with_the_first(api: Api, bot: str) -> None:
    first = api.post("/requests", bot, json=REQUEST | {"externalId": "msg-1"})
    again = api.post("/requests", bot, json=REQUEST | {"externalId": "msg-1", "subject": "Other"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    case = api.post("/handoffs", bot, json=CASE | {"externalId": "msg-1"})
    again = api.post("/handoffs", bot, json=CASE | {"externalId": "msg-1"})
    assert (case.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == case.json()["id"]


def test_a_repeated_key_answers_the_same_bytes_and_does_nothing(api: Api, bot: str) -> None:
    first = api.post("/requests", bot, json=REQUEST | {"escalate": True}, key="k1")
    again = api.post("/requests", bot, json=REQUEST | {"escalate": True}, key="k1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = api.post("/requests", bot, json=REQUEST, key="k1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_a_case_opened_directly_keeps_its_reason_and_is_never_refused_for_what_is_found(api: Api, bot: str) -> None:
    answer = api.post("/handoffs", bot, json=CASE | {"customer": {"id": "nobody_knows"}, "reason": "escalated"})
    made = answer.json()
    assert answer.status_code == 201
    assert (made["reason"], made["status"], made["title"]) == ("escalated", "pending", "Please look")
    assert set(made["issues"]) == {"verification_failed", "escalated"}
    assert made["number"].startswith("H-")
    assert made["slaDueAt"] == made["sla"]["dueAt"]


def test_a_case_without_a_promise_has_no_deadline_and_one_with_the_callers_own_keeps_it(api: Api, bot: str) -> None:
    assert api.post("/handoffs", bot, json=CASE | {"slaDueAt": None}).json()["sla"] is None
    own = api.post("/handoffs", bot, json=CASE | {"slaDueAt": "2027-01-01T00:00:00Z"}).json()
    assert own["slaDueAt"] == "2027-01-01T00:00:00Z"


def test_a_service_reads_what_it_sent_and_nothing_else(api: Api, app: App, bot: str) -> None:
    made = api.post("/requests", bot, json=REQUEST | {"escalate": True}).json()
    other = make.token(app, Role.SERVICE, "other")
    for path in (f"/requests/{made['id']}", f"/handoffs/{made['handoff']['id']}", f"/effects/{made['effect']['id']}"):
        assert api.get(path, bot).status_code == 200
        assert api.get(path, other).status_code == 404
    assert api.get("/effects", other).json()["items"] == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"unknown": 1}, "unknown"),
    ({"channel": "Not A Slug"}, "channel"),
    ({"channel": "x" * 41}, "channel"),
    ({"customer": {}}, "customer.id"),
    ({"customer": {"id": "c", "plan": 7}}, "customer.plan"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "assistant", "text": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": "customer", "text": "x" * 20_001}]}, "messages.0.text"),
    ({"messages": [{"role": "customer", "text": "x", "at": "2026-11-22T10:00:00"}]}, "messages.0.at"),
    ({"messages": [{"role": "customer", "text": "x"}] * 501}, "messages"),
    ({"subject": "x" * 201}, "subject"),
    ({"confidence": 1.5}, "confidence"),
    ({"confidence": True}, "confidence"),
    ({"escalate": "yes"}, "escalate"),
    ({"facts": [{"source": "tool:x", "data": []}]}, "facts.0.data"),
    ({"facts": [{"source": "tool:x", "data": {}}] * 201}, "facts"),
    ({"mode": "test"}, "mode"),
    ({"effect": {"kind": "refund", "params": {"money": {"amount": 49.0, "currency": "EUR"}}}}, "effect.params"),
    ({"effect": {"kind": "refund", "params": {"money": {"amount": 1, "currency": "EURO"}}}}, "effect.params"),
]


def test_a_wrong_field_is_named_and_nothing_recorded(api: Api, app: App, bot: str) -> None:
    for change, field in WRONG:
        answer = api.post("/requests", bot, json=REQUEST | change)
        assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json"), change
        assert field in [wrong["field"] for wrong in answer.json()["fields"]], answer.json()
    with app.view() as view:
        assert view.session.scalars(select(tables.Request)).all() == []


def test_numbers_that_are_none_are_refused_wherever_they_stand(api: Api, bot: str) -> None:
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "9007199254740993"):
        text = json.dumps(REQUEST | {"metadata": {"x": "HERE"}}).replace('"HERE"', number)
        answer = api.post("/requests", bot, content=text, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), number


def test_what_is_odd_is_recorded_and_handed_off_never_approved(api: Api, bot: str) -> None:
    for effect in (
        {"kind": "teleport", "params": {}},
        {"kind": "refund", "params": {"invoiceId": "inv_123"}},
        {"kind": "refund", "params": {"money": {"amount": -5, "currency": "EUR"}, "invoiceId": "inv_123"}},
        {"kind": "refund", "params": {"money": {"amount": 4900, "currency": "USD"}, "invoiceId": "inv_123"}},
    ):
        answer = api.post("/requests", bot, json=REQUEST | {"effect": effect})
        assert (answer.status_code, answer.json()["outcome"]) == (201, "handed_off"), answer.json()


def test_an_unknown_queue_and_an_unknown_id_are_told(api: Api, bot: str) -> None:
    assert api.post("/requests", bot, json=REQUEST | {"queue": "nowhere"}).status_code == 422
    assert api.get("/requests/req_nothing", bot).json()["code"] == "not_found"


def test_a_viewer_may_not_send_requests(api: Api, app: App, bot: str) -> None:
    answer = api.post("/requests", make.token(app, Role.VIEWER), json=REQUEST)
    assert (answer.status_code, answer.json()["permission"]) == (403, "requests.create")
