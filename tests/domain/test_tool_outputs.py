"""What a caller says a tool gave is compared with the records only where it speaks of the same thing."""

from typing import Any

import pytest
from hypothesis import given

from flowops.domain import tool_outputs
from tests.domain import make

BILL = make.invoice(refundable=make.euros(20_000))
ASKED = make.euros(4900)


def differences(data: dict[str, Any]) -> list[str]:
    return [each.what for each in tool_outputs.statements(data, make.account(), BILL, ASKED) if not each.agrees]


def said(data: dict[str, Any]) -> list[str]:
    return [each.what for each in tool_outputs.statements(data, make.account(), BILL, ASKED)]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"customerId": "cust_9"}, "account"),
        ({"account_id": "cust_9"}, "account"),
        ({"customer": {"id": "cust_9"}}, "account"),
        ({"Email": "eve@example.com"}, "e-mail"),
        ({"result": {"user": {"email_address": "eve@example.com"}}}, "e-mail"),
        ({"found": [{"id": "cust_1", "email": "eve@example.com"}]}, "e-mail"),
        ({"plan": "enterprise"}, "plan"),
        ({"account": {"plan": "platinum"}}, "plan"),
        ({"accountStatus": "suspended"}, "account status"),
        ({"account": {"status": "CLOSED"}}, "account status"),
        ({"id": "cust_1", "status": "closed"}, "account status"),
        ({"invoiceId": "inv_1", "status": "refunded"}, "invoice status"),
        ({"invoices": [{"id": "inv_1", "total": 100}]}, "invoice total"),
        ({"invoice": {"id": "inv_1", "customer_id": "cust_9"}}, "customer of the invoice"),
        ({"invoice_id": "inv_1", "amount": 777}, "amount"),
        ({"invoice_id": "inv_1", "amount": "7.77 EUR"}, "amount"),
        ({"invoice_id": "inv_1", "amount": 1e22}, "amount"),
        ({"invoice_id": "inv_1", "amount": "490.00 USD"}, "amount"),
        ({"invoice_id": "inv_1", "amount": 49_000.0}, "amount"),
        ({"invoice_id": "inv_1", "refundable": {"amount": 49_000, "currency": "EUR"}}, "refundable amount"),
        ({"invoice_id": "inv_1", "currency": "usd"}, "currency"),
        ({"email": "eve@example.com", "Email": "ada@example.com"}, "e-mail"),
    ],
)
def test_a_value_that_differs_from_the_record_is_found(data: dict[str, Any], wrong: str) -> None:
    assert differences(data) == [wrong]


@pytest.mark.parametrize(
    "data",
    [
        {"customerId": "cust_1", "email": " ADA@example.com", "plan": "Pro", "accountStatus": "active"},
        {"customer": {"id": "cust_1", "status": "active"}},
        {"invoiceId": "inv_1", "status": "PAID", "amount": 49_000, "currency": "EUR"},
        {"invoiceId": "inv_1", "amount": 490},
        {"invoiceId": "inv_1", "amount": 490.0},
        {"invoiceId": "inv_1", "amount": "€490.00"},
        {"invoiceId": "inv_1", "amount": "EUR 490"},
        {"invoiceId": "inv_1", "amount": {"amount": 4900, "currency": "EUR"}},
        {"invoiceId": "inv_1", "refundable": 20_000},
    ],
)
def test_a_value_that_is_written_otherwise_agrees(data: dict[str, Any]) -> None:
    assert said(data)
    assert differences(data) == []


@pytest.mark.parametrize(
    "data",
    [
        {"passengers": [{"email": "eve@example.com", "plan": "free", "status": "closed"}]},
        {"order": {"email": "eve@example.com"}},
        {"referrer": {"customer": {"email": "eve@example.com"}}},
        {"result": [{"email": "eve@example.com"}]},
        {"status": "closed", "id": "ticket-7"},
        {"account": {"status": "verified"}},
        {"invoiceId": "inv_2", "status": "void", "amount": 1},
        {"invoiceId": "inv_1", "status": "sent"},
        {"invoiceId": "inv_1", "amount": None},
        {"invoiceId": "inv_1", "amount": True},
        {"invoiceId": "inv_1", "amount": "about fifty"},
        {"email": ["eve@example.com"]},
        {1: {"email": "eve@example.com"}},
    ],
)
def test_a_value_about_somebody_or_something_else_is_not_compared(data: dict[str, Any]) -> None:
    assert said(data) == []


def test_nothing_is_said_about_a_record_that_is_not_known() -> None:
    data = {"email": "eve@example.com", "invoiceId": "inv_1", "amount": 1}
    assert list(tool_outputs.statements(data, None, None, None)) == []


def deep(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels - 1):
        data = {"result": data}
    return data


@pytest.mark.parametrize(
    "data",
    [
        {"a": float("inf")},
        {"a": [2**53]},
        {"a": "\ud800"},
        {"a": {"b\0": 1}},
        {"a": {b"b": 1}},
        {"a": object()},
        deep(tool_outputs.DEEPEST + 1),
    ],
)
def test_what_not_every_reader_understands_is_a_defect(data: dict[str, Any]) -> None:
    assert tool_outputs.defect(data)


@given(make.JSON)
def test_plain_json_has_no_defect_but_its_size(data: dict[str, Any]) -> None:
    assert tool_outputs.defect(data) in {
        None,
        "an integer that is not exact everywhere",
        "more than 32 levels of nesting",
        "text that is not Unicode",
    }


def test_nesting_beyond_what_the_interpreter_can_recurse_is_read() -> None:
    data = deep(100_000)
    assert tool_outputs.defect(data) == "more than 32 levels of nesting"
    assert said(data) == []
