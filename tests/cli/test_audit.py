"""The command that takes entries out of the record."""

import csv
import io
import json
from datetime import timedelta, timezone

import pytest

from flowops.app import App
from flowops.queries import audit
from flowops.queries import effects as queries
from tests import world
from tests.cli.conftest import Flowops

pytestmark = pytest.mark.usefixtures("on_database")


@pytest.fixture
def request_id(app: App) -> str:
    return world.receive(app, world.service(app)).id


def test_the_record_is_exported_and_that_is_recorded_by_the_name_of_who_sat_here(
    flowops: Flowops, app: App, request_id: str
) -> None:
    ran = flowops("audit", "export", "--customer", "cust_123")
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert request_id in {record["id"] for record in records if record["type"] == "request"}
    with app.view() as view:
        newest = audit.search(view).items[0]
    assert newest.row.event == "audit.exported"
    assert (newest.row.correlation_id or "").startswith("cli:")


def test_the_three_formats_hold_the_same_records(flowops: Flowops, request_id: str) -> None:
    ndjson = [json.loads(line) for line in flowops("audit", "export", "--customer", "cust_123").out.splitlines()]
    plain = json.loads(flowops("audit", "export", "--customer", "cust_123", "--format", "json").out)["records"]
    table = csv.DictReader(io.StringIO(flowops("audit", "export", "--customer", "cust_123", "--format", "csv").out))
    ids = [record.get("id") for record in ndjson]
    assert [record.get("id") for record in plain] == ids
    assert [row["id"] or None for row in table] == ids


def test_a_span_of_time_is_read_as_utc(flowops: Flowops, app: App, request_id: str) -> None:
    with app.view() as view:
        moment = queries.request(view, request_id).request.created_at
    before, after = (f"{moment + timedelta(seconds=s):%Y-%m-%dT%H:%M:%S}" for s in (-1, 1))
    assert request_id in flowops("audit", "export", "--from", before, "--to", after).out
    assert request_id not in flowops("audit", "export", "--from", after).out
    assert request_id not in flowops("audit", "export", "--to", before).out


def test_a_moment_with_an_offset_is_that_moment(flowops: Flowops, app: App, request_id: str) -> None:
    with app.view() as view:
        moment = queries.request(view, request_id).request.created_at.astimezone(timezone(timedelta(hours=5)))
    before, after = ((moment + timedelta(seconds=s)).isoformat(timespec="seconds") for s in (-1, 1))
    assert request_id in flowops("audit", "export", "--from", before, "--to", after).out
    assert request_id not in flowops("audit", "export", "--from", after).out


def test_a_case_that_is_not_there_is_one_sentence(flowops: Flowops) -> None:
    ran = flowops("audit", "export", "--handoff", "H-9")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
