"""What a person does with a case, and what the page says when it was not done."""

import re
from collections.abc import Callable

import httpx
import pytest

from flowops.app import App
from flowops.domain import events
from flowops.domain.access import SYSTEM, Role
from flowops.queries import audit
from flowops.queries import effects as proposals
from flowops.queries import handoffs as known
from flowops.storage import tables
from tests import cases, world
from tests.conftest import Clock
from tests.console.visitor import Visitor

SignIn = Callable[..., Visitor]


@pytest.fixture
def ref(app: App) -> str:
    return cases.case(app, world.service(app)).label


@pytest.fixture
def ada(sign_in: SignIn) -> Visitor:
    return sign_in("Ada Byron")


@pytest.fixture
def priya(sign_in: SignIn) -> Visitor:
    return sign_in("Priya Nair")


def read(app: App, ref: str) -> known.Case:
    with app.view(SYSTEM) as view:
        return known.get(view, ref)


def refund(app: App, amount: int = 300_00) -> tables.Effect:
    """A refund that the records allow and a person must approve, in a case of its own."""
    params = {"money": {"amount": amount, "currency": "EUR"}, "invoiceId": "inv_240", "reason": "duplicate charge"}
    request = world.receive(app, world.service(app), customer_id="cust_124", params=params)
    with app.view(SYSTEM) as view:
        (proposal,) = proposals.search(view, handoff_id=request.handoff_id).items
    return proposal.effect


def label_of(app: App, effect: tables.Effect) -> str:
    assert effect.handoff_id
    return read(app, effect.handoff_id).handoff.label


def test_a_form_leads_back_to_the_list_it_was_sent_from(app: App, ada: Visitor, ref: str) -> None:
    assert ada.post(f"/case/{ref}/claim").headers["Location"] == f"/console/case/{ref}"
    page = ada.get(f"/q/all?status=claimed&sort=-created&case={ref}").text
    action = re.search(r'action="/console(/case/[^"]*/release[^"]*)"', page)
    assert action
    answer = ada.post(action[1].replace("&amp;", "&"))
    assert answer.headers["Location"] == f"/console/q/all?status=claimed&sort=-created&case={ref}"
    assert read(app, ref).handoff.status == "pending"


def test_a_lost_claim_says_who_when_and_that_nothing_changed(
    ada: Visitor, priya: Visitor, ref: str, clock: Clock
) -> None:
    priya.post(f"/case/{ref}/claim")
    clock.forward(seconds=4)
    answer = ada.post(f"/case/{ref}/claim")
    assert answer.status_code == 409
    assert "Not claimed — Priya got there first." in answer.text
    assert f"{ref} was claimed 4 s ago. Nothing was changed." in answer.text
    assert "Claimed by Priya Nair" in answer.text
    assert "Next open case" in answer.text


def test_text_written_under_a_claim_that_ended_is_kept(app: App, ada: Visitor, ref: str, clock: Clock) -> None:
    ada.post(f"/case/{ref}/claim")
    case_id = read(app, ref).handoff.id
    clock.forward(minutes=16)
    for verb, form in (("note", {"text": "kept words"}), ("reply", {"body": "kept words", "caseId": case_id})):
        answer = ada.send(f"/case/{ref}/{verb}", form)
        assert answer.status_code == 409
        assert "Your claim ended at 12:15 UTC." in answer.text
        assert "Your text is kept. Nothing was sent or changed." in answer.text
        assert "kept words" in answer.text
        assert "Claim again" in answer.text
    assert read(app, ref).notes == []


def test_a_case_is_resolved_with_outcome_and_notes(app: App, ada: Visitor, ref: str) -> None:
    ada.post(f"/case/{ref}/claim")
    answer = ada.resolve(ref, outcome="answered", notes="Called\r\nher.")
    assert answer.status_code == 303
    handoff = read(app, ref).handoff
    assert (handoff.status, handoff.outcome, handoff.outcome_notes) == ("resolved", "answered", "Called\nher.")
    page = ada.get(f"/case/{ref}").text
    assert "Resolved by <b>Ada Byron</b>" in page
    again = ada.post(f"/case/{ref}/claim")
    assert again.status_code == 409
    assert "Already resolved by Ada at 12:00 UTC (answered)." in again.text


