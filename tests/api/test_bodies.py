"""What a body may hold, and what is refused before anything is done."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from flowops.api import bodies
from tests.conftest import NOW

REQUEST: dict[str, Any] = {
    "channel": "chat",
    "customer": {"id": "cust_1"},
    "messages": [{"role": "customer", "text": "Hello"}],
}
CASE: dict[str, Any] = {"channel": "chat", "customer": {"id": "cust_1"}, "title": "Lost", "reason": "other"}


def refund(**money: Any) -> dict[str, Any]:
    return {"kind": "refund", "params": {"money": money, "invoiceId": "inv_1"}}


def test_what_is_left_out_has_a_default() -> None:
    body = bodies.IntakeRequest.model_validate(REQUEST)
    assert (body.mode, body.queue, body.subject, body.escalate, body.confidence) == ("live", "default", "", False, None)
    asked = body.asked(NOW, body.messages)
    assert (asked.messages[0].at, asked.kind, asked.params) == (NOW, None, {})


@pytest.mark.parametrize("given", [0.62, "0.62"])
def test_confidence_is_kept_as_the_decimal_it_reads_as(given: float | str) -> None:
    body = bodies.IntakeRequest.model_validate(REQUEST | {"confidence": given})
    assert body.confidence == Decimal("0.62")
    assert str(body.confidence) == "0.62"


def test_line_breaks_in_a_title_become_spaces() -> None:
    assert bodies.OpenHandoff.model_validate(CASE | {"title": " Lost\r\n parcel "}).title == "Lost parcel"


def test_a_deadline_left_out_is_our_promise_and_null_is_none() -> None:
    ours, none, theirs = (
        bodies.OpenHandoff.model_validate(CASE | more)
        for more in ({}, {"slaDueAt": None}, {"slaDueAt": "2026-11-23T12:00:00+02:00"})
    )
    assert (ours.promise, none.promise, theirs.promise) == (True, False, True)
    assert theirs.sla_due_at == datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "effect",
    [
        refund(currency="EUR"),
        refund(amount=-5, currency="EUR"),
        {"kind": "refund", "params": {}},
        {"kind": "teleport", "params": {"money": "much"}},
    ],
)
def test_an_odd_effect_is_taken_in_for_verification_to_judge(effect: dict[str, Any]) -> None:
    assert bodies.IntakeRequest.model_validate(REQUEST | {"effect": effect}).effect is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"effect": refund(amount=49.0, currency="EUR")},
        {"effect": refund(amount="4900", currency="EUR")},
        {"effect": refund(amount=True, currency="EUR")},
        {"effect": refund(amount=4900, currency="XXX")},
        {"effect": refund(amount=4900, currency=None)},
        {"effect": refund(amount=4900, currency=["EUR"])},
        {"effect": {"kind": "refund", "params": []}},
        {"unknown": 1},
        {"customer_id": "cust_1"},
        {"customer": {"id": ""}},
        {"customer": {"id": "a" * 201}},
        {"customer": {"id": 5}},
        {"channel": "Chat Room"},
        {"channel": "a" * 41},
        {"queue": ""},
        {"messages": []},
        {"messages": [{"role": "customer", "text": "a"}] * 501},
        {"messages": [{"role": "customer", "text": "a" * 20_001}]},
        {"messages": [{"role": "assistant", "text": "a"}]},
        {"messages": [{"role": "customer", "text": "a", "at": "2026-11-22"}]},
        {"messages": [{"role": "customer", "text": "a", "at": "2026-11-22T10:00:00"}]},
        {"messages": [{"role": "customer", "text": "a", "at": 1_700_000_000}]},
        {"messages": [{"role": "customer", "text": "a", "at": "0001-01-01T00:00:00+14:00"}]},
        {"messages": [{"role": "customer", "text": "a", "at": "9999-12-31T23:59:59-14:00"}]},
        {"facts": [{"source": "tool:a", "data": {}}] * 201},
        {"facts": [{"source": "tool:a", "data": "text"}]},
        {"confidence": 1.01},
        {"confidence": -0.1},
        {"confidence": True},
        {"confidence": "NaN"},
        {"confidence": 1e-30},
        {"escalate": "yes"},
        {"escalate": 1},
        {"mode": "dry"},
        {"subject": "a" * 201},
        {"externalId": ""},
    ],
)
def test_a_wrong_body_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        bodies.IntakeRequest.model_validate(REQUEST | wrong)
