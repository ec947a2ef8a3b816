"""A case moves as the table allows and no other way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.domain import handoffs
from flowops.domain.handoffs import MOVES, Priority, Reason, Status, Verb

VERBS = st.lists(st.sampled_from(Verb), max_size=20)


def walk(verbs: list[Verb]) -> list[tuple[Status, Verb, Status]]:
    """The moves made from a new case; a verb the table does not allow changes nothing."""
    made, status = [], Status.PENDING
    for verb in verbs:
        if after := handoffs.move(status, verb):
            made.append((status, verb, after))
            status = after
    return made


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("verb", Verb)
def test_a_move_is_allowed_only_by_the_table(status: Status, verb: Verb) -> None:
    assert handoffs.move(status, verb) == MOVES.get((status, verb))


@given(VERBS)
def test_only_a_claimed_case_is_resolved_or_released(verbs: list[Verb]) -> None:
    for before, verb, after in walk(verbs):
        if after is Status.RESOLVED or verb is Verb.RELEASE:
            assert before is Status.CLAIMED


@given(VERBS)
def test_a_resolved_case_leaves_only_by_being_reopened(verbs: list[Verb]) -> None:
    for before, verb, after in walk(verbs):
        if before is Status.RESOLVED:
            assert (verb, after) == (Verb.REOPEN, Status.PENDING)


@given(VERBS)
def test_a_case_is_owned_only_through_a_claim_or_an_assignment(verbs: list[Verb]) -> None:
    assert {verb for _, verb, after in walk(verbs) if after is Status.CLAIMED} <= {Verb.CLAIM, Verb.ASSIGN}


@given(VERBS)
def test_every_case_can_still_be_resolved(verbs: list[Verb]) -> None:
    way = {Status.PENDING: [Verb.CLAIM, Verb.RESOLVE], Status.CLAIMED: [Verb.RESOLVE], Status.RESOLVED: []}
    made = walk(verbs)
    status = made[-1][2] if made else Status.PENDING
    assert walk([*verbs, *way[status]])[-1][2] is Status.RESOLVED


@given(st.sets(st.sampled_from(Reason)))
def test_the_strictest_reason_heads_the_case(reasons: set[Reason]) -> None:
    stated = "VERIFICATION_FAILED EFFECT_FAILED POLICY_BOUNDARY ESCALATED LOW_CONFIDENCE SLA_RISK OTHER"
    order = [reason for reason in stated.lower().split() if reason in reasons]
    assert handoffs.strictest(reasons) == [*order, "other"][0]


def test_priorities_rank_from_low_to_urgent() -> None:
    assert sorted(Priority, key=lambda priority: priority.rank) == ["low", "medium", "high", "urgent"]
