"""Nobody is named to a provider by what identifies them, and what it writes about them is as if they had been."""

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.ai import redaction

EMAILS = [
    "maria@example.com",
    "MARIA.LOPEZ+work@Sub.Example.CO.UK",
    "m_l-9@example.museum",
    "müller@exämple.de",
    '"maria lopez"@example.org',
    "o'brien@example.ie",
    "maria@[192.0.2.1]",
    "maria@xn--exmple-cua.de",
    "maria＠example.com",
    "maria (at) example (dot) com",
    "maria[at]example[dot]com",
    "maria at example dot com",
    "maria(at)example.com",
]
PHONES = [
    "+49 30 1234567",
    "+49 (0)30 123456-78",
    "+493012345678",
    "0049 30 1234567",
    "+1 (555) 123-4567",
    "(555) 123-4567",
    "555-123-4567",
    "555.123.4567",
    "030/1234567",
    "030 123 45 67",
    "0171 2345678",
    "+44 20 7946 0958",
    "+33 1 23 45 67 89",
    "+86 138 1234 5678",
    "+49\u00a030\u00a01234567",
    "+49 30 1234\u20115678",
]
CARDS = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "5500 0000 0000 0004",
    "3400 000000 00009",
    "6011.0000.0000.0004",
    "4222222222222",
]
IBANS = [
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "de89 3704 0044 0532 0130 00",
    "GB82 WEST 1234 5698 7654 32",
    "FR14 2004 1010 0505 0001 3M02 606",
    "NO93 8601 1117 947",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    "NL91-ABNA-0417-1643-00",
]
PRIVATE = [
    (text, kind)
    for kind, texts in (("EMAIL", EMAILS), ("PHONE", PHONES), ("CARD", CARDS), ("IBAN", IBANS))
    for text in texts
]
AROUND = [
    "{}",
    "it is {}.",
    "({})",
    "write to {}, please",
    "{} and call back",
    "no {}; then?",
    "a: {}\nb",
    "“{}”",
    "12 {} 2027",
    "{}!",
]


@pytest.mark.parametrize(("text", "kind"), PRIVATE)
def test_what_identifies_somebody_is_replaced_wherever_it_stands_and_comes_back(text: str, kind: str) -> None:
    for around in AROUND:
        said = around.format(text)
        context = {"messages": [{"text": said}], text: {"deep": [said, said]}}
        redacted = redaction.redact(context)
        sent = json.dumps(redacted.context, ensure_ascii=False)
        assert text not in sent
        assert f"[{kind}-1]" in sent, sent
        assert redacted.restore(redacted.context) == context


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T09:00:00Z",
        "01.02.2026 49.00 EUR",
        "10,000.00 EUR of 1,234,567.89",
        "order 1234567890 of inv_0012, req_01HZX0123456789",
        "4111 1111 1111 1112",
        "let us meet at noon",
        "0.75 of 100",
        "12:00:00.000001",
        "sha256:00112233445566778899aabbccddeeff",
        "@maria, see #1001",
    ],
)
def test_what_identifies_nobody_stays_for_the_model_to_read(text: str) -> None:
    context = {"text": text, "number": 1234567, "yes": True, "none": None, "ratio": 0.25}
    assert redaction.redact(context) == (context, {})


def test_the_same_text_has_the_same_placeholder_and_another_has_another() -> None:
    redacted = redaction.redact({"a": "x@example.com, y@example.com", "b": "x@example.com"})
    assert redacted.context == {"a": "[EMAIL-1], [EMAIL-2]", "b": "[EMAIL-1]"}


def test_a_placeholder_that_a_customer_wrote_stays_what_they_wrote() -> None:
    context = {"text": "I am [EMAIL-1], and you are y@example.com"}
    redacted = redaction.redact(context)
    assert redacted.context == {"text": "I am [EMAIL-1], and you are [EMAIL-2]"}
    assert redacted.restore({"body": "[EMAIL-1] [EMAIL-2] [EMAIL-3]"}) == {"body": "[EMAIL-1] y@example.com [EMAIL-3]"}


def test_numbers_that_tools_wrote_without_quotation_marks_are_replaced_too() -> None:
    context = {"card": 4111111111111111, "phone": 5551234, "mobile": "12-34-567", "total": 4900}
    assert redaction.redact(context).context == {
        "card": "[CARD-1]",
        "phone": "[PHONE-1]",
        "mobile": "[PHONE-2]",
        "total": 4900,
    }


def test_a_pointer_to_a_member_that_was_replaced_leads_there_again() -> None:
    redacted = redaction.redact({"a~/b@example.com": 1})
    assert redacted.context == {"a~/[EMAIL-1]": 1} or redacted.context == {"[EMAIL-1]": 1}
    (name,) = redacted.context
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    assert redacted.restore([{"text": name, "source": pointer}]) == [
        {"text": "a~/b@example.com", "source": "/a~0~1b@example.com"}
    ]


def test_what_a_deployment_looks_for_is_replaced_first() -> None:
    redacted = redaction.redact({"text": "patient 12-AB-34 of a@example.com"}, [r"\d\d-[A-Z]{2}-\d\d"])
    assert redacted.context == {"text": "patient [PRIVATE-1] of [EMAIL-1]"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([text for text, _ in PRIVATE]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    )
)
def test_whatever_a_context_holds_comes_back_as_it_was(value: Any) -> None:
    redacted = redaction.redact({"value": value})
    back = redacted.restore(redacted.context)
    assert json.dumps(back) == json.dumps(_texts_of_numbers({"value": value}, redacted.context))


def _texts_of_numbers(value: Any, beside: Any) -> Any:
    """A number that was replaced comes back as a text."""
    if isinstance(value, dict):
        return {
            name: _texts_of_numbers(inner, there)
            for (name, inner), there in zip(value.items(), beside.values(), strict=True)
        }
    if isinstance(value, list):
        return [_texts_of_numbers(inner, there) for inner, there in zip(value, beside, strict=True)]
    return str(value) if isinstance(beside, str) else value


@pytest.mark.parametrize("unit", ["1 ", "a@", "at ", "+1 ", "x.", "4", "DE00 ", "(at)", "0", '"'])
def test_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    """By processor time, with room for a machine ten times slower: what is quadratic takes minutes."""
    began = time.process_time()
    redaction.redact({"text": unit * (60_000 // len(unit))})
    assert time.process_time() - began < 10


def test_the_planted_data_of_a_thousand_letters_reaches_nobody() -> None:
    dice = random.Random(7)
    for _ in range(1000):
        planted = [text for text, _ in dice.sample(PRIVATE, 5)]
        letter = " ".join(dice.choice(AROUND).format(text) for text in planted)
        redacted = redaction.redact({"text": letter, "subject": planted[0]})
        sent = json.dumps(redacted.context, ensure_ascii=False)
        assert [text for text in planted if text in sent] == []
        assert redacted.restore(redacted.context)["text"] == letter
