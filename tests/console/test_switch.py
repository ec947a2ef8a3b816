"""Effects are paused and resumed from a page, and every page says so meanwhile, at once and without a reload."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from flowops import stream
from flowops.actions import switch as actions
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, ActorKind, Role
from flowops.domain.effects import Status
from flowops.queries import feed, switch
from tests import cases, world
from tests.conftest import Clock
from tests.console.browser import SMALL, Open, once
from tests.console.visitor import Visitor

WHY = "refunds go out <twice>"
BANNER = "Effects are paused."


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become moments."""
    monkeypatch.setattr(stream, "POLL", 0.05)
    monkeypatch.setattr(feed, "FRESH", 0.02)


def is_paused(app: App) -> bool:
    with app.view() as view:
        return switch.is_paused(view)


def pause(app: App, by: Actor = SYSTEM) -> None:
    with app.unit(by) as unit:
        actions.pause(unit, WHY)


def resume(app: App) -> None:
    with app.unit(SYSTEM) as unit:
        actions.resume(unit)


def test_a_supervisor_pauses_with_a_reason_and_resumes(app: App, sue: Visitor) -> None:
    world.receive(app, world.service(app))
    page = sue.get("/effects").text
    assert "Yes, pause all effects" in page
    assert re.search(r'To be started</dt><dd class="num">1<', page)
    answer = sue.post("/effects/pause", reason=f" {WHY}\r\n")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/effects")
    assert is_paused(app)
    page = sue.get("/effects").text
    assert "Yes, resume effects" in page
    assert "refunds go out &lt;twice&gt;" in page
    assert sue.post("/effects/resume").status_code == 303
    assert not is_paused(app)
    assert BANNER not in sue.get("/effects").text


def test_what_is_approved_is_called_back_as_long_as_effects_are_paused(app: App, sue: Visitor, clock: Clock) -> None:
    effect = world.proposed(app, world.service(app))
    world.approve(app, cases.person(app, "Ada"), effect)
    clock.forward(seconds=10)
    case = f"/case/{effect.handoff_id}"
    assert "Call back" not in sue.get(case).text
    pause(app)
    assert "Stands still as long as effects are paused" in (page := sue.get(case).text)
    assert "Call back</button>" in page
    assert sue.post(f"{case}/effects/{effect.id}/cancel").status_code == 303
    assert world.now(app, effect).status is Status.CANCELLED
    assert "Call back" not in sue.get(case).text


@pytest.mark.parametrize("reason", [" ", "x" * 20_001])
def test_without_a_fit_reason_nothing_is_paused(app: App, sue: Visitor, reason: str) -> None:
    answer = sue.post("/effects/pause", reason=reason)
    assert answer.status_code == 422
    assert '<details class="answers more" open>' in answer.text
    assert not is_paused(app)


def test_every_page_says_who_paused_effects_since_when_and_why(app: App, sue: Visitor, ada: Visitor) -> None:
    case = cases.case(app, world.service(app))
    assert sue.actor
    pause(app, sue.actor)
    for path in ("/q/all", f"/q/all?case={case.label}", f"/case/{case.label}", "/dash", "/approvals", "/me"):
        page = ada.get(path).text
        assert BANNER in page, path
        assert "Sue Park: “refunds go out &lt;twice&gt;”" in page, path
        assert "22 Nov" in page, path
        assert "/console/effects" not in page, "only those who may are led there"
    assert "/console/effects" in sue.get("/me").text
    resume(app)
    assert BANNER not in ada.get("/q/all").text


def test_a_pause_from_a_terminal_names_who_sat_there(app: App, ada: Visitor) -> None:
    pause(app, Actor(ActorKind.SYSTEM, "root"))
    assert "root at a terminal: “refunds" in ada.get("/me").text


def test_the_banner_alone_is_what_pages_show(app: App, ada: Visitor, stranger: Visitor) -> None:
    assert ada.get("/effects/banner").text.strip() == ""
    pause(app)
    assert ada.get("/effects/banner").text.strip().startswith('<div class="banner"')
    assert stranger.get("/effects/banner").status_code == 303


def test_effects_are_paused_by_those_who_may(app: App, ada: Visitor, sign_in: Callable[..., Visitor]) -> None:
    for answer in (ada.get("/effects"), ada.post("/effects/pause", reason="x"), ada.post("/effects/resume")):
        assert answer.status_code == 403
        assert "effects.pause" in answer.text
    assert not is_paused(app)
    ann = sign_in("Ann", Role.ADMIN)
    assert ann.post("/effects/pause", reason="x").status_code == 303
    assert is_paused(app)


@once
def test_a_supervisor_stops_everything_and_everybody_sees_it_at_once(app: App, open_page: Open) -> None:
    case = cases.case(app, world.service(app))
    sue = open_page(cases.person(app, "Sue Park", Role.SUPERVISOR))
    watching = [open_page(cases.person(app, "Ada Byron")) for _ in range(2)]
    watching[1].goto(f"/console/case/{case.label}")  # a page without a list
    for page in watching:
        expect(page.locator(".banner")).to_have_count(0)

    sue.get_by_role("link", name="Effects").click()
    expect(sue.get_by_role("button", name="Yes, pause all effects")).to_be_hidden()
    sue.get_by_text("Pause all effects …").click()
    assert sue.evaluate(SMALL) == []
    sue.get_by_label("Why? Everybody is shown it.").fill(WHY)
    sue.get_by_role("button", name="Yes, pause all effects").click()
    expect(sue.get_by_role("heading", name="Effects are paused")).to_be_visible()
    for page in watching:
        banner = page.get_by_role("alert")
        expect(banner).to_contain_text(BANNER)
        expect(banner).to_contain_text(f"Sue Park: “{WHY}”")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "panes still scroll on their own"
    expect(watching[0].get_by_text("Live", exact=True)).to_be_visible()  # no case has changed

    for width in (320, 1440):
        watching[0].set_viewport_size({"width": width, "height": 900})
        assert watching[0].evaluate("document.documentElement.scrollWidth <= innerWidth"), width

    sue.get_by_role("link", name="Look and resume …").click()
    sue.get_by_text("Resume effects …").click()
    sue.get_by_role("button", name="Yes, resume effects").click()
    expect(sue.get_by_role("heading", name="Effects start when they are approved")).to_be_visible()
    for page in watching:
        expect(page.locator(".banner")).to_have_count(0)


@once
def test_what_happened_before_a_page_listens_is_not_missed(app: App, open_page: Open) -> None:
    page = open_page(cases.person(app, "Ada Byron"))
    held: list[str] = []

    def late(route: Route) -> None:
        if not held:
            held.append("listening")
            pause(app)
        route.continue_()

    page.route("**/console/events*", late)
    page.goto("/console/me")
    expect(page.get_by_role("alert")).to_contain_text(BANNER)
