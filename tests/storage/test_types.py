"""Column types keep what they are given, and ids sort by the time they were made."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from flowops.storage.types import Json, UtcTime, new_id

SQLITE, POSTGRES = (make_url(f"{name}://").get_dialect()() for name in ("sqlite", "postgresql+psycopg"))
times = st.datetimes(datetime(1000, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive


@given(times, times)
def test_times_on_sqlite_sort_as_text_and_come_back(one: datetime, other: datetime) -> None:
    column = UtcTime()
    first, second = (column.process_bind_param(t, SQLITE) for t in (one, other))
    assert (first < second) == (one < other)
    assert column.process_result_value(first, SQLITE) == one


def test_a_time_of_another_zone_is_kept_as_utc() -> None:
    tokyo = datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    assert UtcTime().process_bind_param(tokyo, SQLITE) == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRES])
def test_a_time_without_a_zone_is_refused(dialect: object) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        UtcTime().process_bind_param(datetime(2026, 1, 1), dialect)  # type: ignore[arg-type]  # noqa: DTZ001 - the point


def test_json_keeps_the_order_of_keys_and_refuses_nan() -> None:
    column = Json()
    assert column.process_bind_param({"b": 1, "a": "é"}, SQLITE) == '{"b":1,"a":"é"}'
    with pytest.raises(ValueError, match="JSON"):
        column.process_bind_param({"a": float("nan")}, SQLITE)


def test_ids_are_prefixed_unique_and_sort_by_millisecond() -> None:
    ids = [new_id("req") for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert all(len(i) == 30 and i.startswith("req_") for i in ids)
    assert [i[:14] for i in ids] == sorted(i[:14] for i in ids)
