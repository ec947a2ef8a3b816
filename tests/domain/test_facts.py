"""Facts are kept as JSON and come back as they were."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from flowops.domain.facts import Account, Facts, History, Limits
from tests.domain import make


@given(make.all_facts(make.JSON))
def test_facts_survive_being_stored_as_json(facts: Facts) -> None:
    assert Facts.model_validate(json.loads(json.dumps(facts.dump()))).dump() == facts.dump()


def test_facts_have_the_names_clients_see() -> None:
    dumped = make.facts().dump()
    assert {"asked", "records", "confidenceFloor", "now"} <= set(dumped)
    assert dumped["limits"] == {"automatic": 10_000, "operator": 25_000, "twoPeople": 50_000, "quorum": 2}
    assert dumped["now"] == "2026-11-22T10:00:00Z"


def test_a_record_may_grow_without_breaking_its_reader() -> None:
    assert Account.model_validate({**make.account().dump(), "locale": "de"}) == make.account()


@pytest.mark.parametrize(
    "changed", [{"plan": "platinum"}, {"status": "vip"}, {"createdAt": "yesterday"}, {"id": ""}, {"email": None}]
)
def test_a_record_off_its_schema_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Account.model_validate({**make.account().dump(), **changed})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        make.facts(now=datetime(2026, 11, 22))  # noqa: DTZ001  # the missing zone is the point


def test_facts_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        make.facts().now = make.NOW


@pytest.mark.parametrize("amount", [-1, 2**53])
def test_limits_and_counts_are_sane(amount: int) -> None:
    with pytest.raises(ValidationError):
        Limits(automatic=amount, operator=25_000, two_people=50_000)
    with pytest.raises(ValidationError):
        History(cases_in_7_days=-1)


def test_limits_of_before_there_was_a_quorum_take_two_people() -> None:
    kept = {"automatic": 10_000, "operator": 25_000, "twoPeople": 50_000}
    assert Limits.model_validate(kept).quorum == 2
    with pytest.raises(ValidationError):
        Limits.model_validate(kept | {"quorum": 1})


def test_verified_facts_know_what_failed() -> None:
    facts = make.verified(records=make.records(account=make.account(status="closed")))
    assert [check.name for check in facts.failed] == ["account_active"]
