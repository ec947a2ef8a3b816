"""What people write in a case stays in that case, and nobody's text is lost."""

from collections.abc import Callable

import pytest

from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.queries import drafts, effects, handoffs
from flowops.storage import tables
from tests import cases, world
from tests.conftest import NOW
from tests.console.visitor import Visitor

SignIn = Callable[..., Visitor]


@pytest.fixture
def ada(sign_in: SignIn) -> Visitor:
    return sign_in("Ada Byron")


@pytest.fixture
def mine(app: App, ada: Visitor) -> tables.Handoff:
    """A case that Ada owns."""
    handoff = cases.case(app, world.service(app))
    assert ada.post(f"/case/{handoff.label}/claim").status_code == 303
    return handoff


def saved(app: App, ref: str) -> tables.Draft | None:
    with app.view(SYSTEM) as view:
        return drafts.get(view, ref)


def proposed(app: App, handoff: tables.Handoff) -> list[dict[str, object]]:
    with app.view(SYSTEM) as view:
        return [found.effect.params for found in effects.search(view, handoff_id=handoff.id).items]


def last_message(app: App, handoff: tables.Handoff) -> str:
    with app.view(SYSTEM) as view:
        return handoffs.get(view, handoff.id).messages[-1].id


def test_a_text_written_in_one_case_is_never_saved_or_sent_in_another(
    app: App, ada: Visitor, mine: tables.Handoff
) -> None:
    other = cases.case(app, world.service(app, "other"))
    ada.post(f"/case/{other.label}/claim")
    for verb in ("draft", "reply"):
        answer = ada.post(f"/case/{other.label}/{verb}", caseId=mine.id, body="For the first customer.", version="0")
        assert answer.status_code == 422
        assert "This text was written in another case." in answer.text
    assert saved(app, other.label) is None
    assert proposed(app, other) == []


def test_a_draft_is_kept_and_shown_again_and_a_second_writer_sees_both_texts(
    app: App, ada: Visitor, sign_in: SignIn, mine: tables.Handoff
) -> None:
    form = {"caseId": mine.id, "subject": "Your invoices", "version": "0"}
    assert ada.send(f"/case/{mine.label}/draft", form | {"body": "Dear Grace,\r\nwe look."}).status_code == 303
    kept = saved(app, mine.label)
    assert kept
    assert (kept.subject, kept.body, kept.version) == ("Your invoices", "Dear Grace,\nwe look.", 1)
    assert "Dear Grace,\nwe look.</textarea>" in ada.get(f"/case/{mine.label}").text
    answer = ada.send(f"/case/{mine.label}/draft", form | {"body": "Dear Grace,\nwe checked."})
    assert answer.status_code == 409
    assert "Ada saved v1 while you wrote." in answer.text
    assert "<del>look.</del><ins>checked.</ins>" in answer.text
    assert "Dear Grace,\nwe checked.</textarea>" in answer.text
    again = form | {"version": "1"}
    assert ada.send(f"/case/{mine.label}/draft", again | {"body": "Dear Grace,\nwe checked."}).status_code == 303


def test_a_text_that_was_proposed_is_not_offered_again_and_the_same_text_is_warned_of(
    app: App, ada: Visitor, mine: tables.Handoff
) -> None:
    form = {"caseId": mine.id, "subject": "Your invoices", "body": "Dear Grace,\r\nwe checked."}
    warning = "This very text is proposed already."
    assert ada.send(f"/case/{mine.label}/draft", form | {"version": "0"}).status_code == 303
    page = ada.get(f"/case/{mine.label}").text
    assert "we checked.</textarea>" in page
    assert warning not in page
    assert ada.send(f"/case/{mine.label}/reply", form).status_code == 303
    page = ada.get(f"/case/{mine.label}").text
    assert "we checked.</textarea>" not in page
    assert "proposed the saved draft, which is empty again" in page
    assert ada.send(f"/case/{mine.label}/draft", form | {"version": "2"}).status_code == 303
    assert warning in ada.get(f"/case/{mine.label}").text


def test_a_refund_is_proposed_in_whole_minor_units_or_not_at_all(app: App, ada: Visitor, mine: tables.Handoff) -> None:
    form = {"currency": "EUR", "invoiceId": "inv_123", "reason": "charged twice"}
    for amount in ("", "1.234", "-3", "0", "many"):
        answer = ada.send(f"/case/{mine.label}/refund", form | {"amount": amount})
        assert answer.status_code == 422, amount
        assert "An amount reads like 49.00" in answer.text
    assert proposed(app, mine) == []
    assert ada.send(f"/case/{mine.label}/refund", form | {"amount": "49,00"}).status_code == 303
    money = {"amount": 4900, "currency": "EUR"}
    assert proposed(app, mine) == [{"money": money, "invoiceId": "inv_123", "reason": "charged twice"}]


