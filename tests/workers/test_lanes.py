"""A lane runs its jobs in so many threads, claims ahead only while they are short, and leaves a stuck one alone."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from flowops.actions.leases import Claimed
from flowops.workers import lanes
from flowops.workers.lanes import Lane
from tests.delivery import wait_until

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(number: int) -> Claimed:
    return Claimed(number, f"job_{number}", "bell.ring", f"bell.ring:{number}", "{}", 1, 1, "w1", NOW)


class Work:
    """What a lane is given to do: it counts, and holds whoever does it until they may go on."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.may_end = threading.Event()

    def do(self, job: Claimed) -> None:
        self.begun.append(job.seq)
        assert self.may_end.wait(30)
        self.ended.append(job.seq)


def lane(perform: Callable[[Claimed], None], limit: float = 60, wake: Callable[[], None] = lambda: None) -> Lane:
    return Lane("bell.ring", 2, limit, perform, wake)


def test_no_more_jobs_run_at_once_than_there_are_threads() -> None:
    work = Work()
    busy = lane(work.do)
    busy.add([job(number) for number in range(5)])
    wait_until(lambda: len(work.begun) == 2)
    time.sleep(0.1)
    assert work.begun == [0, 1]
    work.may_end.set()
    wait_until(lambda: sorted(work.ended) == [0, 1, 2, 3, 4])
    busy.close()


def test_of_unknown_jobs_it_holds_one_for_each_thread() -> None:
    work = Work()
    new = lane(work.do)
    assert (new.capacity, new.room) == (2, 2)
    new.add([job(0)])
    wait_until(lambda: work.begun)
    assert new.room == 1
    new.add([job(1)])
    assert new.room == 0
    work.may_end.set()
    wait_until(lambda: len(work.ended) == 2)
    new.close()


def test_short_jobs_are_claimed_ahead_until_they_are_long_again() -> None:
    work = Work()
    work.may_end.set()
    quick = lane(work.do)
    quick.add([job(number) for number in range(50)])
    wait_until(lambda: len(work.ended) == 50 and quick.room > 100)
    work.may_end.clear()
    quick.add([job(number) for number in range(100, 200)])
    wait_until(lambda: quick.capacity == 2)  # the one that runs takes its time
    assert [each.seq for each in quick.surplus()] == list(range(102, 196))
    work.may_end.set()
    wait_until(lambda: len(work.ended) == 56)
    quick.close()


def test_somebody_is_woken_when_there_is_room_again() -> None:
    woken = threading.Event()
    woke = lane(lambda _: None, wake=woken.set)
    woke.add([job(0)])
    assert woken.wait(5)
    woke.close()


def test_a_job_that_takes_too_long_is_left_alone_and_its_place_taken() -> None:
    work = Work()
    slow = lane(work.do, limit=0.2)
    slow.add([job(0), job(1), job(2)])
    wait_until(lambda: len(work.begun) == 2)
    assert slow.overdue() == []
    time.sleep(0.3)
    assert sorted(late.seq for late in slow.overdue()) == [0, 1]
    assert slow.overdue() == []
    wait_until(lambda: work.begun == [0, 1, 2])
    work.may_end.set()
    wait_until(lambda: len(work.ended) == 3)
    slow.add([job(3), job(4)])
    wait_until(lambda: len(work.ended) == 5)
    slow.close()


def test_a_lane_full_of_stuck_threads_takes_nothing_new() -> None:
    work = Work()
    stuck = lane(work.do, limit=0)
    for number in range(lanes.STUCK * 2):
        stuck.add([job(number)])
        wait_until(partial(work.begun.__contains__, number))
        assert [late.seq for late in stuck.overdue()] == [number]
    assert (stuck.capacity, stuck.room) == (0, 0)
    work.may_end.set()
    wait_until(lambda: stuck.room > 0)
    stuck.close()


def test_a_closed_lane_gives_what_it_had_not_begun_and_lets_the_rest_end() -> None:
    work = Work()
    closing = lane(work.do)
    closing.add([job(number) for number in range(5)])
    wait_until(lambda: len(work.begun) == 2)
    assert [left.seq for left in closing.close()] == [2, 3, 4]
    work.may_end.set()
    wait_until(lambda: len(work.ended) == 2)


def test_every_free_thread_takes_a_long_job() -> None:
    work = Work()
    busy = Lane("bell.ring", 4, 60, work.do, lambda: None)
    for number in range(4):
        assert busy.room == 4 - number
        busy.add([job(number)])
        wait_until(partial(work.begun.__contains__, number))
    assert busy.room == 0
    work.may_end.set()


def test_behind_threads_that_hang_nothing_is_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work()
    work.may_end.set()
    hanging = lane(work.do)
    hanging.add([job(number) for number in range(20)])  # short ones, so that some are claimed ahead
    wait_until(lambda: len(work.ended) == 20)
    work.may_end.clear()
    hanging.add([job(number) for number in range(20, 25)])
    wait_until(lambda: len(work.begun) == 22)
    monkeypatch.setattr(lanes, "AHEAD", 0.0)
    wait_until(lambda: [job.seq for job in hanging.surplus()] == [22, 23, 24])
    work.may_end.set()


def test_jobs_wait_while_the_system_gives_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    work = Work()
    work.may_end.set()
    waiting = lane(work.do)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        waiting.add([job(1), job(2)])
        waiting.staff()
    assert work.begun == []
    waiting.staff()
    wait_until(lambda: sorted(work.ended) == [1, 2])
