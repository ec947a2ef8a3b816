"""What a rule reads of the facts is noted, and nothing of them can be changed."""

from typing import Any

import pytest
from hypothesis import given

from flowops.domain import reading
from flowops.domain.facts import Account, Facts, History, Tally
from tests.domain import make


def noting(facts: Facts) -> tuple[Facts, list[str]]:
    read: list[str] = []
    return reading.noting(facts, read.append), read


def test_each_reading_is_noted_by_its_path() -> None:
    facts, read = noting(make.verified())
    assert facts.account is not None
    assert (facts.account.plan, facts.asked.params["invoiceId"], facts.now) == ("pro", "inv_1", make.NOW)
    assert read == ["account", "account", "account.plan", "asked", "asked.params", "now"]


def test_questions_are_noted_with_what_was_asked() -> None:
    history = History(effects=(Tally(kind="refund", days=30, count=2, currency="EUR", amount=900),))
    facts, read = noting(make.verified(history=history, asked=make.asked(tools=(make.tool({"plan": "pro"}),))))
    assert facts.history.count("refund", 30) == 2
    assert facts.history.total("refund", "EUR", 30) == 900
    assert facts.told("tool:nothing") is None
    assert read == [
        "history",
        "history.count(refund, 30)",
        "history",
        "history.total(refund, EUR, 30)",
        "told(tool:nothing)",
    ]


@given(make.all_facts(make.JSON))
def test_they_say_what_the_facts_say(known: Facts) -> None:
    facts, _ = noting(known)
    for name in ("now", "kind", "money", "failed", "passed", "confidence_floor", "checks"):
        assert getattr(facts, name) == getattr(known, name)
    assert facts.asked.params == reading.frozen(known.asked.params)
    assert facts.records.errors == known.records.errors
    assert (facts.account and facts.account.email) == (known.account and known.account.email)
    assert (facts.invoice and facts.invoice.total) == (known.invoice and known.invoice.total)


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts.asked.params.update(a=1),
        lambda facts: facts.asked.params.__setitem__("a", 1),
        lambda facts: facts.asked.params["money"].pop("amount"),
        lambda facts: facts.asked.params.setdefault("a", 1),
        lambda facts: facts.asked.tools[0].data.update(plan="x"),
        lambda facts: dict.update(facts.asked.params, a=1),
        lambda facts: facts.verified(()).asked.params.update(a=1),
        lambda facts: facts.asked.params["money"].clear(),
        lambda facts: facts.records.errors.update(billing="x"),
        lambda facts: setattr(facts, "now", None),
        lambda facts: setattr(facts.account, "plan", "free"),
    ],
)
def test_they_cannot_be_changed(change: Any) -> None:
    known = make.verified(asked=make.asked(tools=(make.tool({"plan": "pro"}),)))
    facts, _ = noting(known)
    with pytest.raises((TypeError, AttributeError)):
        change(facts)


def test_they_pass_for_the_facts_they_stand_for() -> None:
    known = make.verified(asked=make.asked(tools=(make.tool({"plan": "pro"}),)))
    facts, _ = noting(known)
    assert facts.account == known.account == facts.records.account
    assert isinstance(facts.account, Account)
    assert facts.account in (known.account,)
    assert {facts.money: 1} == {known.money: 1}
    assert (f"{facts.account}", repr(facts.money)) == (f"{known.account}", repr(known.money))
    match facts.account:
        case Account(status=status):
            assert status == "active"
    assert facts.asked.tools[0].data == {"plan": "pro"}
    assert facts.asked.tools[0] == known.asked.tools[0]


def test_names_are_read_in_the_same_order_in_every_process() -> None:
    facts, _ = noting(make.verified())
    assert ", ".join(facts.passed) == ", ".join(sorted(facts.passed))
    assert facts.passed >= {"account_active"}


def test_what_was_asked_is_noted_as_text_that_can_be_stored() -> None:
    facts, read = noting(make.verified())
    facts.told("a\ud800\0")
    facts.told("x" * 1000)
    facts.history.count("refund", days=30)
    assert read[0] == r"told('a\ud800\x00')"
    assert len(read[1]) == reading.LONGEST
    assert read[3] == "history.count(refund, days=30)"
