"""Effects over HTTP: proposed by the owner, approved by hash, declined with a reason."""

from dataclasses import replace
from typing import Any

import pytest

from flowops import settings
from flowops.actions import links
from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.domain.interests import Link
from flowops.queries import audit, operators
from tests import live, make, world
from tests.api.test_intake import CASE, REQUEST
from tests.live import Api

REFUND = REQUEST["effect"]


@pytest.fixture
def operator(app: App) -> str:
    app.sandbox.seed(app.now())
    return make.token(app, name="Priya")


@pytest.fixture
def case(api: Api, operator: str) -> str:
    """The number of a case Priya owns."""
    number = str(api.post("/handoffs", operator, json=CASE).json()["number"])
    assert api.post(f"/handoffs/{number}/claim", operator).status_code == 200
    return number


def propose(api: Api, token: str, case: str, effect: dict[str, Any] = REFUND) -> dict[str, Any]:
    answer = api.post(f"/handoffs/{case}/effects", token, json=effect)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_refund_is_proposed_ruled_on_and_approved(api: Api, operator: str, case: str) -> None:
    effect = propose(api, operator, case)
    assert (effect["status"], effect["verdict"]["outcome"], effect["approvalsNeeded"]) == ("proposed", "approve", 1)
    answer = api.post(f"/effects/{effect['id']}/approve", operator, json={"contentSha256": effect["contentSha256"]})
    approved = answer.json()
    assert (answer.status_code, approved["status"]) == (200, "approved"), approved
    assert approved["approvals"][0]["by"]["name"] == "Priya"
    assert approved["executeAfter"] is not None
    assert api.get(f"/effects/{effect['id']}", operator).json() == approved
    assert api.get("/effects?status=approved", operator).json()["items"] == [approved]
    again = api.post(f"/effects/{effect['id']}/approve", operator, json={"contentSha256": effect["contentSha256"]})
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")


def test_a_decision_on_a_case_that_changed_since_is_refused(api: Api, operator: str, case: str) -> None:
    effect = propose(api, operator, case)
    version = api.get(f"/handoffs/{case}", operator).headers["ETag"]
    api.post(f"/handoffs/{case}/notes", operator, json={"text": "Wait for the bank."})
    for verb, body in (
        ("approve", {"contentSha256": effect["contentSha256"]}),
        ("decline", {"reason": "no"}),
        ("cancel", None),
    ):
        stale = api.post(f"/effects/{effect['id']}/{verb}", operator, json=body, headers={"If-Match": version})
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version"), verb
    now = {"If-Match": api.get(f"/handoffs/{case}", operator).headers["ETag"]}
    assert api.post(f"/effects/{effect['id']}/cancel", operator, headers=now).json()["status"] == "cancelled"


def test_a_wrong_hash_is_told_the_right_one(api: Api, operator: str, case: str) -> None:
    effect = propose(api, operator, case)
    answer = api.post(f"/effects/{effect['id']}/approve", operator, json={"contentSha256": "sha256:0"})
    assert (answer.status_code, answer.json()["code"]) == (409, "content_changed")
    assert answer.json()["contentSha256"] == effect["contentSha256"]


def test_who_read_no_message_does_not_approve_past_one(api: Api, operator: str, case: str) -> None:
    effect = propose(api, operator, case)
    seen = {"contentSha256": effect["contentSha256"]}
    answer = api.post(f"/effects/{effect['id']}/approve", operator, json=seen | {"lastMessageId": ""})
    assert (answer.status_code, answer.json()["code"]) == (409, "new_message")
    last = {"lastMessageId": answer.json()["lastMessageId"]}
    assert api.post(f"/effects/{effect['id']}/approve", operator, json=seen | last).status_code == 200


def test_a_reply_waits_for_a_person(api: Api, operator: str, case: str) -> None:
    answer = api.post(f"/handoffs/{case}/replies", operator, json={"body": "We are looking into it."})
    assert (answer.status_code, answer.json()["kind"], answer.json()["status"]) == (201, "reply", "proposed")
    assert answer.json()["params"] == {"body": "We are looking into it."}