def test_a_payout_and_a_suspension_are_proposed_shown_and_approved_by_those_who_may(
    app: App, ada: Visitor, sign_in: SignIn
) -> None:
    app.sandbox.seed(NOW)
    mine = cases.case(app, world.service(app), customer_id="cust_123")
    ada.post(f"/case/{mine.label}/claim")
    form = {"amount": "180,00", "currency": "EUR", "payoutId": "po_123"}
    for missing, said in (("amount", "An amount reads like 49.00"), ("payoutId", "Name the payout.")):
        answer = ada.send(f"/case/{mine.label}/payout", form | {missing: ""})
        assert answer.status_code == 422
        assert said in answer.text
    for reason in (" ", "x" * 201):
        assert ada.send(f"/case/{mine.label}/suspend", {"reason": reason}).status_code == 422
    assert proposed(app, mine) == []
    assert ada.send(f"/case/{mine.label}/payout", form).status_code == 303
    assert ada.send(f"/case/{mine.label}/suspend", {"reason": "stolen card"}).status_code == 303
    money = {"amount": 18_000, "currency": "EUR"}
    assert proposed(app, mine) == [{"reason": "stolen card"}, {"money": money, "payoutId": "po_123"}]
    page = ada.get(f"/case/{mine.label}").text
    assert "<code>po_123</code> of 180.00 EUR, held" in page
    assert "“stolen card”" in page
    sue = sign_in("Sue Park", Role.SUPERVISOR)
    with app.view(SYSTEM) as view:
        suspension, release = (found.effect for found in effects.search(view, handoff_id=mine.id).items)
    for visitor, effect, status in ((ada, suspension, 403), (sue, suspension, 303), (ada, release, 303)):
        body = {"contentSha256": effect.content_sha256, "lastMessageId": last_message(app, mine)}
        answer = visitor.send(f"/case/{mine.label}/effects/{effect.id}/approve", body)
        assert answer.status_code == status, answer.text


def test_a_case_waits_goes_on_and_is_sent_upwards_and_taken_over(
    app: App, ada: Visitor, sign_in: SignIn, mine: tables.Handoff
) -> None:
    ref = mine.label
    assert ada.send(f"/case/{ref}/wait", {"for": "customer", "hours": "4"}).status_code == 303
    page = ada.get(f"/case/{ref}").text
    assert "Yours, waiting for the <b>customer</b>" in page
    assert 'data-state="paused"' in page
    assert ada.post(f"/case/{ref}/message", role="customer", text="Here is the statement.").status_code == 303
    assert "Yours for" in ada.get(f"/case/{ref}").text
    assert ada.post(f"/case/{ref}/resume").status_code == 409
    assert ada.post(f"/case/{ref}/escalate", reason=" ").status_code == 422
    assert ada.post(f"/case/{ref}/escalate", reason="They threaten to sue.").status_code == 303
    sue = sign_in("Sue Park", Role.SUPERVISOR)
    assert sue.actor
    assert sue.post(f"/case/{ref}/assign", userId=str(sue.actor.id)).status_code == 303
    assert sue.post(f"/case/{ref}/priority", priority="low", reason="They calmed down.").status_code == 303
    with app.view(SYSTEM) as view:
        handoff = handoffs.get(view, ref).handoff
    assert (handoff.claimed_by, handoff.tier, handoff.priority) == (sue.actor.id, "supervisor", "low")
    assert ada.post(f"/case/{ref}/priority", priority="high", reason="No.").status_code == 403


def test_many_cases_are_claimed_at_once_and_each_failure_is_told(app: App, ada: Visitor, sign_in: SignIn) -> None:
    bot = world.service(app)
    first, second = cases.case(app, bot), cases.case(app, bot)
    sign_in("Priya Nair").post(f"/case/{second.label}/claim")
    answer = ada.send("/q/all/bulk", {"action": "claim", "ids": [first.label, second.label]})
    assert answer.status_code == 200
    assert "Claimed 1 of 2." in answer.text
    assert "already Priya Nair" in answer.text
    assert ada.send("/q/all/bulk", {"action": "claim"}).status_code == 422
    assert ada.send("/q/all/bulk", {"action": "assign", "ids": [first.label], "userId": "x"}).status_code == 403


def test_the_most_urgent_case_is_taken_until_nobody_waits(app: App, ada: Visitor) -> None:
    handoff = cases.case(app, world.service(app))
    assert ada.post("/q/all/next").headers["Location"] == f"/console/q/all?case={handoff.label}"
    assert "Nobody is waiting." in ada.post("/q/all/next").text
