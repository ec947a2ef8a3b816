"""Effects are paused and resumed by those who may, and everybody who reads can see it."""

import pytest

from flowops.app import App
from flowops.domain.access import Role
from tests import make
from tests.conftest import Clock
from tests.live import Api

NOTHING = {"paused": False, "reason": None, "by": None, "at": None}


def test_nobody_has_touched_the_switch_at_first(api: Api, app: App) -> None:
    assert api.get("/effects/pause", make.token(app, Role.VIEWER)).json() == NOTHING


def test_a_supervisor_pauses_and_an_admin_resumes(api: Api, app: App) -> None:
    sue, ann = make.user(app, Role.SUPERVISOR, "Sue"), make.user(app, Role.ADMIN, "Ann")
    answer = api.post("/effects/pause", make.token_of(app, sue), json={"reason": "refunds go out twice"})
    paused = answer.json()
    assert (answer.status_code, paused.pop("at")[-1]) == (200, "Z")
    assert paused == {"paused": True, "reason": "refunds go out twice", "by": {"id": sue, "name": "Sue"}}
    assert api.get("/effects/pause", make.token(app, Role.VIEWER, "Vic")).json() == answer.json()
    resumed = api.post("/effects/resume", make.token_of(app, ann), json={"reason": "mended"}).json()
    assert (resumed["paused"], resumed["reason"], resumed["by"]) == (False, "mended", {"id": ann, "name": "Ann"})


def test_to_pause_what_is_paused_and_to_resume_what_is_not_answers_and_changes_nothing(api: Api, app: App) -> None:
    sue, ann = make.token(app, Role.SUPERVISOR, "Sue"), make.token(app, Role.ADMIN, "Ann")
    untouched = api.post("/effects/resume", ann)
    assert (untouched.status_code, untouched.json()) == (200, NOTHING)
    first = api.post("/effects/pause", sue, json={"reason": "first"})
    second = api.post("/effects/pause", ann, json={"reason": "second"})
    assert (second.status_code, second.json()) == (200, first.json())
    log = api.get("/audit", sue).json()["items"]
    assert [entry["event"] for entry in log if entry["event"].startswith("effects.")] == ["effects.paused"]


def test_a_repeat_under_the_same_key_gets_the_same_answer(api: Api, app: App) -> None:
    sue = make.token(app, Role.SUPERVISOR, "Sue")
    first = api.post("/effects/pause", sue, key="stop", json={"reason": "why"})
    api.post("/effects/resume", sue)
    again = api.post("/effects/pause", sue, key="stop", json={"reason": "why"})
    assert (again.content, again.headers["Idempotency-Replayed"]) == (first.content, "true")
    assert api.get("/effects/pause", sue).json()["paused"] is False


@pytest.mark.parametrize("body", [None, {}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 20_001}, {"why": "x"}])
def test_a_pause_needs_a_reason(api: Api, app: App, body: object) -> None:
    sue = make.token(app, Role.SUPERVISOR, "Sue")
    assert api.post("/effects/pause", sue, json=body).status_code == 422
    assert api.get("/effects/pause", sue).json() == NOTHING


def test_neither_takes_the_version_of_a_case(api: Api, app: App) -> None:
    sue = make.token(app, Role.SUPERVISOR, "Sue")
    for path in ("/effects/pause", "/effects/resume"):
        assert api.post(path, sue, headers={"If-Match": '"1"'}, json={"reason": "why"}).status_code == 422


@pytest.mark.in_process
def test_a_pause_is_a_warning_of_readiness_and_a_metric_and_says_nobodys_words(
    api: Api, app: App, clock: Clock
) -> None:
    sue = make.token(app, Role.SUPERVISOR, "Sue")

    def measured() -> list[dict[str, float]]:
        found: list[dict[str, float]] = api.get("/metrics/summary", sue).json()["flowops_effects_paused"]
        return found

    assert measured() == [{"value": 0}]
    api.post("/effects/pause", sue, json={"reason": "Ada was paid twice"})
    answer = api.get("/readyz")
    warning = "Effects are paused since 2026-11-22T12:00:00Z; none starts until they are resumed."
    assert (answer.status_code, answer.json()["warnings"][-1]) == (200, warning)
    assert "Ada" not in answer.text
    assert measured() == [{"value": 1}]
    api.post("/effects/resume", sue)
    assert warning not in api.get("/readyz").json()["warnings"]
