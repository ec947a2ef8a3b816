"""Messages that come in later and the owner's draft, over HTTP."""

from typing import Any

import httpx
import pytest

from flowops.app import App
from flowops.domain.access import Role
from tests import cases, make
from tests.live import Api


@pytest.fixture
def ada(app: App) -> str:
    return make.token(app, Role.OPERATOR, "Ada")


def opened(app: App) -> str:
    return f"/handoffs/{cases.case(app, cases.person(app, 'Opener')).id}"


def save(api: Api, case: str, who: str, body: str, version: int, **more: Any) -> httpx.Response:
    return api.send("PUT", f"{case}/draft", who, json={"subject": "Your\ninvoice", "body": body, "version": version})


def test_the_service_that_opened_a_case_adds_to_it_and_reads_it(api: Api, app: App, ada: str) -> None:
    bot = cases.person(app, "bot", Role.SERVICE)
    token, case = make.token_of(app, bot.id), f"/handoffs/{cases.case(app, bot).id}"
    api.post(f"{case}/claim", ada)
    api.post(f"{case}/wait", ada, json={"for": "customer"})
    said = {"role": "customer", "text": "It is inv_9.", "at": "2026-11-22T11:00:00Z"}
    first, again = (api.post(f"{case}/messages", token, json=said, key="m1") for _ in range(2))
    assert (first.status_code, again.content) == (200, first.content)
    told = first.json()
    assert (told["version"], told["waitingFor"], len(told["messages"])) == (4, None, 2)
    assert [told["messages"][-1][name] for name in ("role", "text", "at")] == list(said.values())
    api.post(f"{case}/resolve", ada, json={"outcome": "answered", "notes": ""})
    assert (
        api.post(f"{case}/messages", token, json={"role": "third_party", "text": "Oh."}).json()["status"] == "pending"
    )


def test_nobody_writes_in_the_name_of_an_operator(api: Api, app: App, ada: str) -> None:
    case = opened(app)
    for body in (
        {"role": "operator", "text": "a"},
        {"role": "automation", "text": "a"},
        {"role": "customer", "text": ""},
        {"role": "customer"},
        {"role": "customer", "text": "a", "at": "2026-11-22"},
    ):
        assert api.post(f"{case}/messages", ada, json=body).status_code == 422, body
    assert len(api.get(case, ada).json()["messages"]) == 1


def test_the_draft_is_read_by_people_and_saved_by_the_owner(api: Api, app: App, ada: str) -> None:
    case = opened(app)
    empty = {"subject": "", "body": "", "version": 0, "savedBy": None, "savedAt": None}
    assert api.get(f"{case}/draft", ada).json() == empty
    assert save(api, case, ada, "Dear Ada,", 0).json()["code"] == "not_claimed"
    api.post(f"{case}/claim", ada)
    saved = save(api, case, ada, "Dear Ada,", 0)
    assert (saved.status_code, "ETag" in saved.headers) == (200, False)
    kept = saved.json()
    assert (kept["subject"], kept["body"], kept["version"]) == ("Your invoice", "Dear Ada,", 1)
    assert kept["savedBy"]["name"] == "Ada"
    viewer = make.token(app, Role.VIEWER, "Vic")
    assert api.get(f"{case}/draft", viewer).json() == kept
    assert save(api, case, viewer, "", 1).status_code == 403
    assert save(api, case, make.token(app, Role.SUPERVISOR, "Sue"), "", 1).json()["code"] == "not_owner"
    assert api.get(f"{case}/draft", make.token(app, Role.SERVICE, "bot")).status_code == 403
    assert api.get(case, ada).json()["version"] == 2


def test_a_draft_saved_since_is_shown_and_kept(api: Api, app: App, ada: str) -> None:
    case = opened(app)
    api.post(f"{case}/claim", ada)
    kept = save(api, case, ada, "The first text", 0).json()
    answer = save(api, case, ada, "The second text", 0)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "draft_changed")
    assert {name: problem[name] for name in kept} == kept
    assert api.get(f"{case}/draft", ada).json() == kept
    assert save(api, case, ada, "The second text", 1).json()["version"] == 2
    for wrong in (-1, 1.5, "1", None, 3, 2**53):
        body = {"subject": "", "body": "", "version": wrong}
        assert api.send("PUT", f"{case}/draft", ada, json=body).status_code == 422, wrong
    for field, length in (("subject", 201), ("body", 20_001)):
        body = {"subject": "", "body": "", "version": 2, field: "a" * length}
        assert api.send("PUT", f"{case}/draft", ada, json=body).status_code == 422, field
