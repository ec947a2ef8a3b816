"""What a window holds, when it is full, and when there is room again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flowops.domain import caps
from flowops.domain.caps import Cap, Per, Use
from flowops.domain.money import MAX_INTEGER, Money
from tests.domain import make

WINDOW = timedelta(days=30)
CURRENCIES = st.sampled_from(["EUR", "EUR", "USD"])
MONEY = st.builds(Money, amount=st.integers(1, 1000), currency=CURRENCIES)
AGES = st.timedeltas(timedelta(0), WINDOW - timedelta(microseconds=1))
USES = st.lists(st.builds(lambda age, money: Use(make.NOW - age, money), AGES, MONEY), max_size=8)
CAPS = st.builds(
    lambda count, amount: cap(count, amount if amount is not None or count is not None else 0),
    st.none() | st.integers(0, 6),
    st.none() | st.integers(0, 3000),
)


def cap(count: int | None = None, amount: int | None = None) -> Cap:
    money = None if amount is None else make.euros(amount)
    return Cap(kind="refund", per=Per.CUSTOMER, window=WINDOW, count=count, money=money)


@given(CAPS, USES, MONEY)
def test_one_more_fits_exactly_as_long_as_no_sum_is_above_its_cap(cap: Cap, uses: list[Use], money: Money) -> None:
    after = [*(use.money for use in uses), money]
    euros = sum(each.amount for each in after if each and each.currency == "EUR")
    too_many = cap.count is not None and len(after) > cap.count
    too_much = cap.money is not None and money.currency == "EUR" and euros > cap.money.amount
    assert (caps.excess(cap, caps.used(cap, uses), money) is not None) == (too_many or too_much)


@given(CAPS, USES, MONEY)
def test_there_is_room_from_the_moment_that_is_told_and_not_a_moment_before(
    cap: Cap, uses: list[Use], money: Money
) -> None:
    def fits(when: timedelta) -> bool:
        left = [use for use in uses if use.at > make.NOW + when - WINDOW]
        return caps.excess(cap, caps.used(cap, left), money) is None

    at = caps.room_at(cap, uses, money)
    if at is None:
        assert not uses or not fits(WINDOW)
    elif not fits(timedelta(0)):
        assert fits(at - make.NOW)
        assert not fits(at - make.NOW - timedelta(microseconds=1))


@given(CAPS, st.lists(st.tuples(st.timedeltas(timedelta(0), timedelta(days=20)), MONEY), max_size=20))
def test_whoever_asks_first_never_exceeds_in_any_window(cap: Cap, asked: list[tuple[timedelta, Money]]) -> None:
    now, kept = make.NOW, list[Use]()
    for pause, money in asked:
        now += pause
        if caps.excess(cap, caps.used(cap, [use for use in kept if use.at > now - WINDOW]), money) is None:
            kept.append(Use(now, money))
    for last in kept:
        window = [use for use in kept if last.at - WINDOW < use.at <= last.at]
        assert cap.count is None or len(window) <= cap.count
        assert cap.money is None or caps.used(cap, window).amount <= cap.money.amount


def test_a_sum_beyond_every_exact_integer_is_still_told() -> None:
    assert caps.excess(cap(amount=0), caps.Used(2, MAX_INTEGER), make.euros(1)) == make.euros(MAX_INTEGER)


def test_money_of_another_currency_is_no_matter_of_the_cap() -> None:
    dollars = Money(amount=9999, currency="USD")
    assert caps.excess(cap(amount=100), caps.used(cap(amount=100), [Use(make.NOW, dollars)]), make.euros(100)) is None
    assert caps.excess(cap(amount=100), caps.Used(5, 100), dollars) is None
    assert caps.excess(cap(count=1), caps.Used(1), dollars) == 2, "one effect is one, in whatever currency"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "gift"}, "there is no effect kind 'gift'"),
        ({"kind": "reply", "money": {"amount": 1, "currency": "EUR"}}, "moves no money"),
        ({"count": None}, "caps nothing"),
        ({"money": {"amount": 1, "currency": "XXX"}}, "no ISO 4217"),
    ],
)
def test_a_cap_that_means_nothing_is_refused(wrong: dict[str, object], said: str) -> None:
    known = {"kind": "refund", "per": Per.OPERATOR, "window": WINDOW, "count": 1}
    with pytest.raises(ValidationError, match=said):
        Cap.model_validate(known | wrong)
