"""A claim is shown only when the context says so."""

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowops.domain import grounding

CONTEXT: dict[str, Any] = {
    "handoff": {"number": "H-2481", "title": "Charged twice", "reason": "policy_boundary"},
    "customer": {"name": "Ada Lovelace", "email": "ada@example.com", "plan": "pro"},
    "request": {"confidence": "0.62", "effect": {"kind": "refund", "params": {"invoiceId": "inv_123"}}},
    "messages": [
        {"role": "customer", "text": "I was charged  twice.\nRefund me “now”, or I call Dr. Meyer. It was approved!"},
        {"role": "automation", "text": "Your refund of $49 has been approved on 22 Nov 2026."},
        {"role": "customer", "text": "approved"},
    ],
    "facts": [
        {"source": "tool:get_order", "data": {"orderId": "A-10442", "state": "cancelled", "cards": {"card_77": 5}}},
        {"source": "tool:sum", "data": {"amount": 4900, "currency": "EUR"}},
    ],
    "records": {
        "invoice": {
            "id": "inv_123",
            "status": "refunded",
            "total": {"amount": 4900, "currency": "EUR"},
            "paidAt": "2026-11-20T09:30:00Z",
        },
        "account": {"plan": "enterprise", "active": True},
    },
    "effects": [],
}


def why(text: str, source: str | None = None, context: dict[str, Any] = CONTEXT) -> str | None:
    (claim,) = grounding.check(context, [(text, source)]).claims
    assert claim.ok == (claim.why is None)
    return claim.why


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Invoice inv_123 over 49.00 EUR was paid on 20 November 2026 at 09:30 UTC.", "/records/invoice"),
        ("The total is €49.", "/records/invoice/total"),
        ("The total is 49 EUR.", "/records/invoice/total/amount"),
        ("Confidence: 62 %", "/request/confidence"),
        ("The customer is on the Enterprise plan.", "/records/account/plan"),
        ("Order A-10442, paid with CARD_77", "/facts/0"),
        ("ADA LOVELACE (Ada@Example.com)", "/customer"),
        ("The customer writes: “Refund me now”".replace("me now", 'me "now"'), "/messages/0/text"),
        ("In short: “i was charged twice. …”", "/messages/0/text"),
        ("The automation said “your refund of $49 has been approved”.", "/messages/1"),
        ("The invoice is refunded.", "/records/invoice"),
        ("State: cancelled", "/facts/0"),
        ("Case H-2481 of Ada Lovelace, invoice inv_123: “Charged twice”.", None),
        ("Charged twice, says Dr. Meyer.", None),
    ],
)
def test_what_the_source_says_is_grounded(text: str, source: str | None) -> None:
    assert why(text, source) is None


@pytest.mark.parametrize(
    ("text", "source", "missing"),
    [
        ("The total is 48.00 EUR.", "/records/invoice", "48.00 EUR"),
        ("The total is 4900 EUR.", "/records/invoice/total", "4900 EUR"),
        ("The total is 4900.", "/records/invoice/total/amount", "4900"),
        ("The total is 49 USD.", "/records/invoice", "49 USD"),
        ("Paid on 21 Nov.", "/records/invoice", "21 Nov"),
        ("Paid at 09:31.", "/records/invoice", "09:31"),
        ("Order A-10443", "/facts/0", "A-10443"),
        ("Order A-1044", "/facts/0", "A-1044"),
        ("Write to bob@example.com", "/customer", "bob@example.com"),
        ("See https://evil.example/pay", "/customer", "https://evil.example/pay"),
        ("The customer Bob is angry.", "/customer", "Bob"),
        ("Bob is angry.", "/customer", "Bob"),
        ("Confidence: 63%", "/request/confidence", "63%"),
        ("The plan is Pro.", "/records/account", "Pro"),  # the customer's word, but not this source's
        ("Invoice inv_999 is open.", None, "inv_999"),
        ("The e-mail is a\u200bda2@example.com", "/customer", "ada2@example.com"),
    ],
)
def test_what_the_source_does_not_say_is_named(text: str, source: str | None, missing: str) -> None:
    place = "context" if source is None else "source"
    assert why(text, source) == f"not in the {place}: {missing}"


