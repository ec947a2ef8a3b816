"""What the page of a case knows about it."""

from collections.abc import Callable

import pytest

from flowops.actions import artifacts, conversation, ownership
from flowops.actions import handoffs as actions
from flowops.ai import context, generator
from flowops.app import App
from flowops.console import case
from flowops.domain import artifacts as kinds
from flowops.domain.access import ASSISTANT, SYSTEM
from flowops.domain.artifacts import Status
from flowops.domain.handoffs import Outcome
from flowops.queries import handoffs
from flowops.storage import tables
from tests import cases, world
from tests.conftest import Clock
from tests.console.visitor import Visitor


def summarise(app: App, handoff: tables.Handoff, attempts: list[generator.Attempt] | None = None) -> None:
    """Have the assistant write a summary, or keep these attempts at one."""
    with app.view(SYSTEM) as view:
        seen = context.build(handoffs.parts(view, handoff.id))
    written = generator.write(kinds.SUMMARY, seen, app.generators) if attempts is None else attempts
    with app.unit(ASSISTANT) as unit:
        artifacts.keep(unit, handoff.id, kinds.SUMMARY, written, seen)


@pytest.fixture
def handoff(app: App) -> tables.Handoff:
    tool = {"source": "tool:get_order", "at": "2026-11-22T11:00:00Z", "data": {"orderId": "A-10442"}}
    return cases.case(app, world.service(app), tools=(tool,))


def test_a_summary_is_awaited_then_shown_with_what_was_checked_and_where_it_stands(
    app: App, sign_in: Callable[..., Visitor], handoff: tables.Handoff
) -> None:
    ada = sign_in("Ada")
    assert "The assistant is writing. Nothing waits for it." in ada.get(f"/case/{handoff.label}").text
    summarise(app, handoff)
    page = ada.get(f"/case/{handoff.label}").text
    assert "facts checked" in page
    assert "Generator <code>extractive</code>" in page
    with app.view(SYSTEM) as view:
        message = handoffs.get(view, handoff.id).messages[0]
        summary = case.read(view, handoff.id, case.Looks()).written["summary"]
    assert f'href="#{message.id}"' in page
    assert f'id="{message.id}"' in page
    assert summary.artifact
    assert summary.checked.split(" ")[0] == summary.checked.split(" ")[2]
    assert "Newer messages" not in page


def test_a_pointer_leads_to_the_part_of_the_page_that_shows_its_value(app: App, handoff: tables.Handoff) -> None:
    summarise(app, handoff)
    with app.view(SYSTEM) as view:
        pane = case.read(view, handoff.id, case.Looks())
    summary, (message,) = pane.written["summary"], pane.case.messages
    assert {
        source: summary.anchor(source)
        for source in (
            "/messages/0/text", "/messages/9", "/messages/x", "/facts/0/data", "/verification/checks/0",
            "/verdict/rulings/0/reason", "/effects/0", "/request/effect", "/handoff/title", None,
        )
    } == {
        "/messages/0/text": f"#{message.id}",
        "/messages/9": None,
        "/messages/x": None,
        "/facts/0/data": "#tools",
        "/verification/checks/0": "#checks",
        "/verdict/rulings/0/reason": "#rulings",
        "/effects/0": "#effects",
        "/request/effect": "#effects",
        "/handoff/title": "#case",
        None: None,
    }  # fmt: skip


def test_a_summary_that_failed_says_why_and_blocks_nothing(
    app: App, sign_in: Callable[..., Visitor], handoff: tables.Handoff
) -> None:
    (good,) = generator.write(kinds.SUMMARY, {"handoff": {"title": "x"}}, app.generators)
    failed = generator.Attempt(
        status=Status.FAILED, content=None, grounding=None, provenance=good.provenance, reasons=("model timed out",)
    )
    summarise(app, handoff, [failed])
    page = sign_in("Ada").get(f"/case/{handoff.label}").text
    assert "No summary: model timed out. The case can be worked without it." in page
    assert "Retry" in page
    assert f'href="/console/case/{handoff.label}/artifacts?kind=summary"' in page
    assert "Claim" in page


def test_a_clock_shows_the_promise_what_is_left_and_how_much_is_used(
    app: App, sign_in: Callable[..., Visitor], handoff: tables.Handoff, clock: Clock
) -> None:
    ada = sign_in("Ada")
    for minutes, state, left, used in (
        (15, "ok", "45:00", 25),
        (33, "warn", "12:00", 80),
        (15, "breached", "−3:00", 100),
    ):
        clock.forward(minutes=minutes)
        page = ada.get(f"/case/{handoff.label}").text
        assert f'data-state="{state}"' in page
        assert f">{left}</strong>" in page
        assert f'width="{used}%"' in page
    assert "Claim overdue by" in page
    ada.post(f"/case/{handoff.label}/claim")
    assert "Resolution due in" in ada.get(f"/case/{handoff.label}").text


def test_checks_rulings_and_tool_outputs_are_shown(sign_in: Callable[..., Visitor], handoff: tables.Handoff) -> None:
    page = sign_in("Ada").get(f"/case/{handoff.label}").text
    assert "no such account, expected account cust_1" in page
    assert "<code>escalation.verification</code>" in page
    assert "as claimed by the caller" in page
    assert "&#34;orderId&#34;: &#34;A-10442&#34;" in page


def test_a_long_activity_shows_the_newest_and_says_where_the_rest_is(
    app: App, sign_in: Callable[..., Visitor], handoff: tables.Handoff
) -> None:
    ada = sign_in("Ada")
    address, rest = f"/case/{handoff.label}", f"GET /handoffs/{handoff.label}/timeline"
    assert rest not in ada.get(address).text
    with app.unit(cases.person(app, "Lou")) as unit:
        for number in range(200):
            conversation.note(unit, handoff.id, f"Note {number}.", lease=app.settings.claim_lease)
    page = ada.get(address).text
    assert rest in page
    assert page.count("added a note") == 200
    assert "opened the case" not in page


def test_a_duplicate_is_readable_for_those_who_may_not_see_the_case_it_repeats(
    app: App, sign_in: Callable[..., Visitor], handoff: tables.Handoff
) -> None:
    lou = cases.person(app, "Lou", queues=("default", "vault"))
    hidden = cases.case(app, world.service(app, "other"), queue="vault", title="Secret matter")
    with app.unit(lou) as unit:
        ownership.claim(unit, handoff.id, lease=app.settings.claim_lease)
        actions.resolve(unit, handoff.id, Outcome.DUPLICATE, "Same charge.", hidden.label)
    answer = sign_in("Ada").get(f"/case/{handoff.label}")
    assert answer.status_code == 200
    assert "duplicate of a case you cannot see. Same charge." in answer.text
    assert hidden.label not in answer.text
    both = sign_in("Bo", queues=("default", "vault")).get(f"/case/{handoff.label}")
    assert f"duplicate of {hidden.label}. Same charge." in both.text
