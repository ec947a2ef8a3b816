"""What a person decides about a side effect, knowing what it is and to whom it goes."""

import re
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import update

from flowops.actions import links
from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.domain.interests import Link
from flowops.queries import audit, effects, handoffs, mailbox
from flowops.storage import tables
from tests import cases, delivery, world
from tests.conftest import Clock
from tests.console.visitor import Visitor

SignIn = Callable[..., Visitor]


@pytest.fixture
def mine(app: App, ada: Visitor) -> tables.Handoff:
    """A case that Ada owns, of a customer whom the records know, and who wrote nothing."""
    handoff = cases.case(app, world.service(app), customer_id="cust_132", title="Charged twice", messages=())
    assert ada.post(f"/case/{handoff.label}/claim").status_code == 303
    return handoff


def status(app: App, effect: tables.Effect) -> str:
    return world.now(app, effect).status.value


def cancel(effect: tables.Effect, handoff: tables.Handoff) -> str:
    return f"/case/{handoff.label}/effects/{effect.id}/cancel"


def test_who_proposed_an_effect_withdraws_it_and_resolves_the_case(
    app: App, ada: Visitor, mine: tables.Handoff, sign_in: SignIn
) -> None:
    assert ada.actor
    effect = world.propose(app, ada.actor, mine.id, "refund", world.BIG)
    stuck = ada.post(f"/case/{mine.label}/resolve", outcome="declined")
    assert stuck.status_code == 409
    assert "approve, decline or withdraw them" in stuck.text
    assert "Withdraw</button>" in ada.get(f"/case/{mine.label}").text
    bo = sign_in("Bo")
    assert "Withdraw</button>" not in bo.get(f"/case/{mine.label}").text
    assert bo.post(cancel(effect, mine)).status_code == 403
    assert ada.post(cancel(effect, mine)).status_code == 303
    assert status(app, effect) == "cancelled"
    assert "Withdraw</button>" not in ada.get(f"/case/{mine.label}").text
    assert ada.post(f"/case/{mine.label}/resolve", outcome="declined").status_code == 303


def test_a_supervisor_withdraws_a_held_effect_and_a_viewer_does_not(app: App, sue: Visitor, sign_in: SignIn) -> None:
    effect = world.effect_of(app, world.receive(app, world.service(app)))
    world.change_invoice(app, total=5000)
    assert not world.start(app, effect.id)
    held = world.now(app, effect)
    with app.view(SYSTEM) as view:
        handoff = handoffs.get(view, str(held.handoff_id)).handoff
    assert "Withdraw</button>" not in sign_in("Vic", Role.VIEWER).get(f"/case/{handoff.label}").text
    assert "Withdraw</button>" in sue.get(f"/case/{handoff.label}").text
    assert sue.post(cancel(held, handoff)).status_code == 303
    assert status(app, effect) == "cancelled"


def test_a_first_message_that_came_after_the_page_stops_the_approval(
    app: App, ada: Visitor, mine: tables.Handoff
) -> None:
    assert ada.actor
    effect = world.propose(app, ada.actor, mine.id, "reply", {"body": "All is well."})
    page = ada.get(f"/case/{mine.label}").text
    assert 'name="lastMessageId" value=""' in page
    ada.post(f"/case/{mine.label}/message", role="customer", text="Nothing is well.")
    address, seen = f"/case/{mine.label}/effects/{effect.id}/approve", {"contentSha256": effect.content_sha256}
    answer = ada.send(address, seen | {"lastMessageId": ""})
    assert answer.status_code == 409
    assert "Somebody wrote again" in answer.text
    assert status(app, effect) == "proposed"
    last = re.search(r'name="lastMessageId" value="(msg_\w+)"', answer.text)
    assert last
    assert ada.send(address, seen | {"lastMessageId": last[1]}).status_code == 303


def approve(who: Visitor, page: str, effect: tables.Effect) -> httpx.Response:
    """Press the button of this page."""
    form = re.search(rf'action="/console([^"]*{effect.id}/approve)">(.*?)</form>', page, re.DOTALL)
    assert form
    fields = dict(re.findall(r'name="(contentSha256|lastMessageId)" value="([^"]*)"', form[2]))
    return who.send(form[1], fields)


def test_a_reply_goes_to_the_address_and_under_the_subject_that_were_shown(
    app: App, ada: Visitor, mine: tables.Handoff, clock: Clock
) -> None:
    assert ada.actor
    effect = world.propose(app, ada.actor, mine.id, "reply", {"body": "All is well."})
    page = ada.get(f"/case/{mine.label}").text
    assert "<dt>To</dt><dd>zoe@example.com</dd>" in page
    assert "<dt>Subject</dt><dd><b>Charged twice</b></dd>" in page
    assert approve(ada, page, effect).status_code == 303
    clock.forward(seconds=10)
    delivery.deliver(app)
    with app.view(SYSTEM) as view:
        mail = mailbox.mail(view, effect.id)
    assert (mail.recipient, mail.subject) == ("zoe@example.com", "Charged twice")


