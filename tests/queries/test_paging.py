"""A cursor is taken back only in the form this list gave it."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops import errors
from flowops.queries import paging


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@given(
    st.datetimes(timezones=st.just(UTC)) | st.none(),
    st.integers(0, 10**15 - 1),
    st.integers(0, 99),
)
def test_a_place_comes_back_as_it_was(at: datetime | None, number: int, rank: int) -> None:
    place = paging.Place("due", at, number, rank)
    assert paging.Place.decode(place.encode(), "due") == place


@pytest.mark.parametrize(
    "text",
    [
        "due 0 5 0001-01-01T00:00:00+23:59",
        "due 0 5 9999-12-31T23:59:59-23:59",
        "due 0 5 2026-11-22T12:00:00",
        "due 0 5 2026-11-22T12:00:00-01:00+00:00",
        "due 0 5 noon+00:00",
        "due 0 5 +00:00",
        "due 0 1234567890123456 ",
        "due 0 -5 ",
        "due 100 5 ",
        "due 5 ",
        "-created 0 5 ",
        "due 0 5",
    ],
)
def test_a_cursor_we_never_gave_is_refused(text: str) -> None:
    with pytest.raises(errors.Invalid, match="cursor"):
        paging.Place.decode(encoded(text), "due")


def test_in_an_order_by_time_a_cursor_names_one() -> None:
    with pytest.raises(errors.Invalid, match="cursor"):
        paging.Place.decode(encoded("-created 0 5 "), "-created", timed=True)
    assert paging.Place.decode(encoded("due 0 5 "), "due").at is None
