"""The queue as clients search it: filters, words, orders and pages in the address."""

import pytest

from flowops.app import App
from flowops.domain.access import Role
from flowops.domain.filters import Filters
from flowops.domain.handoffs import Priority
from tests import cases, make
from tests.live import Api


def labels(api: Api, token: str, **asked: str | int) -> list[str]:
    answer = api.get("/handoffs", token, params=asked)
    assert answer.status_code == 200, answer.text
    return [item["number"] for item in answer.json()["items"]]


def test_filters_words_and_orders_are_asked_for_in_the_address(api: Api, app: App) -> None:
    token = make.token(app, Role.VIEWER)
    bot = cases.person(app, "bot", Role.SERVICE, ())
    cases.case(app, bot, title="Late parcel", priority=Priority.LOW)
    cases.case(app, bot, title="Late refund", priority=Priority.URGENT, channel="email")
    cases.case(app, bot, title="Lost parcel", priority=Priority.HIGH, promise=False)
    assert labels(api, token) == ["H-2", "H-1", "H-3"]
    assert labels(api, token, sort="priority") == ["H-2", "H-3", "H-1"]
    assert labels(api, token, sort="-created") == ["H-3", "H-2", "H-1"]
    assert labels(api, token, sort="risk") == ["H-2", "H-1", "H-3"]
    assert labels(api, token, q="late") == ["H-2", "H-1"]
    assert labels(api, token, q="late parcel") == ["H-1"]
    assert labels(api, token, q="late channel:email") == ["H-2"]
    assert labels(api, token, q="late", priority="low") == ["H-1"]
    assert labels(api, token, q="h-3") == ["H-3"]
    assert labels(api, token, due="<1h") == ["H-2"]
    assert labels(api, token, tier="supervisor") == labels(api, token, waiting="true") == []
    assert len(labels(api, token, tier="operator", waiting="false", breached="false", risk="none")) == 3
    first = api.get("/handoffs", token, params={"sort": "priority", "limit": 2}).json()
    assert labels(api, token, sort="priority", limit=2, cursor=first["nextCursor"]) == ["H-1"]


def test_what_cannot_be_asked_is_a_problem_that_says_why(api: Api, app: App) -> None:
    token = make.token(app, Role.VIEWER)
    for name, value, said in (
        ("status", "done", "status"),
        ("risk", "huge", "risk"),
        ("breached", "perhaps", "breached"),
        ("waiting", "us", "waiting"),
        ("due", "1h", "due"),
        ("sort", "title", "sort"),
        ("limit", "201", "limit"),
        ("cursor", "nonsense", "cursor"),
        ("q", "x" * 201, "q"),
        ("q", "status:done", "status cannot be 'done'"),
    ):
        answer = api.get("/handoffs", token, params={name: value})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert said in answer.json()["detail"]


@pytest.mark.in_process
def test_every_filter_is_described(api: Api) -> None:
    described = api.get("/openapi.json").json()["paths"]["/handoffs"]["get"]["parameters"]
    assert {each["name"] for each in described} == {*Filters.model_fields, "q", "sort", "cursor", "limit"}