@pytest.mark.parametrize(
    "quote", ["I was charged thrice", "I was not charged twice", "efund me", "Refund m", "Refund me … or I call"]
)
def test_a_quotation_that_is_not_word_for_word_is_refused(quote: str) -> None:
    assert why(f"The customer: “{quote}”", "/messages/0/text") == f"not word for word in the source: “{quote}”"
    assert why(f'The customer: "{quote}"', "/messages/0/text") == f"not word for word in the source: “{quote}”"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("The refund is approved.", None),
        ("The refund of H-2481 is approved.", None),
        ("The refund has been approved.", "/messages/1"),
        ("It is approved.", "/messages/2/text"),
        ("It is approved.", "/messages"),
        ("The order will be cancelled.", None),
        ("The refund is app\u200broved: “charged twice”.", None),
        ("The refund—49EUR—is refunded—49EUR.", "/messages/1"),
    ],
)
def test_a_promise_of_the_artifacts_own_needs_an_effect(text: str, source: str | None) -> None:
    assert "a commitment without an effect or record" in (why(text, source) or "")


def test_the_words_inside_an_id_promise_nothing() -> None:
    assert why("Order approved-1", "/facts/0", {"facts": [{"data": {"order": "approved-1"}}]}) is None


def test_an_effect_that_was_carried_out_supports_the_promise() -> None:
    done = CONTEXT | {"effects": [{"kind": "refund", "status": "done"}]}
    assert why("The refund was approved and the money refunded.", None, done) is None


@pytest.mark.parametrize(
    "pointer",
    [
        "",
        "records",
        "/nowhere",
        "/messages/9",
        "/messages/-",
        "/messages/00",
        "/messages/-1",
        "/customer/name/0",
        "/~2",
        "/ ",
    ],
)
def test_a_source_that_leads_nowhere_or_everywhere_is_refused(pointer: str) -> None:
    assert why("The customer waits.", pointer) == "the source does not exist in the context"


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", ...),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_pointers_resolve_as_in_section_5_of_rfc_6901(pointer: str, value: Any) -> None:
    names = {"": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}
    document = {"foo": ["bar", "baz"]} | names
    assert grounding.resolve(document, pointer) == (document if value is ... else value)


def test_every_claim_is_reported_and_one_bad_one_fails_the_artifact() -> None:
    found = grounding.check(CONTEXT, [("Ada waits.", "/customer"), ("Bob waits.", "/customer")])
    assert found.dump() == {
        "passed": False,
        "claims": [
            {"text": "Ada waits.", "source": "/customer", "ok": True, "why": None},
            {"text": "Bob waits.", "source": "/customer", "ok": False, "why": "not in the source: Bob"},
        ],
    }


_TRUE = [
    ("Invoice inv_123 over 49.00 EUR was paid on 2026-11-20 at 09:30.", "/records/invoice"),
    ("Order A-10442 with card_77.", "/facts/0"),
    ("Confidence: 0.62, or 62 %.", "/request/confidence"),
    ("Case H-2481 is about invoice inv_123 and order A-10442.", None),
]


@settings(max_examples=300)
@given(st.sampled_from(_TRUE), st.data())
def test_no_digit_of_a_true_claim_can_be_changed_unnoticed(claim: tuple[str, str | None], data: st.DataObject) -> None:
    text, source = claim
    assert why(text, source) is None
    at = data.draw(st.sampled_from([found.start() for found in re.finditer(r"\d", text)]))
    digit = data.draw(st.sampled_from("0123456789"))
    assume(digit != text[at])
    assert why(text[:at] + digit + text[at + 1 :], source) is not None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {"effects": st.lists(st.dictionaries(st.sampled_from(["kind", "status"]), _JSON))},
        optional={"messages": _JSON, "facts": _JSON, "records": _JSON},
    ),
    st.lists(
        st.tuples(st.text(), st.none() | st.sampled_from(["/messages", "/effects/0", "/facts/amount"]) | st.text())
    ),
)
def test_checking_never_fails_and_changes_nothing(
    context: dict[str, Any], claims: list[tuple[str, str | None]]
) -> None:
    before = copy.deepcopy(context)
    found = grounding.check(context, claims)
    assert len(found.claims) == len(claims)
    assert repr(context) == repr(before)
    json.dumps(found.dump())
