"""Effects over HTTP: proposed by the owner, approved by hash, declined with a reason."""

from typing import Any

import pytest

from flowops.app import App
from flowops.domain.access import Role
from tests import make
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


def test_a_wrong_hash_is_told_the_right_one(api: Api, operator: str, case: str) -> None:
    effect = propose(api, operator, case)
    answer = api.post(f"/effects/{effect['id']}/approve", operator, json={"contentSha256": "sha256:0"})
    assert (answer.status_code, answer.json()["code"]) == (409, "content_changed")
    assert answer.json()["contentSha256"] == effect["contentSha256"]


def test_a_reply_waits_for_a_person(api: Api, operator: str, case: str) -> None:
    answer = api.post(f"/handoffs/{case}/replies", operator, json={"body": "We are looking into it."})
    assert (answer.status_code, answer.json()["kind"], answer.json()["status"]) == (201, "reply", "proposed")
    assert answer.json()["params"] == {"body": "We are looking into it."}


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
