"""What is typed in a case survives every other button on its page, and comes back nowhere but in that case."""

import pytest
from playwright.sync_api import Locator, Page, expect

from flowops.actions import artifacts as actions
from flowops.actions import conversation, operators, ownership
from flowops.ai import context, generator
from flowops.app import App
from flowops.domain import artifacts as kinds
from flowops.domain.access import ASSISTANT, SYSTEM, Actor, Role
from flowops.queries import artifacts, drafts
from flowops.queries import handoffs as known
from flowops.storage import tables
from tests import cases, world
from tests.console.browser import Open, once

BACK = "Put back as you left it. It was not saved or sent."


@pytest.fixture
def maria(app: App) -> Actor:
    return cases.person(app, "Maria Lopez")


@pytest.fixture
def mine(app: App, site: str, maria: Actor) -> tables.Handoff:
    """A case that Maria owns, with a draft of the assistant."""
    made = cases.case(app, world.service(app), customer_id="cust_123")
    claim(app, maria, made)
    with app.view(SYSTEM) as view:
        seen = context.build(known.parts(view, made.id))
    with app.unit(ASSISTANT) as unit:
        actions.keep(unit, made.id, kinds.DRAFT, generator.write(kinds.DRAFT, seen, app.generators), seen)
    return made


def claim(app: App, who: Actor, case: tables.Handoff) -> None:
    with app.unit(who) as unit:
        ownership.claim(unit, case.id, lease=app.settings.claim_lease)


def field(page: Page, name: str, case: tables.Handoff) -> Locator:
    return page.locator(f"#{name}-{case.id}")


@once
def test_a_note_that_is_saved_keeps_the_reply_until_that_is_sent(
    app: App, open_page: Open, maria: Actor, mine: tables.Handoff
) -> None:
    page = open_page(maria)
    page.goto(f"/console/q/mine?case={mine.label}")
    reply, subject, note = (field(page, name, mine) for name in ("reply", "subject", "note"))
    reply.fill("Dear Ada,\nwe look into it.")
    subject.fill("Your invoices")
    note.fill("They see both captures.")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".message", has_text="They see both captures.")).to_have_count(1)
    expect(note).to_have_value("")
    expect(reply).to_have_value("Dear Ada,\nwe look into it.")
    expect(subject).to_have_value("Your invoices")
    expect(reply).to_have_accessible_description(f"{BACK} Drop it")
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_text(BACK)).to_have_count(2)
    expect(page.get_by_text(BACK).last).to_be_visible()
    page.get_by_role("button", name="Propose reply").click()
    expect(page.locator(".effect", has_text="we look into it.")).to_have_count(1)
    for shown in (reply, subject, note):
        expect(shown).to_have_value("")
    expect(page.get_by_text(BACK)).to_have_count(0)
    assert page.evaluate("Object.keys(sessionStorage).length") == 0


@once
def test_what_was_typed_in_one_case_never_appears_in_another_or_to_somebody_else(
    app: App, open_page: Open, maria: Actor, mine: tables.Handoff
) -> None:
    other, bo = cases.case(app, world.service(app, "other"), customer_id="cust_124"), cases.person(app, "Bo Li")
    claim(app, maria, other)
    page = open_page(maria)

    def shown(case: tables.Handoff) -> list[str]:
        """What stands in the fields of the case, which the page has a few of."""
        page.goto(f"/console/q/all?case={case.label}")
        texts: list[str] = page.locator("#case form :is(textarea, input[type=text])").evaluate_all(
            "fields => fields.map(field => field.value)"
        )
        return [text for text in texts if text not in {"", "EUR"}]

    assert shown(mine) == []
    fields = page.locator("#case form :is(textarea, input[type=text])")
    assert fields.count() > 8
    for number in range(fields.count()):
        fields.nth(number).evaluate(
            "(field, text) => { field.value = text; field.dispatchEvent(new Event('input', {bubbles: true})) }", "A"
        )
    for _ in range(2):
        assert shown(other) == []
        assert page.get_by_text(BACK).count() == 0
        assert shown(mine) == ["A"] * fields.count()
    with app.unit(maria) as unit:
        ownership.release(unit, mine.id)
    with app.unit(SYSTEM) as unit:
        assert bo.id
        secret = operators.make_sign_in_link(unit, bo.id)
    claim(app, bo, mine)
    page.goto(f"/console/link/{secret}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Bo Li, operator")).to_be_visible()
    assert shown(mine) == []


@once
def test_the_assistants_draft_takes_no_place_of_typed_text_unasked(
    app: App, open_page: Open, maria: Actor, mine: tables.Handoff
) -> None:
    page = open_page(maria)
    page.goto(f"/console/case/{mine.label}")
    reply = field(page, "reply", mine)
    reply.fill("My own words.")
    page.get_by_role("link", name="the assistant’s draft").click()
    expect(reply).to_have_value("My own words.")
    page.get_by_role("button", name="Use the assistant’s draft").click()
    with app.view(SYSTEM) as view:
        drafted = artifacts.latest(view, mine, kinds.DRAFT).content
    assert drafted
    content = drafted["body"]
    expect(reply).to_have_value(content)
    expect(reply).to_be_focused()
    field(page, "note", mine).fill("A note.")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".message", has_text="A note.")).to_have_count(1)
    expect(reply).to_have_value(content)


@once
def test_a_form_that_never_arrived_is_put_back_and_overwrites_nothing_saved_since(
    app: App, open_page: Open, maria: Actor, mine: tables.Handoff
) -> None:
    page = open_page(maria)
    page.goto(f"/console/case/{mine.label}")
    field(page, "reply", mine).fill("Maria's words.")
    page.route("**/draft", lambda route: route.abort())
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_url("chrome-error://**")
    page.unroute("**/draft")
    sue = cases.person(app, "Sue Park", Role.SUPERVISOR)
    assert sue.id
    assert maria.id
    for owner, work in ((sue, "Sue's words."), (maria, "")):
        with app.unit(sue) as unit:
            ownership.assign(unit, mine.id, str(owner.id))
            if work:
                conversation.save_draft(unit, mine.id, "", work, 0, lease=app.settings.claim_lease)
    page.goto(f"/console/case/{mine.label}")
    expect(field(page, "reply", mine)).to_have_value("Maria's words.")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("alert")).to_contain_text("Sue saved v1 while you wrote.")
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("v2, saved by you")).to_be_visible()
    expect(field(page, "reply", mine)).to_have_value("Maria's words.")
    expect(page.get_by_text(BACK)).to_have_count(0)
    with app.view(SYSTEM) as view:
        saved = drafts.get(view, mine.id)
    assert saved
    assert saved.body == "Maria's words."
