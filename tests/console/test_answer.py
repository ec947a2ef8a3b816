"""What people wrote and chose is not lost when it was refused, and nobody is told that it is kept when it is not."""

import re
from collections.abc import Callable, Mapping
from html import unescape

import httpx
import pytest

from flowops.actions import artifacts as actions
from flowops.ai import context, generator
from flowops.app import App
from flowops.domain import artifacts as kinds
from flowops.domain.access import ASSISTANT, SYSTEM
from flowops.queries import artifacts, drafts
from flowops.queries import effects as proposals
from flowops.queries import handoffs as known
from flowops.storage import tables
from tests import cases, world
from tests.conftest import Clock
from tests.console.test_case import summarise
from tests.console.visitor import Visitor

SignIn = Callable[..., Visitor]
KEPT = "Your text is kept."
TO_COPY = "Copy your text before you leave this page:"


@pytest.fixture
def mine(app: App, ada: Visitor) -> tables.Handoff:
    """A case that Ada owns."""
    handoff = cases.case(app, world.service(app))
    assert ada.post(f"/case/{handoff.label}/claim").status_code == 303
    return handoff


def left(page: str) -> dict[str, str]:
    """The texts that a message shows, by their labels."""
    found = re.findall(r'<label for="left-[^"]+">([^<]+)</label><textarea [^>]*readonly>([^<]*)</textarea>', page)
    return {name: unescape(text).replace("\r\n", "\n") for name, text in found}


def selected(answer: httpx.Response, id: str) -> str:
    """What is chosen in a list of the page; its id begins like this."""
    assert answer.status_code >= 400
    found = re.search(rf'<select id="{id}[^>]*>(.*?)</select>', answer.text, re.DOTALL)
    assert found, f"there is no list {id}"
    (chosen,) = re.findall(r'<option value="([^"]*)" selected', found[1])
    return str(chosen)


REFUSED: dict[str, tuple[Mapping[str, str], dict[str, str]]] = {
    "reply": (
        {"subject": "Your <b>", "body": "my words\r\nof many"},
        {"Subject": "Your <b>", "Reply": "my words\nof many"},
    ),
    "draft": ({"body": "my words"}, {"Reply": "my words"}),
    "resolve": ({"outcome": "answered", "notes": "my words"}, {"Notes": "my words"}),
    "refund": (
        {"amount": "49.00", "currency": "USD", "invoiceId": "inv_1", "reason": "my words"},
        {"Amount": "49.00", "Currency": "USD", "Invoice": "inv_1", "Reason for the refund": "my words"},
    ),
    "escalate": ({"reason": "my words"}, {"Why it needs a supervisor": "my words"}),
}


@pytest.mark.parametrize("verb", REFUSED)
def test_a_text_whose_form_is_gone_is_shown_to_copy_and_not_said_to_be_kept(
    app: App, ada: Visitor, sue: Visitor, mine: tables.Handoff, verb: str
) -> None:
    """Somebody resolved the case meanwhile, so that its page has hardly a form left."""
    form, texts = REFUSED[verb]
    assert sue.resolve(mine.label, outcome="other").status_code == 303
    answer = ada.send(f"/case/{mine.label}/{verb}", {"caseId": mine.id, **form})
    assert answer.status_code == 409
    assert "Already resolved by Sue" in answer.text
    assert left(answer.text) == texts
    assert TO_COPY in answer.text
    assert KEPT not in answer.text


def test_notes_on_a_resolution_outlive_a_take_over(app: App, ada: Visitor, sue: Visitor, mine: tables.Handoff) -> None:
    assert sue.actor
    page = ada.get(f"/case/{mine.label}").text
    sue.post(f"/case/{mine.label}/assign", userId=str(sue.actor.id))
    answer = ada.resolve(mine.label, page, outcome="answered", notes="my words")
    assert answer.status_code == 409
    assert left(answer.text) == {"Notes": "my words"}
    assert KEPT not in answer.text


def test_what_a_supervisor_wrote_outlives_the_end_of_a_case(
    app: App, ada: Visitor, sue: Visitor, mine: tables.Handoff
) -> None:
    assert ada.actor
    ada.resolve(mine.label, outcome="other")
    for verb, form, texts in (
        ("assign", {"userId": str(ada.actor.id), "reason": "She knows."}, {"Why somebody else": "She knows."}),
        ("priority", {"priority": "low", "reason": "They calmed."}, {"Why another priority": "They calmed."}),
    ):
        answer = sue.send(f"/case/{mine.label}/{verb}", form)
        assert answer.status_code == 409
        assert left(answer.text) == texts
    ada.post(f"/case/{mine.label}/reopen", reason="Again.")
    answer = sue.post(f"/case/{mine.label}/reopen", reason="It came back.")
    assert left(answer.text) == {"Why again": "It came back."}


