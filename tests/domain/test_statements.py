"""One thing written in many ways is read as one thing."""

import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.domain import money, statements


def read(text: str) -> list[tuple[str, set[statements.Reading]]]:
    return [(s.raw, set(s.readings)) for s in statements.read(statements.plain(text))]


def readings(text: str) -> set[statements.Reading]:
    return {reading for _, found in read(text) for reading in found}


def covers(source: str, claim: str) -> bool:
    """Is everything the claim states among what the source makes true?"""
    known = {wide for reading in readings(source) for wide in statements.widen(reading)}
    return all(known & found for _, found in read(claim))


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("49.00 EUR", ("EUR", "49")),
        ("EUR 49", ("EUR", "49")),
        ("EUR49", ("EUR", "49")),
        ("€49", ("€", "49")),
        ("49 €", ("€", "49")),
        ("$1,234.50", ("$", "1234.5")),
        ("1.234,50 EUR", ("EUR", "1234.5")),
        ("1'234.50 CHF", ("CHF", "1234.5")),
        ("$1,000", ("$", "1000")),
        ("1.000 EUR", ("EUR", "1000")),
        ("1.000 KWD", ("KWD", "1")),
        ("４９ EUR", ("EUR", "49")),
        ("2026-11-22", ("date", "2026-11-22")),
        ("22 Nov 2026", ("date", "2026-11-22")),
        ("22nd of November, 2026", ("date", "2026-11-22")),
        ("Nov. 22, 2026", ("date", "2026-11-22")),
        ("22/11/2026", ("date", "2026-11-22")),
        ("11/22/2026", ("date", "2026-11-22")),
        ("22.11.26", ("date", "2026-11-22")),
        ("on 22.11.2026.", ("date", "2026-11-22")),
        ("59 euros", ("€", "59")),
        ("59.50 eur", ("EUR", "59.5")),
        ("12 Dollars", ("$", "12")),
        ("May 20th", ("date", "*-05-20")),
        ("November 2026", ("date", "2026-11")),
        ("06:00 AM", ("time", "06:00")),
        ("6 pm", ("time", "18:00")),
        ("12 a.m.", ("time", "00:00")),
        ("18:00:30", ("time", "18:00:30")),
        ("62%", ("%", "62")),
        ("62.50 per cent", ("%", "62.5")),
        ("3rd", ("number", "3")),
        ("0049.50", ("number", "49.5")),
        ("1,234,567", ("number", "1234567")),
        ("٤٩", ("number", "49")),
        ("inv_123", ("text", "inv_123")),
        ("A-10442", ("text", "a-10442")),
        ("sha256:ab12", ("text", "sha256:ab12")),
        ("refunds.amount_limit", ("text", "refunds.amount_limit")),
        ("Ada@Example.com", ("text", "ada@example.com")),
        ("https://x.example/a?b=1.", ("text", "https://x.example/a?b=1")),
        ("shop.example", ("text", "shop.example")),
        ("Ada", ("text", "ada")),
        ("Lovelace's", ("text", "lovelace")),
        ("O’Brien", ("text", "o'brien")),
        ("JFK", ("text", "jfk")),
        ("25:99", ("text", "25:99")),
        ("2026-02-30", ("text", "2026-02-30")),
        ("10.0.0.1", ("text", "10.0.0.1")),
    ],
)
def test_one_thing_has_one_form(text: str, reading: statements.Reading) -> None:
    assert read(text)[0][1] == {reading}
    assert len(read(text)) == 1
    assert read(f"It says {text}, they wrote.")[0][1] == {reading}


def test_a_numeral_that_can_be_read_in_two_ways_is_read_in_both() -> None:
    assert readings("1.234") == {("number", "1.234"), ("number", "1234")}
    assert readings("05/06/2026") == {("date", "2026-06-05"), ("date", "2026-05-06")}


def test_lists_and_ranges_are_read_one_by_one() -> None:
    assert [raw for raw, _ in read("1,2,3 or 10-15 or A-1,B-2")] == ["1", "2", "3", "10", "15", "A-1", "B-2"]


def test_an_instant_is_a_day_and_a_time() -> None:
    assert readings("2026-11-22T10:00:04.5Z") == {("date", "2026-11-22"), ("time", "10:00:04")}


def test_everyday_words_state_nothing() -> None:
    assert read("The Customer wants a Refund; Please READ it. Legal risk?") == []


@pytest.mark.parametrize(
    ("source", "claim"),
    [
        ("2026-11-22T10:00:00Z", "on 22 November at 10:00"),
        ("2026-11-22", "in Nov 2026, on a Sunday"),
        ("49.00 EUR", "49 euros"),
        ("49.00 EUR", "€49"),
        ("$49", "USD 49.00"),
        ("49 CAD", "$49"),
        ("0.62", "62 %"),
        ("62%", "0.62"),
        ("18:00:00", "6 pm"),
    ],
)
def test_a_claim_may_say_less_than_its_source(source: str, claim: str) -> None:
    assert covers(source, claim)


@pytest.mark.parametrize(
    ("source", "claim"),
    [
        ("22 November", "2026-11-22"),
        ("22 November", "22 November 2025"),
        ("49", "49 EUR"),
        ("49 EUR", "$49"),
        ("$49", "49 CAD"),
        ("18:00", "18:00:30"),
        ("49 EUR", "49.50"),
        ("$1", "$1,000"),
        ("490 EUR", "49 EUR"),
    ],
)
def test_a_claim_may_not_say_more_or_other_than_its_source(source: str, claim: str) -> None:
    assert not covers(source, claim)


@given(st.dates(date(1000, 1, 1)), st.sampled_from(["%Y-%m-%d", "%d %b %Y", "%B %d, %Y", "%d.%m.%Y", "%m/%d/%Y"]))
def test_a_day_is_found_however_it_is_written(day: date, form: str) -> None:
    assert covers(day.isoformat(), day.strftime(form))


@given(st.integers(0, 10**12), st.sampled_from(sorted(money.EXPONENTS)))
def test_a_sum_is_found_with_and_without_thousands_and_cents(amount: int, code: str) -> None:
    shown = str(money.Money(amount=amount, currency=code))
    whole = Decimal(shown.split()[0])
    assert covers(shown, f"{code} {whole:,}")
    assert covers(shown, str(whole))
    assert not covers(shown, f"{whole + 1:,} {code}")


@given(st.text())
def test_reading_never_fails_and_what_is_visible_stays_so(text: str) -> None:
    assert statements.visible(statements.visible(text)) == statements.visible(text)
    for statement in statements.read(statements.plain(text)):
        assert statement.readings
        assert all(list(statements.widen(reading)) for reading in statement.readings)


@pytest.mark.parametrize("piece", ["a1", "a.b.", "1,", "@a.", "A ", "http://", "Jan ", "_", "-", "1'000", "9:9"])
def test_reading_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    started = time.monotonic()
    list(statements.read(piece * 50_000))
    assert time.monotonic() - started < 10
