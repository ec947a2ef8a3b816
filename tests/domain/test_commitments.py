"""What is said to be done needs somebody who did it."""

from typing import Any

import pytest

from flowops.domain import commitments


def backed(text: str, *effects: dict[str, Any], recorded: frozenset[str] = frozenset()) -> bool:
    return all(commitments.is_backed(said, effects, recorded) for said in commitments.read(text))


@pytest.mark.parametrize(
    "text",
    [
        "Your refund has been approved.",
        "APPROVED",
        "49 EUR were refunded",
        "you will be credited by Friday",
        "We will now refund the money",
        "we'll issue a full refund",
        "Your order was canceled.",
        "The fee is waived",
        "It is pre-approved.",
    ],
)
def test_a_commitment_without_an_effect_or_record_is_not_backed(text: str) -> None:
    assert list(commitments.read(text))
    assert not backed(text)


@pytest.mark.parametrize(
    "text",
    [
        "It was not refunded.",
        "nothing has been approved",
        "Approve or decline the refund.",
        "a creditable unrefundedness",
    ],
)
def test_denials_and_wishes_commit_to_nothing(text: str) -> None:
    assert not list(commitments.read(text))


def test_what_is_done_needs_a_finished_effect_and_what_is_to_come_an_approved_one() -> None:
    approved, done = {"kind": "refund", "status": "approved"}, {"kind": "refund", "status": "done"}
    assert backed("The 49 EUR will be refunded; it is approved.", approved)
    assert not backed("The 49 EUR were refunded.", approved)
    assert backed("The 49 EUR were refunded.", done)


@pytest.mark.parametrize("status", ["proposed", "held", "declined", "cancelled", "expired", "failed"])
def test_an_effect_nobody_agreed_to_backs_nothing(status: str) -> None:
    assert not backed("The refund is approved.", {"kind": "refund", "status": status})


def test_an_effect_of_another_kind_backs_nothing() -> None:
    assert not backed("49 EUR were refunded.", {"kind": "reply", "status": "done"})


def test_a_record_backs_the_word_it_holds_and_no_other() -> None:
    assert backed("The invoice is Refunded.", recorded=frozenset({"refunded"}))
    assert not backed("The invoice is refunded and approved.", recorded=frozenset({"refunded"}))


@pytest.mark.parametrize(
    ("text", "kind", "done"),
    [
        ("Your account was suspended.", "account_suspend", True),
        ("We will suspend the account.", "account_suspend", False),
        ("Your payout was released.", "payout_release", True),
        ("The money will be released.", "payout_release", False),
        ("It was paid out.", "payout_release", True),
        ("We'll pay it out today.", "payout_release", False),
    ],
)
def test_a_suspension_and_a_payout_are_commitments_of_their_kinds(text: str, kind: str, done: bool) -> None:
    [said] = commitments.read(text)
    assert (said.kind, said.done) == (kind, done)
    assert not backed(text, {"kind": "refund", "status": "done"})
    assert backed(text, {"kind": kind, "status": "done"})


@pytest.mark.parametrize("text", ["A new version will be released.", "Deliveries are suspended.", "You paid twice."])
def test_what_is_neither_about_an_account_nor_about_money_commits_to_nothing(text: str) -> None:
    assert not list(commitments.read(text))


@pytest.mark.parametrize(
    ("text", "supposed"),
    [
        ("If it is approved, we will refund you.", [True, True]),
        ("Once it is approved, we will refund you.", [True, False]),
        ("You asked us to be refunded.", [True]),
        ("You want it cancelled.", [True]),
        ("You have cancelled it.", [True]),
        ("Was it refunded?", [True]),
        ("It was refunded. Was it?", [False]),
        ("As you requested we refunded it.", [False]),
        ("You have been refunded.", [False]),
    ],
)
def test_what_is_only_supposed_is_told_apart(text: str, supposed: list[bool]) -> None:
    assert [said.supposed for said in commitments.read(text)] == supposed


def test_a_commitment_knows_its_sentence() -> None:
    [said] = commitments.read("Hello.\nInvoice inv_1 was refunded. Bye.")
    assert said.sentence.strip() == "Invoice inv_1 was refunded."
