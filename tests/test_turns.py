"""One other side has a share of the threads: who is quick is waited for, who is slow is not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowops import errors
from flowops.turns import EACH, LONGEST, Turns


def test_no_more_are_with_one_other_side_than_may_be_and_others_are_not_concerned() -> None:
    turns = Turns()
    with turns.taking("slow", 2), turns.taking("slow", 2):
        with pytest.raises(errors.TurnedAway), turns.taking("slow", 2):
            pass
        with turns.taking("other", 2):
            pass
    with turns.taking("slow", 2):
        pass


def test_a_turn_ends_also_when_the_call_fails() -> None:
    turns = Turns()
    for _ in range(3):
        with pytest.raises(errors.Unavailable, match="no"), turns.taking("one", 1):
            raise errors.Unavailable(what="The webhook", reason="no")


def test_who_is_quick_is_waited_for() -> None:
    turns, most = Turns(), 2
    running, seen, lock = set[int](), list[int](), threading.Lock()

    def call(number: int) -> None:
        with turns.taking("quick", most):
            with lock:
                running.add(number)
                seen.append(len(running))
            with lock:
                running.remove(number)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(call, range(200))) == [None] * 200, "nobody was turned away"
    assert max(seen) <= most


def test_the_more_are_turned_away_the_longer_they_stay_away() -> None:
    turns, waits = Turns(), list[int]()

    def turned_away() -> None:
        with pytest.raises(errors.TurnedAway) as away, turns.taking("slow", 1):
            pass
        waits.append(away.value.facts["seconds"])

    with turns.taking("slow", 1):
        for _ in range(LONGEST // EACH + 2):
            turned_away()
    with turns.taking("slow", 1):
        turned_away()
    assert waits == [*range(EACH, LONGEST + 1, EACH), LONGEST, LONGEST, EACH]