def test_a_service_proposes_a_reply_as_an_effect_alone(api: Api, app: App, operator: str) -> None:
    bot = make.token(app, Role.SERVICE, "bot")
    case = api.post("/handoffs", bot, json=CASE).json()["id"]
    refused = api.post(f"/handoffs/{case}/replies", bot, json={"body": "We are looking into it."})
    assert (refused.status_code, refused.json()["permission"]) == (403, "handoffs.work")
    assert propose(api, bot, case, {"kind": "reply", "params": {"body": "We look."}})["status"] == "proposed"


def test_a_declined_effect_no_longer_keeps_the_case_open(api: Api, operator: str, case: str) -> None:
    effect = propose(api, operator, case)
    resolve = {"outcome": "declined", "notes": "Not ours."}
    blocked = api.post(f"/handoffs/{case}/resolve", operator, json=resolve)
    assert (blocked.status_code, blocked.json()["code"]) == (409, "open_effects")
    assert api.post(f"/effects/{effect['id']}/decline", operator, json={"reason": "no"}).json()["status"] == "declined"
    assert api.post(f"/handoffs/{case}/resolve", operator, json=resolve).status_code == 200


def test_nobody_proposes_in_a_case_they_do_not_own(api: Api, app: App, operator: str, case: str) -> None:
    tom = make.token(app, name="Tom")
    answer = api.post(f"/handoffs/{case}/effects", tom, json=REFUND)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_owner")
    viewer = make.token(app, Role.VIEWER, "Vera")
    assert api.post(f"/handoffs/{case}/effects", viewer, json=REFUND).json()["permission"] == "effects.propose"