def test_an_address_that_changed_is_shown_before_it_can_be_approved(
    app: App, ada: Visitor, mine: tables.Handoff
) -> None:
    assert ada.actor
    effect = world.propose(app, ada.actor, mine.id, "reply", {"body": "All is well.", "subject": "Done"})
    with app.database.writing() as connection:
        account = update(tables.SandboxAccount).where(tables.SandboxAccount.id == "cust_132")
        connection.execute(account.values(email="new@example.com"))
    answer = approve(ada, ada.get(f"/case/{mine.label}").text, effect)
    assert answer.status_code == 409
    assert "<dt>To</dt><dd>new@example.com</dd>" in answer.text
    assert "<dt>Subject</dt><dd><b>Done</b></dd>" in answer.text
    assert approve(ada, answer.text, effect).status_code == 303


def test_an_address_that_nobody_knows_is_said_so(app: App, ada: Visitor) -> None:
    handoff = cases.case(app, world.service(app, "other"))
    ada.post(f"/case/{handoff.label}/claim")
    assert ada.actor
    world.propose(app, ada.actor, handoff.id, "reply", {"body": "All is well."})
    assert "<dt>To</dt><dd>Not known: the records had no account" in ada.get(f"/case/{handoff.label}").text


def test_a_refund_says_to_whom_and_of_which_invoice(app: App, sue: Visitor) -> None:
    effect = world.proposed(app, world.service(app), customer_id="cust_132", params=world.BIG)
    page = sue.get(f"/case/{effect.handoff_id}").text
    assert "<dd>Zoë O&#39;Brien-Müller, zoe@example.com <code>cust_132</code></dd>" in page
    assert "<dd><code>inv_320</code> of 600.00 EUR, 600.00 EUR refundable</dd>" in page


def test_whoever_has_to_do_with_the_customer_has_dead_buttons_that_say_why(
    app: App, ada: Visitor, mine: tables.Handoff, sign_in: SignIn
) -> None:
    assert ada.actor
    effect = world.propose(app, ada.actor, mine.id, "reply", {"body": "All is well."})
    tom = sign_in("Tom", Role.SUPERVISOR)
    assert f"{effect.id}/approve" in tom.get(f"/case/{mine.label}").text
    assert tom.actor
    with app.unit(SYSTEM) as unit:
        links.add(unit, str(tom.actor.id), Link.CUSTOMER, "cust_132")
    page = tom.get(f"/case/{mine.label}").text
    assert f"{effect.id}/approve" not in page
    assert '<button class="btn outline" disabled>Approve</button>' in page
    assert "Somebody else must decide: you have to do with this customer." in page
    assert "Tom (take over)" not in page
    refused = tom.post(f"/case/{mine.label}/effects/{effect.id}/approve", contentSha256=effect.content_sha256)
    assert refused.status_code == 403
    assert "conflict of interest" in refused.text
    with app.view(SYSTEM) as view:
        (entry,) = audit.search(view, event="access.refused").items
    assert (entry.actor_name, entry.data["permission"]) == ("Tom", "conflict_of_interest")
    ada.post(f"/case/{mine.label}/release")
    assert "Somebody else must take it: you have to do with this customer." in tom.get(f"/case/{mine.label}").text
    assert tom.post(f"/case/{mine.label}/claim").status_code == 403
    assert "Claim</button>" in ada.get(f"/case/{mine.label}").text


def test_what_a_reply_says_without_support_is_shown_at_once_and_stops_the_approval(
    app: App, ada: Visitor, mine: tables.Handoff
) -> None:
    form = {"caseId": mine.id, "subject": "Your invoice", "body": "Your invoice inv_320 was 700.00 EUR."}
    assert ada.send(f"/case/{mine.label}/reply", form).status_code == 303
    page = ada.get(f"/case/{mine.label}").text
    assert "the reply says 700.00 EUR</span>" in page
    assert "the records know 600.00 EUR (inv_320)" in page
    with app.view(SYSTEM) as view:
        [found] = [e for e in effects.search(view, handoff_id=mine.id).items if e.effect.kind == "reply"]
    answer = approve(ada, page, found.effect)
    assert answer.status_code == 409
    assert "The reply says what nothing supports." in answer.text
    assert "The reply says 700.00 EUR; the records know 600.00 EUR (inv_320)" in answer.text
    assert status(app, found.effect) == "proposed"