def test_a_reason_outlives_what_it_was_about(app: App, ada: Visitor, sue: Visitor, mine: tables.Handoff) -> None:
    """An effect that was decided meanwhile has no form to decline it, and a judged text none to judge it."""
    summarise(app, mine)
    ada.post(f"/case/{mine.label}/reply", body="Dear Grace.", caseId=mine.id)
    with app.view(SYSTEM) as view:
        (reply,) = proposals.search(view, handoff_id=mine.id).items
        summary = artifacts.latest(view, mine, "handoff_summary.v1")
    decline = f"/case/{mine.label}/effects/{reply.effect.id}/decline"
    sue.post(decline, reason="Too curt.")
    answer = ada.post(decline, reason="my words")
    assert answer.status_code == 409
    assert left(answer.text) == {"Why not": "my words"}
    review = f"/case/{mine.label}/artifacts/{summary.id}/review"
    assert sue.post(review, verdict="accepted").status_code == 303
    answer = ada.post(review, verdict="rejected", reason="x" * 20_001)
    assert answer.status_code == 422
    assert left(answer.text) == {"What is wrong with it": "x" * 20_001}


def test_a_text_that_stands_in_its_form_again_is_kept(app: App, ada: Visitor, mine: tables.Handoff) -> None:
    for verb, form in (
        ("message", {"role": "third_party", "text": "x" * 20_001}),
        ("resolve", {"outcome": "duplicate", "duplicateOf": "H-99", "notes": "my words"}),
        ("reply", {"subject": "x" * 201, "body": "my words", "caseId": mine.id}),
    ):
        answer = ada.send(f"/case/{mine.label}/{verb}", form)
        assert answer.status_code in {404, 409, 422}, verb
        assert f"{KEPT} " in answer.text, verb
        assert left(answer.text) == {}, verb
    assert KEPT not in ada.send(f"/case/{mine.label}/note", {"text": " "}).text


def test_claiming_again_brings_back_what_was_written_under_the_claim_that_ended(
    app: App, ada: Visitor, mine: tables.Handoff, clock: Clock
) -> None:
    clock.forward(minutes=16)
    form = {"caseId": mine.id, "version": "0", "subject": "Your invoices", "body": 'Dear "Grace",\r\nwe look.'}
    answer = ada.send(f"/case/{mine.label}/reply", form)
    assert answer.status_code == 409
    assert "Your claim ended at 12:15 UTC." in answer.text
    assert f"{KEPT} Nothing was sent or changed." in answer.text
    assert left(answer.text) == {"Subject": "Your invoices", "Reply": 'Dear "Grace",\nwe look.'}
    again = ada.send(f"/case/{mine.label}/claim", carried(answer.text))
    assert again.status_code == 200
    assert f"{KEPT} It stands in its field again; nothing was saved or sent." in again.text
    assert 'value="Your invoices"' in again.text
    assert "Dear &#34;Grace&#34;,\nwe look.</textarea>" in again.text.replace("\r", "")
    assert left(again.text) == {}
    with app.view(SYSTEM) as view:
        assert drafts.get(view, mine.id) is None
        assert known.get(view, mine.id).handoff.claim_expires_at == clock() + app.settings.claim_lease


def carried(page: str) -> dict[str, str]:
    """What the button to claim takes along."""
    form = re.search(r'action="[^"]*/claim[^"]*">(.*?)</form>', page, re.DOTALL)
    assert form
    found = re.findall(r'name="(caseId|typed-[^"]+)" value="([^"]*)"', form[1])
    return {name: unescape(text) for name, text in found}


def test_a_text_carried_to_another_case_is_not_shown_there(app: App, ada: Visitor, mine: tables.Handoff) -> None:
    other = cases.case(app, world.service(app, "other"))
    for case_id in (mine.id, ""):
        form = {"caseId": case_id, "typed-reply": "For the first customer."}
        answer = ada.send(f"/case/{other.label}/claim", form)
        assert answer.status_code == 422
        assert "This text was written in another case." in answer.text
    with app.view(SYSTEM) as view:
        assert known.get(view, other.id).handoff.status == "pending"


def test_a_claim_that_somebody_else_took_leaves_the_text_to_copy(
    ada: Visitor, sue: Visitor, mine: tables.Handoff, clock: Clock
) -> None:
    clock.forward(minutes=16)
    page = ada.send(f"/case/{mine.label}/note", {"text": "my words"}).text
    assert sue.post(f"/case/{mine.label}/claim").status_code == 303
    answer = ada.send(f"/case/{mine.label}/claim", carried(page) | {"typed-notes": "my outcome"})
    assert answer.status_code == 409
    assert "Not claimed — Sue got there first." in answer.text
    assert "my words</textarea>" in answer.text
    assert left(answer.text) == {"Notes": "my outcome"}


