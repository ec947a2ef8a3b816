"""An account is suspended on a supervisor's word, and only one that can be."""

from typing import Any

import pytest

from flowops.domain import policies
from flowops.domain.facts import Facts
from flowops.domain.handoffs import Tier
from flowops.domain.policy import Outcome
from tests.domain import make


def suspension(**account: Any) -> Facts:
    asked = make.asked(kind="account_suspend", params={"reason": "stolen card"})
    return make.verified(asked=asked, records=make.records(account=make.account(**account), invoice=None), limits=None)


def test_a_supervisor_decides_even_when_everything_is_known() -> None:
    facts = suspension()
    verdict = policies.builtin().decide(facts)
    assert facts.failed == ()
    assert (verdict.outcome, verdict.tier) == (Outcome.REVIEW, Tier.SUPERVISOR)
    assert verdict.reason == "an account is suspended only after a supervisor has approved it"


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_an_account_that_is_suspended_or_closed_cannot_be(status: str) -> None:
    failed = {check.name: check.actual for check in suspension(status=status).failed}
    assert failed == {"account_active": status, "account_can_be_suspended": status}


def test_an_account_nobody_knows_or_of_somebody_else_cannot_be() -> None:
    asked = make.asked(kind="account_suspend", params={"reason": "stolen card"})
    unknown = make.verified(asked=asked, records=make.records(account=None, missing=("account",)))
    [check] = [check for check in unknown.failed if check.name == "account_can_be_suspended"]
    assert check.actual == "no such account"
    assert "account_can_be_suspended" in {check.name for check in suspension(id="cust_2").failed}
