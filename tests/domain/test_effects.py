"""An effect is bound to its content, and its size says whose approval it needs."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from flowops import errors
from flowops.domain import effects
from flowops.domain.access import Permission
from flowops.domain.facts import Records
from flowops.domain.money import Money
from tests.domain import make


def test_a_refund_is_read_from_its_parameters() -> None:
    assert effects.parse("refund", make.refund()) == effects.Refund(money=make.euros(4900), invoice_id="inv_1")


@pytest.mark.parametrize(
    ("kind", "params", "named"),
    [
        ("transfer", {}, "there are account_suspend, payout_release, refund, reply"),
        ("refund", {}, "invoiceId: Field required"),
        ("refund", {**make.refund(), "tip": 1}, "tip"),
        ("refund", {**make.refund(), "invoiceId": ""}, "invoiceId"),
        ("refund", {**make.refund(), "money": {"amount": 1.5, "currency": "EUR"}}, "money.amount"),
        ("account_suspend", {}, "reason"),
        ("account_suspend", {"reason": ""}, "reason"),
        ("payout_release", {"payoutId": "po_1"}, "money"),
        ("payout_release", {"money": {"amount": 1, "currency": "EUR"}}, "payoutId"),
        ("reply", {"body": ""}, "body"),
        ("reply", {"body": "x" * 20_001}, "body"),
        ("reply", {"body": "Hello", "subject": "x" * 201}, "subject"),
    ],
)
def test_wrong_parameters_are_named(kind: str, params: dict[str, Any], named: str) -> None:
    with pytest.raises(errors.Invalid, match=named):
        effects.parse(kind, params)


@given(make.HOSTILE)
def test_anything_is_parsed_or_refused(params: dict[str, Any]) -> None:
    for kind in (*effects.KINDS, "transfer"):
        known = effects.read(kind, params)
        assert known is None or known == effects.parse(kind, params)


def test_only_money_that_reads_as_money_is_money() -> None:
    assert effects.money("refund", make.refund()) == make.euros(4900)
    assert effects.money("refund", {"money": {"amount": 4900, "currency": "EUR"}}) is None
    assert effects.money("reply", {"body": "49 EUR"}) is None
    assert effects.money(None, make.refund()) is None


# What an approval is bound to


def sha(params: dict[str, Any] | None = None, records: Records | None = None, kind: str = "refund") -> str:
    return effects.content_sha256(kind, params or make.refund(), records or make.records())


@pytest.mark.parametrize(
    "changed",
    [
        sha(params=make.refund(amount=4901)),
        sha(params=make.refund(currency="USD")),
        sha(params=make.refund(invoice_id="inv_2")),
        sha(params={**make.refund(), "reason": "x"}),
        sha(kind="reply"),
        sha(records=make.records(account=make.account(status="closed"))),
        sha(records=make.records(account=make.account(plan="free"))),
        sha(records=make.records(account=None)),
        sha(records=make.records(invoice=make.invoice(refundable=make.euros(48_999)))),
        sha(records=make.records(invoice=make.invoice(status="refunded"))),
        sha(records=make.records(invoice=None)),
        sha(kind="payout_release"),
    ],
)
def test_any_other_content_or_record_has_another_hash(changed: str) -> None:
    assert changed != sha()


def test_asking_again_for_the_same_records_gives_the_same_hash() -> None:
    assert sha(records=make.records(fetched_at=make.NOW + timedelta(hours=1))) == sha()
    assert sha(params=dict(reversed(make.refund().items()))) == sha()
    assert sha().startswith("sha256:")


def test_a_reply_is_not_bound_to_an_invoice() -> None:
    body = {"body": "Hello"}
    with_invoice = effects.content_sha256("reply", body, make.records())
    assert effects.content_sha256("reply", body, make.records(invoice=None)) == with_invoice


# Whose approval


@pytest.mark.parametrize(
    ("amount", "needed", "permission", "proposer_may"),
    [
        (1, 1, Permission.EFFECTS_APPROVE, True),
        (25_000, 1, Permission.EFFECTS_APPROVE, True),
        (25_001, 1, Permission.EFFECTS_APPROVE_ABOVE_LIMIT, True),
        (49_999, 1, Permission.EFFECTS_APPROVE_ABOVE_LIMIT, True),
        (50_000, 2, Permission.EFFECTS_APPROVE_ABOVE_LIMIT, False),
    ],
)
def test_more_money_needs_more_approval(amount: int, needed: int, permission: Permission, proposer_may: bool) -> None:
    expected = effects.Approvals(needed, permission, proposer_may)
    assert effects.approvals("refund", make.refund(amount=amount), make.LIMITS) == expected


def test_money_without_limits_needs_two_people() -> None:
    assert effects.approvals("refund", make.refund(currency="JPY"), None).needed == 2


def test_a_quorum_is_asked_from_the_two_person_limit_on_and_never_below_it() -> None:
    limits = make.LIMITS.model_copy(update={"quorum": 3})
    large, small = (effects.approvals("refund", make.refund(amount=amount), limits) for amount in (50_000, 49_999))
    assert (large.needed, large.proposer_may, small.needed) == (3, False, 1)
    assert large.is_stricter_than(effects.approvals("refund", make.refund(amount=50_000), make.LIMITS))


def test_a_reply_needs_one_operator_who_may_have_proposed_it() -> None:
    expected = effects.Approvals(1, Permission.EFFECTS_APPROVE, proposer_may=True)
    assert effects.approvals("reply", {"body": "Hello"}, make.LIMITS) == expected


def test_a_suspension_needs_a_supervisor_who_did_not_propose_it() -> None:
    expected = effects.Approvals(1, Permission.EFFECTS_APPROVE_ABOVE_LIMIT, proposer_may=False)
    for limits in (make.LIMITS, None):
        assert effects.approvals("account_suspend", {"reason": "fraud"}, limits) == expected


def test_a_payout_is_money() -> None:
    params = {"payoutId": "po_1", "money": {"amount": 25_001, "currency": "EUR"}}
    expected = effects.Approvals(1, Permission.EFFECTS_APPROVE_ABOVE_LIMIT, proposer_may=True)
    assert effects.approvals("payout_release", params, make.LIMITS) == expected
    assert effects.approvals("payout_release", params, None).needed == 2


def test_money_prints_in_the_currency_of_the_effect() -> None:
    assert effects.money("refund", make.refund(currency="JPY")) == Money(amount=4900, currency="JPY")