def test_a_case_is_not_resolved_while_a_message_is_unread_and_the_notes_are_kept(
    app: App, ada: Visitor, priya: Visitor, ref: str, clock: Clock
) -> None:
    ada.post(f"/case/{ref}/claim")
    seen = read(app, ref).messages[-1].id
    priya.post(f"/case/{ref}/message", role="customer", text="Wait, it happened again.")
    clock.forward(seconds=20)
    for last in (seen, ""):
        answer = ada.post(f"/case/{ref}/resolve", outcome="answered", notes="my words", lastMessageId=last)
        assert answer.status_code == 409
        assert "Somebody wrote again 20 s ago." in answer.text
        assert "Nothing was changed. Read it before you decide." in answer.text
        assert "my words</textarea>" in answer.text
        assert "Wait, it happened again." in answer.text
    assert read(app, ref).handoff.status == "claimed"
    assert ada.resolve(ref, outcome="answered", notes="my words").status_code == 303


def test_what_changed_but_nobody_wrote_does_not_keep_a_case_open(
    app: App, ada: Visitor, priya: Visitor, ref: str
) -> None:
    """A reply that left while its writer chose an outcome, for instance."""
    ada.post(f"/case/{ref}/claim")
    page, before = ada.get(f"/case/{ref}").text, read(app, ref).handoff.version
    priya.post(f"/case/{ref}/note", text="I looked at it too.")
    assert read(app, ref).handoff.version > before
    assert ada.resolve(ref, page, outcome="answered").status_code == 303


def test_what_is_wrong_with_a_form_is_said_beside_the_field(app: App, ada: Visitor, ref: str) -> None:
    ada.post(f"/case/{ref}/claim")
    for verb, form, said in (
        ("resolve", {"outcome": "won"}, "Choose an outcome."),
        ("resolve", {"outcome": "duplicate"}, "A duplicate, and nothing else, names the other case."),
        (
            "resolve",
            {"outcome": "other", "duplicateOf": "H-99"},
            "A duplicate, and nothing else, names the other case.",
        ),
        ("resolve", {"outcome": "other", "notes": "x" * 20_001}, "20,001 characters are too many; 20,000 is the most."),
        ("note", {"text": " \r\n "}, "Write something first."),
        ("note", {"text": "x" * 20_001}, "20,001 characters are too many; 20,000 is the most."),
        ("reply", {"body": "", "caseId": read(app, ref).handoff.id}, "Write something first."),
    ):
        answer = ada.send(f"/case/{ref}/{verb}", form)
        assert answer.status_code == 422, (verb, form)
        assert answer.text.count(said) == 2, (verb, form)
        assert 'aria-invalid="true"' in answer.text
    assert read(app, ref).handoff.status == "claimed"
    assert read(app, ref).notes == []


def test_a_duplicate_names_the_case_it_repeats(app: App, ada: Visitor, ref: str) -> None:
    other = cases.case(app, world.service(app, "other")).label
    ada.post(f"/case/{ref}/claim")
    unknown = ada.resolve(ref, outcome="duplicate", duplicateOf="H-999", notes="my words")
    assert unknown.status_code == 404
    assert "There is no handoff H-999" in unknown.text
    assert "my words" in unknown.text
    assert ada.resolve(ref, outcome="duplicate", duplicateOf=f" {other} ").status_code == 303
    assert f"duplicate of {other}" in ada.get(f"/case/{ref}").text


def test_a_reply_is_proposed_approved_as_shown_and_queued(app: App, ada: Visitor) -> None:
    effect = refund(app)
    ref = label_of(app, effect)
    assert "Claim this case to edit or approve." in ada.get(f"/case/{ref}").text
    assert ada.post(f"/case/{ref}/reply", body="too early", caseId=effect.handoff_id or "").status_code == 409
    ada.post(f"/case/{ref}/claim")
    assert (
        ada.post(f"/case/{ref}/reply", body="Dear Grace,\r\nit is done.", caseId=effect.handoff_id or "").status_code
        == 303
    )
    with app.view(SYSTEM) as view:
        reply = proposals.search(view, handoff_id=effect.handoff_id).items[0].effect
    assert reply.params == {"body": "Dear Grace,\nit is done."}
    answer = approve(ada, ref, reply.id)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/case/{ref}#effects")
    page = ada.get(f"/case/{ref}").text
    assert "1 of 1 approval" in page
    assert 'id="effects"' in page
    with app.view(SYSTEM) as view:
        assert proposals.get(view, reply.id).effect.status == "approved"