def test_a_text_brought_back_does_not_overwrite_what_was_saved_since(
    app: App, ada: Visitor, sue: Visitor, mine: tables.Handoff, clock: Clock
) -> None:
    clock.forward(minutes=16)
    page = ada.send(f"/case/{mine.label}/draft", {"caseId": mine.id, "version": "0", "body": "Ada's text."}).text
    sue.post(f"/case/{mine.label}/claim")
    sue.send(f"/case/{mine.label}/draft", {"caseId": mine.id, "version": "0", "body": "Sue's text."})
    sue.post(f"/case/{mine.label}/release")
    page = ada.send(f"/case/{mine.label}/claim", carried(page)).text
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    form = {"caseId": mine.id, "version": version[1], "body": "Ada's text."}
    answer = ada.send(f"/case/{mine.label}/draft", form)
    assert answer.status_code == 409
    assert "Sue saved v1 while you wrote." in answer.text


def test_what_was_chosen_is_chosen_again(app: App, ada: Visitor, sue: Visitor, mine: tables.Handoff) -> None:
    assert ada.actor
    path = f"/case/{mine.label}"
    assert selected(ada.post(f"{path}/message", role="third_party", text=" "), "role") == "third_party"
    answer = sue.post(f"{path}/assign", userId=str(ada.actor.id), reason="x" * 20_001)
    assert selected(answer, "user") == ada.actor.id
    assert selected(sue.post(f"{path}/priority", priority="low", reason=" "), "level") == "low"
    answer = ada.send(f"{path}/wait", {"for": "nobody", "hours": "24"})
    assert selected(answer, "hours") == "24"
    assert "Choose for whom.</span>" in answer.text
    ada.send(f"{path}/wait", {"for": "customer", "key": "a" * 32})
    ada.post(f"{path}/resume")
    answer = ada.send(f"{path}/wait", {"for": "third_party", "hours": "168", "key": "a" * 32})
    assert (selected(answer, "wait"), selected(answer, "hours")) == ("third_party", "168")


def test_what_was_chosen_for_many_cases_is_chosen_again(ada: Visitor, sue: Visitor, mine: tables.Handoff) -> None:
    assert ada.actor
    form = {"userId": str(ada.actor.id), "priority": "low", "outcome": "other"}
    answer = sue.send("/q/all/bulk", form | {"action": "escalate", "ids": [mine.label]})
    assert [selected(answer, f"bulk-{name}") for name in ("user", "priority", "outcome")] == list(form.values())
    answer = sue.send("/q/all/bulk", form | {"action": "escalate", "reason": "my words"})
    assert 'name="reason" maxlength="200" value="my words"' in answer.text
    assert KEPT in answer.text


def test_a_reply_that_was_not_made_from_the_draft_is_not_said_to_be_after_a_refusal(
    app: App, ada: Visitor, mine: tables.Handoff
) -> None:
    with app.view(SYSTEM) as view:
        seen = context.build(known.parts(view, mine.id))
    with app.unit(ASSISTANT) as unit:
        actions.keep(unit, mine.id, kinds.DRAFT, generator.write(kinds.DRAFT, seen, app.generators), seen)
    with app.view(SYSTEM) as view:
        draft = artifacts.latest(view, mine, kinds.DRAFT)
    assert draft.content
    form = {"caseId": mine.id, "subject": "x" * 201, "body": draft.content["body"]}
    for chosen, mark in (({}, ""), ({"artifactId": draft.id}, " checked")):
        answer = ada.send(f"/case/{mine.label}/reply", form | chosen)
        assert answer.status_code == 422
        assert f'name="artifactId" value="{draft.id}"{mark}>' in answer.text


def test_a_refusal_takes_the_focus_and_fields_name_their_hints_and_errors(ada: Visitor, mine: tables.Handoff) -> None:
    page = ada.post(f"/case/{mine.label}/resolve", outcome="duplicate").text
    assert re.search(r'<div class="answer" role="alert" tabindex="-1" autofocus', page)
    assert 'aria-invalid="true" aria-describedby="duplicate_of-hint duplicate_of-wrong"' in page
    for described in re.findall(r'aria-describedby="([^"]+)"', page):
        assert all(f'id="{id}"' in page for id in described.split())
    sheets = re.findall(r"<details class=\"more(?: up)?(?: push)?\"([^>]*)>\s*<summary class=\"btn", page)
    assert [sheet for sheet in sheets if 'name="sheet"' not in sheet] == []
    assert len(sheets) > 2
