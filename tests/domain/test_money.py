"""Money is whole minor units of a known currency, and nothing else."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flowops.domain.money import EXPONENTS, MAX_INTEGER, Money
from tests.domain import make

AMOUNTS = st.integers(-MAX_INTEGER, MAX_INTEGER)
CURRENCIES = st.sampled_from(sorted(EXPONENTS))


@pytest.mark.parametrize("amount", [49.0, math.nan, math.inf, "4900", True, None, 2**53, -(2**53), 10**400])
def test_only_exact_integers_are_amounts(amount: Any) -> None:
    with pytest.raises(ValidationError):
        Money(amount=amount, currency="EUR")


@pytest.mark.parametrize("currency", ["eur", "XXX", "EURO", "", "€", None, 978])
def test_only_iso_codes_are_currencies(currency: Any) -> None:
    with pytest.raises(ValidationError):
        Money(amount=1, currency=currency)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": 1, "currency": "EUR", "unit": "cent"})


@given(AMOUNTS, CURRENCIES)
def test_the_text_of_money_can_be_read_back(amount: int, currency: str) -> None:
    number, _, code = str(Money(amount=amount, currency=currency)).partition(" ")
    whole, _, part = number.partition(".")
    assert (int(whole + part), len(part), code) == (amount, EXPONENTS[currency], currency)


@given(AMOUNTS, AMOUNTS)
def test_money_of_one_currency_is_ordered_by_amount(one: int, other: int) -> None:
    assert (make.euros(one) < make.euros(other), make.euros(one) >= make.euros(other)) == (one < other, one >= other)


def test_two_currencies_have_no_order() -> None:
    with pytest.raises(ValueError, match="EUR and USD cannot be compared"):
        make.euros(1) < Money(amount=2, currency="USD")  # noqa: B015  # the comparison itself is what raises


def test_currencies_have_their_own_minor_units() -> None:
    texts = [str(Money(amount=12345, currency=currency)) for currency in ("EUR", "JPY", "KWD")]
    assert texts == ["123.45 EUR", "12345 JPY", "12.345 KWD"]
