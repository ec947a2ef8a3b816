"""One action on many cases over HTTP: a result for each, and a call that broke off goes on."""

from typing import Any

import pytest

from flowops import bulk
from flowops.actions.bulk import Action
from flowops.app import App
from flowops.domain.access import Actor, Role
from tests import cases, make, verbs
from tests.live import Api

NOTE = {"action": "note", "params": {"text": "Looked at them."}}


@pytest.fixture
def sue(app: App) -> Actor:
    return cases.person(app, "Sue", Role.SUPERVISOR)


@pytest.fixture
def boss(app: App, sue: Actor) -> str:
    return make.token_of(app, sue.id)


def test_each_case_is_told_of_in_order(api: Api, app: App, sue: Actor, boss: str) -> None:
    ids = [cases.case(app, sue).id for _ in range(2)]
    verbs.claim(app, cases.person(app, "Ada"), ids[1])
    answer = api.post("/handoffs/bulk", boss, json={"ids": [*ids, "H-1", "H-99"], "action": "claim"})
    done, refused, again, unknown = answer.json()["results"]
    assert (answer.status_code, done) == (200, {"id": ids[0], "status": 200, "version": 2})
    assert (refused["id"], refused["status"], refused["code"]) == (ids[1], 409, "already_claimed")
    assert refused["detail"].startswith("Not claimed: Ada has owned this case since")
    assert again == {"id": "H-1", "status": 200, "version": 2}
    assert (unknown["status"], unknown["code"]) == (404, "not_found")


def test_the_version_of_one_case_says_nothing_of_many(api: Api, app: App, sue: Actor, boss: str) -> None:
    body = {"ids": [cases.case(app, sue).id], "action": "claim"}
    refused = api.post("/handoffs/bulk", boss, json=body, headers={"If-Match": '"1"'})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert "If-Match" in refused.json()["detail"]
    assert api.post("/handoffs/bulk", boss, json=body).json()["results"][0]["version"] == 2


def test_a_repeat_gets_the_same_bytes_and_one_that_broke_off_goes_on(api: Api, app: App, sue: Actor, boss: str) -> None:
    ids = [cases.case(app, sue).id for _ in range(3)]
    bulk.act(app, sue, Action.NOTE, ids[:2], NOTE["params"], "k")  # type: ignore[arg-type]  # a text or a mapping
    first, second = (api.post("/handoffs/bulk", boss, key="k", json={"ids": ids} | NOTE) for _ in range(2))
    assert [result["version"] for result in first.json()["results"]] == [2, 2, 2]
    assert (second.content, second.headers["Idempotency-Replayed"]) == (first.content, "true")
    assert [verbs.happened(app, id).count("handoff.note_added") for id in ids] == [1, 1, 1]
    other = api.post("/handoffs/bulk", boss, key="k", json={"ids": ids, "action": "claim"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_a_wrong_call_is_refused_whole(api: Api, app: App, sue: Actor, boss: str) -> None:
    ids = [cases.case(app, sue).id]
    wrong: list[dict[str, Any]] = [
        {"ids": ids},
        {"ids": ids, "action": "delete"},
        {"ids": [], "action": "claim"},
        {"ids": ids * 1001, "action": "claim"},
        {"ids": [5], "action": "claim"},
        {"ids": ids, "action": "claim", "params": {"text": "a"}},
        {"ids": ids, "action": "note"},
        {"ids": ids, "action": "note", "params": {"text": ""}},
        {"ids": ids, "action": "wait", "params": {"waitingFor": "customer"}},
        {"ids": ids, "action": ["claim"]},
    ]
    for body in wrong:
        answer = api.post("/handoffs/bulk", boss, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), body
    assert verbs.read(app, ids[0]).version == 1


def test_the_permission_is_that_of_the_action(api: Api, app: App, sue: Actor, boss: str) -> None:
    ids = [cases.case(app, sue).id]
    ada = make.token(app, Role.OPERATOR, "Ada")
    assign = {"ids": ids, "action": "assign", "params": {"userId": sue.id}}
    answer = api.post("/handoffs/bulk", ada, json=assign)
    assert (answer.status_code, answer.json()["permission"]) == (403, "handoffs.supervise")
    assert api.post("/handoffs/bulk", make.token(app, Role.VIEWER, "Vic"), json={"ids": ids} | NOTE).status_code == 403
    assert api.post("/handoffs/bulk", boss, json=assign).json()["results"] == [
        {"id": ids[0], "status": 200, "version": 2}
    ]
