"""What a page does with the stream of changes, in a real browser: it says what it knows, and renews what it may."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from flowops import stream
from flowops.actions import ownership
from flowops.app import App
from flowops.domain.access import Actor, Role
from flowops.queries import feed
from tests import cases
from tests.console.browser import SMALL, Open, once
from tests.console.visitor import Visitor

pytestmark = once

# Without a screen, Chromium takes every tab for a visible one.
SEE = """
  seen => {
    Object.defineProperty(document, 'visibilityState', { value: seen ? 'visible' : 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }
"""


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become moments."""
    monkeypatch.setattr(stream, "POLL", 0.05)
    monkeypatch.setattr(stream, "BEAT", 0.2)
    monkeypatch.setattr(feed, "FRESH", 0.02)


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada Byron")


@pytest.fixture
def bot(app: App) -> Actor:
    return cases.person(app, "bot", Role.SERVICE)


def hurry(page: Page) -> None:
    """Give the page a clock that the test can move."""
    page.clock.install()
    page.reload()


def test_a_list_says_what_changed_since_and_leads_to_how_it_is(
    app: App, open_page: Open, ada: Actor, bot: Actor
) -> None:
    page = open_page(ada)
    sign = page.get_by_role("status")
    expect(sign).to_have_text("Live")
    for count in (1, 2):
        cases.case(app, bot, title=f"Case {count}")
        expect(sign).to_have_text(f"{count} changed — Refresh")
    sign.get_by_role("link").focus()
    cases.case(app, bot, title="Case 3")
    expect(sign).to_have_text("3 changed — Refresh")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Case 3")).to_be_visible()
    expect(sign).to_have_text("Live")


def test_after_a_refused_form_refresh_leads_to_the_same_case_in_the_same_list(
    app: App, open_page: Open, ada: Actor, bot: Actor
) -> None:
    case = cases.case(app, bot)
    page = open_page(ada)
    page.goto(f"/console/q/all?priority=high&case={case.label}")
    with app.unit(cases.person(app, "Priya Nair")) as unit:
        ownership.claim(unit, case.id, lease=timedelta(hours=1))
    page.get_by_role("button", name="Claim").first.click()
    expect(page.get_by_role("alert")).to_contain_text("Priya got there first.")
    expect(page).to_have_url(re.compile("/claim"))
    cases.case(app, bot)
    link = page.locator("#live").get_by_role("link")
    expect(link).to_have_attribute("href", f"/console/q/all?priority=high&case={case.label}")
    link.click()
    expect(page).to_have_url(re.compile(rf"/console/q/all\?priority=high&case={case.label}$"))
    expect(page.get_by_role("heading", name="Charged twice")).to_be_visible()


def test_the_sign_tells_the_truth_whatever_the_server_answers(
    app: App, open_page: Open, ada: Actor, bot: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(ada)
    hurry(page)
    sign = page.locator("#live")
    expect(sign).to_have_text("Live")
    with monkeypatch.context() as patched:
        patched.setattr(feed, "STREAMS", 0)
        app.stopping.set()
        expect(sign).to_have_text("Reconnecting… rows as of 12:00 UTC")
        app.stopping.clear()
        cases.case(app, bot)
        with page.expect_response(re.compile("/events")) as refused:
            page.clock.fast_forward(30_000)
        assert refused.value.status == 503
        expect(sign).to_have_text("Reconnecting… rows as of 12:00 UTC")
    page.clock.fast_forward(30_000)
    expect(sign).to_have_text("1 changed — Refresh")  # what was missed is told
    app.stopping.set()
    expect(sign).to_have_text("Reconnecting… 1 changed — Refresh")
    expect(sign.get_by_role("link")).to_have_attribute("href", "/console/q/needs-a-person")
    app.stopping.clear()
    page.clock.fast_forward(30_000)
    expect(sign).to_have_text("1 changed — Refresh")


def test_a_connection_that_has_gone_silent_is_taken_for_lost(
    app: App, open_page: Open, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT", 1e9)
    page = open_page(ada)
    hurry(page)
    expect(page.locator("#live")).to_have_text("Live")
    with page.expect_request(re.compile("/events")) as again:
        page.clock.fast_forward(45_000)
        page.clock.fast_forward(2_000)
    assert again.value.headers["last-event-id"].isdecimal()
    expect(page.locator("#live")).to_have_text("Live")


def test_who_is_signed_out_is_told_and_led_back(
    app: App, open_page: Open, ada: Actor, open_client: Callable[[], httpx.Client]
) -> None:
    page = open_page(ada)
    page.goto("/console/q/all?priority=high")
    sign = page.locator("#live")
    expect(sign).to_have_text("Live")
    other = open_client()
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "flowops"]
    other.cookies.set("flowops", cookie["value"])
    assert Visitor(other, ada).post("/logout").status_code == 303
    expect(sign).to_have_text("Signed out. Sign in again")
    sign.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/console/login\?next=/console/q/all%3Fpriority%3Dhigh"))


def test_eight_tabs_hold_one_stream_and_none_misses_anything(app: App, open_page: Open, ada: Actor, bot: Actor) -> None:
    """A browser keeps six connections to a host: eight streams would leave none for a page."""
    tabs = [open_page(ada)]
    for _ in range(7):
        expect(tabs[-1].locator("#live")).to_have_text("Live")
        tabs[-1].evaluate(SEE, False)
        tabs.append(tabs[0].context.new_page())
        tabs[-1].set_default_timeout(10_000)
        tabs[-1].goto("/console/q/all")
    cases.case(app, bot)
    expect(tabs[-1].locator("#live")).to_have_text("1 changed — Refresh")
    assert app.seats.taken == 1
    for tab in tabs[:-1]:
        assert tab.locator("#live").inner_text() == "Live"
        tab.evaluate(SEE, True)
        expect(tab.locator("#live")).to_have_text("1 changed — Refresh")
        tab.evaluate(SEE, False)


def test_the_dashboard_renews_itself_and_keeps_what_is_the_viewers(app: App, open_page: Open, bot: Actor) -> None:
    cases.case(app, bot)
    page = open_page(cases.person(app, "Sam Okafor", Role.SUPERVISOR))
    page.goto("/console/dash")
    hurry(page)
    page.set_viewport_size({"width": 1440, "height": 500})
    waiting = page.locator(".tile", has_text="Need a person now").locator(".value")
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator("[data-chart] canvas")).to_be_visible()
    expect(waiting).to_have_text("1")
    page.get_by_text("Show as table: Arrived and resolved").click()
    link = page.get_by_role("link", name="CSV of Outcomes")
    link.focus()
    at = page.locator(".dash > .scroll").evaluate("each => each.scrollTop")
    assert at > 0
    drawn = page.locator("[data-chart] canvas").evaluate("each => each.toDataURL()")

    made = cases.case(app, bot)
    page.wait_for_timeout(200)
    expect(waiting).to_have_text("1")  # not at once: whoever works much would make much work
    page.clock.fast_forward(15_000)
    expect(waiting).to_have_text("2")
    expect(page.locator("[data-chart] tbody tr").last.locator("td").nth(1)).to_have_text("2")
    expect(page.locator(".rail nav .num").first).to_be_visible()
    expect(link).to_be_focused()
    assert page.locator(".dash > .scroll").evaluate("each => each.scrollTop") == at
    expect(page.locator("[data-chart] details")).to_have_attribute("open", "")
    expect(page.locator("[data-chart] tbody time").last).not_to_contain_text("UTC")
    assert page.locator("[data-chart] canvas").evaluate("each => each.toDataURL()") != drawn
    expect(page.locator("#live")).to_have_text("Live")

    with app.unit(cases.person(app, "Priya Nair")) as unit:
        ownership.claim(unit, made.id, lease=timedelta(hours=1))
    page.clock.fast_forward(15_000)
    expect(page.locator(".numbers td", has_text="Priya Nair")).to_be_visible()
    page.clock.fast_forward(15_000)
    with page.expect_request(re.compile("/console/dash"), timeout=5_000):
        page.clock.fast_forward(46_000)  # figures age without a change too
    assert page.evaluate(SMALL) == []


def test_a_hidden_dashboard_asks_for_nothing(app: App, open_page: Open, bot: Actor) -> None:
    page = open_page(cases.person(app, "Sam Okafor", Role.SUPERVISOR))
    page.goto("/console/dash")
    hurry(page)
    expect(page.locator("#live")).to_have_text("Live")
    page.evaluate(SEE, False)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(120_000)
    page.wait_for_timeout(200)
    assert asked == []
    cases.case(app, bot)
    page.evaluate(SEE, True)
    expect(page.locator(".tile", has_text="Need a person now").locator(".value")).to_have_text("1")


def test_a_deadline_that_passes_changes_its_words_too(app: App, open_page: Open, ada: Actor, bot: Actor) -> None:
    case = cases.case(app, bot)
    assert case.sla_due_at
    assert case.sla_warn_at
    page = open_page(ada)
    page.goto(f"/console/q/all?case={case.label}")
    hurry(page)
    row, clock = page.locator(".due"), page.locator(".clock")
    expect(clock).to_contain_text("Claim due in")
    expect(clock).to_contain_text("0 % used")
    expect(row.locator(".sr")).to_have_count(0)
    to_warn, to_due = (int((at - app.now()).total_seconds() * 1000) for at in (case.sla_warn_at, case.sla_due_at))
    page.clock.fast_forward(to_warn)
    expect(row).to_have_text(re.compile(r"^\d+:\d\d left, soon due$"))
    expect(clock).to_have_attribute("data-state", "warn")
    page.clock.fast_forward(to_due - to_warn + 1_000)
    expect(row).to_have_text(re.compile(r"^−0:0\d overdue$"))
    expect(clock).to_have_attribute("data-state", "breached")
    expect(clock).to_contain_text("100 % used")
    expect(clock.get_by_role("img")).to_have_attribute("aria-label", "100 % of the time is used")
    expect(clock).to_contain_text("Claim overdue by−0:0")