def approve(who: Visitor, ref: str, effect_id: str) -> httpx.Response:
    """Press the button as the page shows it."""
    page = who.get(f"/case/{ref}").text
    return press(who, page, effect_id)


def press(who: Visitor, page: str, effect_id: str) -> httpx.Response:
    form = re.search(rf'action="/console([^"]*{effect_id}/approve)">(.*?)</form>', page, re.DOTALL)
    assert form, "there is no button to approve"
    fields = dict(re.findall(r'name="(contentSha256|lastMessageId)" value="([^"]*)"', form[2]))
    return who.post(form[1], **fields)


def test_records_that_changed_are_shown_before_they_can_be_approved(app: App, sign_in: SignIn) -> None:
    sue = sign_in("Sue Park", Role.SUPERVISOR)
    effect = refund(app)
    ref = label_of(app, effect)
    with app.unit(SYSTEM) as unit:
        invoice = unit.session.get_one(tables.SandboxInvoice, "inv_240")
        invoice.refundable -= 100_00
        unit.record(events.DemoSeeded(cases=0))
    answer = approve(sue, ref, effect.id)
    assert answer.status_code == 409
    assert "The records changed since this was shown." in answer.text
    assert "invoice.refundable" in answer.text
    with app.view(SYSTEM) as view:
        assert proposals.get(view, effect.id).effect.status == "proposed"
    assert press(sue, answer.text, effect.id).status_code == 303
    with app.view(SYSTEM) as view:
        assert proposals.get(view, effect.id).effect.status == "approved"


def test_an_operator_has_no_button_above_the_limit_and_is_refused_without_one(app: App, ada: Visitor) -> None:
    effect = refund(app)
    ref = label_of(app, effect)
    assert f"{effect.id}/approve" not in ada.get(f"/case/{ref}").text
    answer = ada.post(f"/case/{ref}/effects/{effect.id}/approve", contentSha256=effect.content_sha256)
    assert answer.status_code == 403
    assert "effects.approve_above_limit" in answer.text
    with app.view(SYSTEM) as view:
        (entry,) = audit.search(view, event="access.refused").items
    assert (entry.actor_name, entry.data["permission"]) == ("Ada Byron", "effects.approve_above_limit")


def test_an_effect_is_declined_with_a_reason(app: App, sign_in: SignIn) -> None:
    sue = sign_in("Sue Park", Role.SUPERVISOR)
    effect = refund(app)
    ref = label_of(app, effect)
    assert "Say why." in sue.post(f"/case/{ref}/effects/{effect.id}/decline", reason=" ").text
    assert sue.post(f"/case/{ref}/effects/{effect.id}/decline", reason="not ours").status_code == 303
    answer = sue.post(f"/case/{ref}/effects/{effect.id}/decline", reason="still not ours")
    assert answer.status_code == 409
    assert "The effect is already declined." in answer.text


def test_open_effects_keep_a_case_open(app: App, ada: Visitor) -> None:
    ref = label_of(app, refund(app))
    ada.post(f"/case/{ref}/claim")
    answer = ada.resolve(ref, outcome="approved", notes="done")
    assert answer.status_code == 409
    assert "approve, decline or withdraw them" in answer.text


def test_a_supervisor_releases_somebody_elses_case_and_an_operator_does_not(
    app: App, sign_in: SignIn, ada: Visitor, priya: Visitor, ref: str
) -> None:
    priya.post(f"/case/{ref}/claim")
    assert f"/case/{ref}/release" not in ada.get(f"/case/{ref}").text
    assert ada.post(f"/case/{ref}/release").status_code == 409
    sue = sign_in("Sue Park", Role.SUPERVISOR)
    assert f"/case/{ref}/release" in sue.get(f"/case/{ref}").text
    assert sue.post(f"/case/{ref}/release").status_code == 303
    assert read(app, ref).handoff.status == "pending"


def test_a_new_summary_can_be_asked_for(app: App, ada: Visitor, ref: str) -> None:
    assert ada.post(f"/case/{ref}/ai/summary").status_code == 303
