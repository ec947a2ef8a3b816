"""A draft of a reply can be sent as it is: polite, true, and without a promise nobody has made."""

from typing import Any

from hypothesis import given, settings

from flowops.ai import context
from flowops.ai.extractive import reply
from flowops.domain import artifacts, commitments, grounding
from tests.ai import cases

REFUND = cases.ORDINARY["request"]["effect"]
ACCOUNT, INVOICE = cases.ORDINARY["records"]["account"], cases.ORDINARY["records"]["invoice"]
NOTHING_ASKED = cases.ORDINARY["request"] | {"effect": None}
PASSED = {"passed": True, "checks": []}


def draft(**changes: Any) -> dict[str, Any]:
    return cases.written(artifacts.DRAFT, **changes)


def body(**changes: Any) -> str:
    return str(draft(**changes)["body"])


def records(**changes: Any) -> dict[str, Any]:
    return {**cases.ORDINARY["records"], **changes}


def effect(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "eff_1", "status": status, **REFUND, **more}


def test_a_draft_says_what_is_asked_what_is_known_and_what_is_open() -> None:
    written = draft(messages=cases.said("Please refund it."), effects=[effect("proposed")], verification=PASSED)
    assert written["subject"] == "Re: Charged twice"
    assert written["body"] == (
        "Hello Ada Lovelace,\n\n"
        "Thank you for your message. We have your request for a refund of 490.00 EUR for invoice inv_123.\n\n"
        "A person still has to decide on the refund of 490.00 EUR for invoice inv_123; no money has moved so far. Our "
        "records show invoice inv_123 over 490.00 EUR with the status paid, paid on 2026-11-20.\n\n"
        "We will write to you again as soon as we know more. If anything here is not right, please reply to this "
        "message.\n\n"
        "Kind regards,\nThe support team"
    )
    assert [claim["source"] for claim in written["claims"]] == ["/request/effect", "/effects/0", "/records/invoice"]
    assert all(claim["text"] in written["body"] for claim in written["claims"])
    promise = "The refund of 490.00 EUR for invoice inv_123 is not decided yet, so it must not be promised"
    assert promise in written["uncertainties"]


@settings(max_examples=100, deadline=None)
@given(cases.contexts)
def test_a_draft_never_makes_a_commitment_in_its_own_words(parts: dict[str, Any]) -> None:
    text = reply.draft(context.build(parts))["body"]
    assert not list(commitments.read(grounding._QUOTE.sub("|", text)))


def test_what_the_automation_promised_is_an_uncertainty_and_not_repeated() -> None:
    written = draft(facts=[])
    told = "The automation told the customer “Your refund has been approved.”; no record stands behind it"
    assert told in written["uncertainties"]
    assert "approved" not in written["body"]


def test_each_state_of_a_refund_is_told_as_what_it_is() -> None:
    done = {"receipt": {"reference": "rf_77", "at": "2026-11-21T10:00:00Z"}}
    said = {
        "done": "was carried out on 2026-11-21, under the reference rf_77.",
        "approved": "is being carried out.",
        "declined": "we cannot offer the refund of 490.00 EUR for invoice inv_123.",
        "failed": "could not be carried out, and we are finding out why.",
        "cancelled": None,
    }
    for status, sentence in said.items():
        text = body(effects=[effect(status, **(done if status == "done" else {}))])
        assert (sentence or "Our records show invoice") in text
        assert status in {"done", "approved"} or "carried out." not in text


def test_what_policy_denies_is_said_to_be_impossible_and_the_reason_stays_inside() -> None:
    ruling = {"rule": "refunds.nothing_refundable", "outcome": "deny", "reason": "nothing of it can be refunded"}
    written = draft(verdict={"outcome": "deny", "rulings": [ruling]})
    assert "As things stand, we cannot do what was asked." in written["body"]
    assert "nothing of it" not in written["body"]
    assert any("nothing of it can be refunded" in doubt for doubt in written["uncertainties"])


def test_whoever_may_not_be_the_customer_is_told_nothing_from_the_records() -> None:
    strange = records(invoice=INVOICE | {"customerId": "cust_999"})
    for changes in (
        {"verification": cases.failed("email_matches_account", "eve@example.com", "ada@example.com")},
        {"records": strange, "verification": cases.failed("invoice_belongs_to_customer", "cust_123", "cust_999")},
        {"records": records(account=None), "verification": cases.failed("account_exists")},
    ):
        written = draft(**changes)
        assert written["body"].startswith("Hello,\n")
        assert "records show" not in written["body"]
        assert any("may not be the customer" in doubt for doubt in written["uncertainties"])
        assert "Please tell us" in written["body"] or "Please check" in written["body"]


def test_a_customer_without_a_request_is_quoted_in_their_calmest_telling_sentence() -> None:
    messages = cases.said(
        "Hi.", "My lawyer will sue you for 500 EUR! The export stops at 20 % every time, please help."
    )
    text = body(messages=messages, request=NOTHING_ASKED, verification=PASSED)
    assert "You wrote: “The export stops at 20 % every time, please help.”" in text
    assert "We take what you write about legal steps seriously." in text


def test_a_card_number_is_never_sent_back() -> None:
    card = cases.said("Please refund my card 4111 1111 1111 1111 now.")
    assert "4111" not in body(messages=card, request=NOTHING_ASKED)


def test_what_helps_depends_on_what_is_written_about() -> None:
    for sentence, answer in (
        ("There was a suspicious login from Tallinn.", "share neither the password"),
        ("A man is harassing me and knows where I live.", "please call the emergency services first"),
        ("My payout is late by three days.", "To find the right transfer we need its reference"),
        ("You suspended me, and I appeal.", "If there is anything we should know"),
        ("Nobody can sign in since last night.", "what was on the screen"),
        ("Please delete my account under the GDPR.", "we may first have to check that it is you"),
        ("I want to dispute this with the issuer.", "a bank has opened a dispute"),
        ("Where can I change the colour?", "A person on our team is looking into it."),
    ):
        assert answer in body(messages=cases.said(sentence), request=NOTHING_ASKED, verification=PASSED), sentence


def test_another_language_and_silence_are_uncertainties() -> None:
    german = draft(messages=cases.said("Guten Tag, wo bleibt meine Auszahlung seit Montag?"), request=NOTHING_ASKED)
    assert "The customer seems to write in another language" in german["uncertainties"]
    assert "“Guten Tag, wo bleibt meine Auszahlung seit Montag?”" in german["body"]
    silent = draft(messages=cases.said("The payout was returned.", role="automation"), request=NOTHING_ASKED)
    assert silent["subject"] == "About your account"
    assert "Thank you" not in silent["body"]
    assert "The customer has not written, so say why you write to them" in silent["uncertainties"]


def test_a_subject_that_would_promise_something_is_not_used() -> None:
    handoff = cases.ORDINARY["handoff"] | {"title": "Refund approved"}
    request = NOTHING_ASKED | {"subject": "Refund approved"}
    assert draft(handoff=handoff, request=request, messages=cases.said("Ok."))["subject"] == "Your message to us"
