"""Promises over HTTP: what a case shows of its clock, and the deadline explained."""

import pytest

from flowops.app import App
from flowops.domain.access import Role
from flowops.workers import sla
from tests import cases, make, verbs
from tests.conftest import Clock
from tests.live import Api


@pytest.mark.in_process
def test_a_deadline_is_explained(api: Api, app: App, clock: Clock) -> None:
    ada, token = cases.person(app, "Ada"), make.token(app, Role.VIEWER, "Vera")
    case = cases.case(app, ada).id
    clock.forward(minutes=61)
    sla.sweep(app)
    verbs.claim(app, ada, case)
    clock.forward(minutes=10)
    verbs.wait(app, ada, case)
    clock.forward(minutes=30)
    explained = api.get("/handoffs/H-1/sla", token)
    assert explained.status_code == 200
    found = explained.json()
    shown = api.get("/handoffs/H-1", token).json()
    assert (found["sla"], shown["slaDueAt"]) == (shown["sla"], None)
    assert found["sla"] == {
        "policy": "default",
        "clock": "resolution",
        "startedAt": "2026-11-22T13:01:00Z",
        "dueAt": None,
        "warnAt": None,
        "pausedAt": "2026-11-22T13:11:00Z",
        "breachedAt": None,
        "elapsedSeconds": 600,
        "remainingSeconds": 13800,
    }
    assert found["clocks"] == [
        {
            "clock": "response",
            "targetSeconds": 3600,
            "startedAt": "2026-11-22T12:00:00Z",
            "endedAt": "2026-11-22T13:01:00Z",
            "dueAt": "2026-11-22T13:00:00Z",
            "breachedAt": "2026-11-22T13:01:00Z",
            "countedSeconds": 3660,
            "pausedSeconds": 0,
        },
        {
            "clock": "resolution",
            "targetSeconds": 14400,
            "startedAt": "2026-11-22T13:01:00Z",
            "endedAt": None,
            "dueAt": "2026-11-22T17:01:00Z",
            "breachedAt": None,
            "countedSeconds": 600,
            "pausedSeconds": 1800,
        },
    ]
    assert found["intervals"][1:] == [
        {
            "clock": "resolution",
            "state": "counted",
            "from": "2026-11-22T13:01:00Z",
            "to": "2026-11-22T13:11:00Z",
            "seconds": 600,
        },
        {"clock": "resolution", "state": "paused", "from": "2026-11-22T13:11:00Z", "to": None, "seconds": 1800},
    ]
    assert [change["what"] for change in found["changes"]] == ["started", "breached", "started", "paused"]
    assert found["changes"][1] == {
        "at": "2026-11-22T13:01:00Z",
        "what": "breached",
        "clock": "response",
        "priority": "high",
        "dueBefore": "2026-11-22T13:00:00Z",
        "dueAt": "2026-11-22T13:00:00Z",
    }


@pytest.mark.in_process
def test_a_breach_is_a_new_version_and_stands_on_the_case(api: Api, app: App, clock: Clock) -> None:
    token = make.token(app)
    cases.case(app, cases.person(app, "Opener"))
    clock.forward(hours=1, seconds=1)
    sla.sweep(app)
    answer = api.get("/handoffs/H-1", token)
    assert answer.headers["ETag"] == '"2"'
    assert answer.json()["slaBreachedAt"] == answer.json()["sla"]["breachedAt"] == "2026-11-22T13:00:01Z"
    assert "sla_risk" in answer.json()["issues"]
    stale = api.post("/handoffs/H-1/claim", token, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")


def test_of_a_case_without_a_promise_there_is_nothing_to_explain(api: Api, app: App) -> None:
    case = cases.case(app, cases.person(app, "Opener"), promise=False).id
    explained = api.get(f"/handoffs/{case}/sla", make.token(app))
    assert explained.json() == {"sla": None, "clocks": [], "intervals": [], "changes": []}


def test_who_may_not_see_a_case_learns_nothing_of_its_deadlines(api: Api, app: App) -> None:
    case = cases.case(app, cases.person(app, "Opener", queues=["legal"]), queue="legal").id
    for token in (make.token(app), make.token(app, Role.SERVICE, "bot")):
        assert api.get(f"/handoffs/{case}/sla", token).status_code == 404