def test_a_proposal_that_cannot_be_read_is_refused(api: Api, operator: str, case: str) -> None:
    for wrong in (
        {"kind": "teleport", "params": {}},
        {"kind": "refund", "params": {}},
        {"kind": "reply", "params": {"body": ""}},
        {"kind": "refund", "params": {"money": {"amount": 1.5, "currency": "EUR"}, "invoiceId": "x"}},
        {"kind": "refund"},
        {"kind": "refund", "params": REFUND["params"], "more": 1},
    ):
        answer = api.post(f"/handoffs/{case}/effects", operator, json=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
    assert api.get(f"/handoffs/{case}/effects", operator).json()["items"] == []


def test_effects_are_paged(api: Api, operator: str, case: str) -> None:
    made = [propose(api, operator, case)["id"] for _ in range(3)]
    first = api.get("/effects?limit=2", operator).json()
    rest = api.get(f"/effects?limit=2&cursor={first['nextCursor']}", operator).json()
    assert [e["id"] for e in first["items"] + rest["items"]] == made[::-1]
    assert rest["nextCursor"] is None
    assert api.get("/effects?cursor=nonsense", operator).status_code == 422


def test_an_unknown_effect_is_not_found(api: Api, operator: str) -> None:
    assert api.get("/effects/eff_nothing", operator).status_code == 404
    answer = api.post("/effects/eff_nothing/approve", operator, json={"contentSha256": "x"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_effects_of_a_case_come_in_pages(api: Api, operator: str, case: str) -> None:
    made = [propose(api, operator, case, {"kind": "reply", "params": {"body": f"Reply {n}."}})["id"] for n in range(3)]
    page = api.get(f"/handoffs/{case}/effects?limit=2", operator).json()
    rest = api.get(f"/handoffs/{case}/effects?limit=2&cursor={page['nextCursor']}", operator).json()
    assert [effect["id"] for effect in page["items"] + rest["items"]] == sorted(made, reverse=True)
    assert rest["nextCursor"] is None


def test_an_approved_effect_is_called_back(api: Api, app: App, operator: str, case: str) -> None:
    effect = propose(api, operator, case)
    body = {"contentSha256": effect["contentSha256"]}
    assert api.post(f"/effects/{effect['id']}/approve", operator, json=body).status_code == 200
    refused = api.post(f"/effects/{effect['id']}/cancel", make.token(app, name="Tom"))
    assert (refused.status_code, refused.json()["permission"]) == (403, "handoffs.supervise")
    answer = api.post(f"/effects/{effect['id']}/cancel", operator, key="one")
    assert (answer.status_code, answer.json()["status"], answer.json()["executeAfter"]) == (200, "cancelled", None)
    assert api.post(f"/effects/{effect['id']}/cancel", operator, key="one").json() == answer.json()
    again = api.post(f"/effects/{effect['id']}/cancel", operator)
    assert (again.status_code, again.json()["code"]) == (409, "too_late")


@pytest.mark.in_process
def test_a_held_effect_shows_what_changed_until_it_is_decided_anew(api: Api, app: App, operator: str) -> None:
    bot = make.token(app, Role.SERVICE, "bot")
    path = f"/effects/{api.post('/requests', bot, json=REQUEST).json()['effect']['id']}"
    approved = api.get(path, bot).json()
    assert (approved["status"], approved["difference"]) == ("approved", None)
    world.change_invoice(app, total=5000)
    assert not world.start(app, approved["id"])
    held = api.get(path, operator).json()
    assert (held["status"], held["approvalsNeeded"], held["approvals"]) == ("held", 1, [])
    assert held["difference"] == [{"field": "invoice.total", "before": "49.00 EUR", "after": "50.00 EUR"}]
    number = api.get(f"/handoffs/{held['handoffId']}", operator).json()["number"]
    for ref in (number, held["handoffId"]):
        assert api.get(f"/effects?status=held&handoffId={ref}", operator).json()["items"] == [held]
    assert api.get("/effects?status=held", bot).json()["items"] == [held]
    assert api.get("/effects", make.token(app, Role.SERVICE, "other")).json()["items"] == []
    assert api.get("/effects?handoffId=H-99", operator).json()["items"] == []
    body = {"contentSha256": approved["contentSha256"]}
    refused = api.post(f"{path}/approve", operator, json=body).json()
    assert (refused["code"], refused["contentSha256"]) == ("content_changed", held["contentSha256"])
    again = api.post(f"{path}/approve", operator, json={"contentSha256": held["contentSha256"]}).json()
    assert (again["status"], again["difference"]) == ("approved", None)


def test_a_service_withdraws_its_own_proposal(api: Api, app: App, operator: str) -> None:
    bot = make.token(app, Role.SERVICE, "bot")
    made = api.post("/handoffs", bot, json=CASE | {"effect": REFUND}).json()
    [effect] = api.get(f"/handoffs/{made['id']}/effects", bot).json()["items"]
    assert effect["proposedBy"]["name"] == "bot"
    other = make.token(app, Role.SERVICE, "other")
    assert api.post(f"/effects/{effect['id']}/cancel", other).status_code == 404
    assert api.post(f"/effects/{effect['id']}/cancel", bot).json()["status"] == "cancelled"


@pytest.mark.in_process
def test_a_cap_that_is_reached_is_told_with_its_numbers(app: App, api: Api, operator: str, case: str) -> None:
    cap = {"kind": "refund", "per": "customer", "window": "30d", "money": {"amount": 4899, "currency": "EUR"}}
    caps = (settings.CapSetting.model_validate(cap),)
    effect = propose(api, operator, case)
    with live.in_process(replace(app, settings=app.settings.model_copy(update={"caps": caps}))) as api:
        answer = api.post(f"/effects/{effect['id']}/approve", operator, json={"contentSha256": effect["contentSha256"]})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["roomAt"]) == (409, "cap_reached", None)
    assert problem["comesTo"] == {"amount": 4900, "currency": "EUR"}
    assert problem["cap"] == {
        "kind": "refund",
        "per": "customer",
        "windowSeconds": 2592000,
        "money": {"amount": 4899, "currency": "EUR"},
    }


def test_a_conflict_of_interest_is_a_refusal_on_record(app: App, api: Api, operator: str, case: str) -> None:
    effect = propose(api, operator, case)
    tom = make.token(app, Role.SUPERVISOR, "Tom")
    with app.unit(SYSTEM) as unit:
        user = operators.user(unit.view, "Tom")
        links.add(unit, user.id, Link.CUSTOMER, CASE["customer"]["id"])
    paths = {
        f"/effects/{effect['id']}/approve": {"contentSha256": effect["contentSha256"]},
        f"/effects/{effect['id']}/decline": {"reason": "no"},
        f"/handoffs/{case}/claim": None,
        f"/handoffs/{case}/assign": {"userId": user.id},
    }
    for path, body in paths.items():
        answer = api.post(path, tom, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "conflict_of_interest"), path
    with app.view() as view:
        entries = audit.search(view, event="access.refused").items
    told = {(entry.actor_name, entry.row.data["permission"], entry.row.data["path"]) for entry in entries}
    assert told == {("Tom", "conflict_of_interest", path) for path in paths}
    assert api.post("/handoffs/next", tom).status_code == 204
