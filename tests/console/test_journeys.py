"""What people do, in a real browser."""

import itertools
import re

import pytest
from playwright.sync_api import expect

from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.queries import artifacts, decisions, handoffs
from flowops.storage import tables
from tests import cases, delivery, make, world
from tests.console.browser import SMALL, Open, once
from tests.console.test_case import summarise
from tests.delivery import Ring


@pytest.fixture
def handoff(app: App, site: str) -> tables.Handoff:
    """A case of a customer whom the records know, with its summary."""
    made = cases.case(app, world.service(app), customer_id="cust_123", title="Charged twice for one order")
    summarise(app, made)
    return made


def test_a_case_is_claimed_answered_and_resolved(app: App, open_page: Open, handoff: tables.Handoff) -> None:
    page = open_page(cases.person(app, "Maria Lopez"))

    page.get_by_role("link", name="Charged twice").click()
    expect(page.get_by_role("heading", name="Charged twice")).to_be_visible()
    expect(page.get_by_text("facts checked")).to_be_visible()

    page.get_by_role("button", name="Claim").click()
    expect(page.get_by_text("Claimed by you")).to_be_visible()
    expect(page.get_by_text("Yours for")).to_have_text(re.compile("Yours for 1[45]:[0-5][0-9]"))

    page.get_by_label("New note").fill("They see both captures.")
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_text("They see both captures.").first).to_be_visible()

    page.get_by_label("Reply to").fill("Dear Ada,\nwe look into it.")
    page.get_by_role("button", name="Propose reply").click()
    page.get_by_role("button", name="Approve & send").click()
    expect(page.get_by_text("1 of 1 approval")).to_be_visible()

    page.locator(".actions summary", has_text="Resolve").click()
    page.locator(".actions").get_by_label("Outcome").select_option("answered")
    page.get_by_role("textbox", name="Notes").fill("Written to her.")
    page.locator(".actions form").get_by_role("button", name="Resolve").click()
    expect(page.locator(".actions")).to_contain_text("Resolved by Maria Lopez just now: answered. Written to her.")
    expect(page.get_by_text("resolved the case: answered")).to_be_visible()

    page.get_by_role("link", name="Needs a person").click()
    expect(page.get_by_text("Nobody is waiting.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()


@once
def test_who_comes_second_is_told_and_nothing_changes(app: App, open_page: Open, handoff: tables.Handoff) -> None:
    first, second = open_page(cases.person(app, "Priya Nair")), open_page(cases.person(app, "Maria Lopez"))
    for page in (first, second):
        page.get_by_role("link", name="Charged twice").click()
    first.get_by_role("button", name="Claim").click()
    second.get_by_role("button", name="Claim").click()
    expect(second.get_by_role("alert")).to_contain_text("Not claimed — Priya got there first.")
    expect(second.get_by_role("alert")).to_contain_text("Nothing was changed.")
    expect(second.locator(".actions")).to_contain_text("Priya Nair is working on this")
    expect(second.locator("tr[aria-current]")).to_contain_text("Priya N.")
    second.get_by_role("link", name="Next open case").click()
    expect(second.get_by_text("Every open case has an owner.")).to_be_visible()


@once
def test_what_somebody_types_stays_with_its_case(app: App, open_page: Open, handoff: tables.Handoff) -> None:
    """A reply to one customer must never appear in the case of another, whatever the browser fills in again."""
    other = cases.case(app, world.service(app, "other"), customer_id="cust_124", title="Another matter")
    maria = cases.person(app, "Maria Lopez")
    page = open_page(maria)
    for each in (handoff, other):
        page.goto(f"/console/q/mine?case={each.label}")
        page.get_by_role("button", name="Claim").click()
    page.goto(f"/console/q/mine?case={handoff.label}")
    page.get_by_label("Reply to").fill("For Ada alone")
    page.get_by_role("link", name="Another matter").click()
    expect(page.get_by_role("heading", name="Another matter")).to_be_visible()
    expect(page.get_by_label("Reply to")).to_have_value("")
    assert page.get_by_label("Reply to").get_attribute("id") == f"reply-{other.id}"


@once
def test_what_people_wrote_runs_nowhere(app: App, open_page: Open) -> None:
    nasty = '<script>alert(1)</script><img src="x" onerror="alert(2)"><style>*{display:none}</style>'
    message = {"role": "customer", "text": nasty, "at": "2026-11-22T11:00:00Z"}
    made = cases.case(app, world.service(app), title=nasty, messages=(message,))
    page = open_page(cases.person(app, "Maria Lopez"))
    page.goto(f"/console/q/all?case={made.label}")
    page.get_by_role("button", name="Claim").click()
    page.get_by_label("New note").fill(nasty)
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#case .text", has_text="<script>alert(1)</script>")).to_have_count(2)
    assert page.locator("script:not([src]), img, style").count() == 0


@once
def test_every_page_fits_a_narrow_window(app: App, open_page: Open, handoff: tables.Handoff) -> None:
    long = "Donaudampfschifffahrtsgesellschaft" * 5
    message = {"role": "customer", "text": long, "at": "2026-11-22T11:00:00Z"}
    wide = cases.case(app, world.service(app, "wide"), title=long, messages=(message,), tools=(
        {"source": "tool:" + "x" * 150, "at": "2026-11-22T11:00:00Z", "data": {"key": long}},
    ))  # fmt: skip
    maria = cases.person(app, "Maria Magdalena Lopez-Hernandez")
    for width in (320, 760, 1179, 1180):
        page = open_page(maria, width)
        for path in (
            "q/needs-a-person",
            "q/all?priority=high&status=pending&queue=default&assignee=none",
            f"q/all?case={wide.label}",
            f"case/{handoff.label}",
            "nowhere",
        ):
            page.goto(f"/console/{path}")
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            fits = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            assert fits, f"{path} is wider than {width} px"


@once
def test_a_citation_leads_to_its_source_and_moves_nothing_but_the_case(
    app: App, open_page: Open, handoff: tables.Handoff
) -> None:
    page = open_page(cases.person(app, "Maria Lopez"))
    page.goto(f"/console/q/all?case={handoff.label}")
    page.locator(".cite[href='#checks']").first.click()
    expect(page.locator("#checks")).to_be_in_viewport()
    expect(page.get_by_role("heading", name="All cases")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollHeight") == 900


@once
def test_a_narrow_window_shows_the_list_or_the_case(app: App, open_page: Open, handoff: tables.Handoff) -> None:
    maria = cases.person(app, "Maria Lopez")
    for width, both in ((1440, True), (1000, False)):
        page = open_page(maria, width)
        page.goto(f"/console/q/all?case={handoff.label}")
        expect(page.locator(".detail")).to_be_visible()
        expect(page.locator(".list")).to_be_visible(visible=both)
        expect(page.get_by_role("link", name="Back to the list")).to_be_visible(visible=not both)


@once
def test_the_keyboard_alone_claims_a_case(app: App, open_page: Open, handoff: tables.Handoff) -> None:
    page = open_page(cases.person(app, "Maria Lopez"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == handoff.title:
            break
    page.keyboard.press("Enter")
    claim = page.get_by_role("button", name="Claim")
    for _ in range(60):
        if claim.evaluate("each => each === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Claimed by you")).to_be_visible()


@once
def test_no_control_is_smaller_than_a_fingertip(app: App, open_page: Open, handoff: tables.Handoff) -> None:
    """24 by 24 px, but for links inside sentences (WCAG 2.2, 2.5.8)."""
    page = open_page(cases.person(app, "Maria Lopez"))
    for path in (f"q/all?priority=high&case={handoff.label}", "login"):
        page.goto(f"/console/{path}")
        assert page.evaluate(SMALL) == []


@once
def test_a_double_click_writes_one_note(app: App, open_page: Open, handoff: tables.Handoff) -> None:
    page = open_page(cases.person(app, "Maria Lopez"))
    page.goto(f"/console/case/{handoff.label}")
    page.get_by_role("button", name="Claim").click()
    page.get_by_label("New note").fill("They see both captures.")
    page.get_by_role("button", name="Add note").dblclick()
    expect(page.locator(".message", has_text="They see both captures.")).to_have_count(1)
    page.reload()
    expect(page.locator(".message", has_text="They see both captures.")).to_have_count(1)


@once
def test_an_admin_adds_somebody_and_hands_them_a_link(app: App, open_page: Open, site: str) -> None:
    page = open_page(cases.person(app, "Ana Costa", Role.ADMIN))
    page.get_by_role("link", name="People").click()
    page.get_by_label("Name").fill("Bo Li")
    page.get_by_label("E-mail").fill("bo@example.com")
    page.get_by_label("Role").select_option("supervisor")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("link", name="Bo Li").click()
    page.get_by_role("button", name="Make a sign-in link").click()
    link = page.locator(".secret").inner_text()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.goto(link.replace(app.settings.origin, site))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Bo Li, supervisor")).to_be_visible()
    expect(page.get_by_role("link", name="Dead letters")).to_be_visible()
    expect(page.get_by_role("link", name="People")).to_have_count(0)


@once
def test_the_pages_around_the_cases_fit_a_narrow_window_and_a_fingertip(app: App, open_page: Open) -> None:
    long = "Donaudampfschifffahrtsgesellschaft" * 5
    job_id, *_ = delivery.enqueue(app, Ring(bell=long), Ring(bell="two"))
    for job in delivery.claim(app):
        delivery.bury(app, job, long)
    app.mail.send("ada@example.com", long, long, "key")
    make.token(app, Role.SERVICE, long, queues=["a" * 40, "b" * 40])
    sam, ana = cases.person(app, "Sam Okafor", Role.SUPERVISOR), cases.person(app, "Ana Costa", Role.ADMIN)
    effect = world.proposed(app, world.service(app), customer_id="cust_132", params=world.BIG, subject=long)
    with app.view(SYSTEM) as view:
        case = handoffs.get(view, str(effect.handoff_id)).handoff
    summarise(app, case)
    with app.view(SYSTEM) as view:
        (shown,) = artifacts.versions(view, case).items
    versions = f"case/{case.label}/artifacts"
    of_case = (versions, f"{versions}/{shown.artifact.id}", f"{versions}/{shown.artifact.id}/context")
    with app.view(SYSTEM) as view:
        decision = decisions.of_case(view, case)
    of_policy = ("policies", "policies/replay", "decisions", f"decisions/{decision}")
    for who, paths in (
        (sam, ("approvals", *of_case)),
        (sam, of_policy),
        (sam, ("dead", f"dead/{job_id}", f"dead/retry?error={long}", "mail", "mail/key", "me", "admin/people")),
        (ana, ("admin/people", f"admin/people/{sam.id}", "admin/tokens")),
    ):
        page = open_page(who)
        for path, width in itertools.product(paths, (320, 800)):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"/console/{path}")
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            fits = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            assert fits, f"{path} is wider than {width} px"
            assert page.evaluate(SMALL) == [], path
            assert page.locator("h1").count() == 1, path
            named = "[...document.querySelectorAll('input:not([type=hidden], [hidden]), select, textarea')]"
            assert page.evaluate(f"{named}.filter(each => !each.labels.length).map(each => each.outerHTML)") == [], path
