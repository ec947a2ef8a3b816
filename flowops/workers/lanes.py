"""Runs the jobs of one topic in threads of their own, so that no topic waits for another; it talks to no database."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue

from flowops.actions.leases import EVER, Claimed

AHEAD = 0.1  # seconds of work that are claimed ahead, so that many short jobs cost few claims
MOST = 500  # jobs that are claimed ahead
STUCK = 10  # threads that may be stuck for each one that works, before nothing new is begun


class Lane:
    """The jobs of one topic in this process: those that wait for a thread, and those that run.

    `perform` runs one job and must not raise; `wake` is called when there is room for more or something to tell.
    Up to its owner are `has_more`, whether there may be something to claim, and `since`, from when on it may be due.
    """

    def __init__(
        self, topic: str, threads: int, limit: float, perform: Callable[[Claimed], None], wake: Callable[[], None]
    ) -> None:
        self.topic = topic
        self.has_more, self.since = True, EVER
        self._threads, self._limit = threads, limit
        self._perform, self._wake = perform, wake
        self._todo: SimpleQueue[Claimed | None] = SimpleQueue()
        self._hands: set[threading.Thread] = set()
        self._running: dict[threading.Thread, tuple[Claimed, float]] = {}
        self._stuck: set[threading.Thread] = set()
        self._low = 0  # when so many are left, more are to be claimed
        self._pace: float | None = None  # seconds a job takes, as far as is known

    @property
    def capacity(self) -> int:
        """How many jobs it should hold: one for each thread, and more when they are short."""
        self._stuck = {thread for thread in self._stuck if thread.is_alive()}
        if len(self._stuck) >= STUCK * self._threads:
            return 0
        if self._pace is None:
            return self._threads
        longest = max(self._ages(), default=0.0)
        return max(self._threads, min(MOST, int(self._threads * AHEAD / max(self._pace, longest, 1e-9))))

    @property
    def room(self) -> int:
        """How many jobs are worth claiming now: of those that are claimed ahead so many that the claim is worth it."""
        capacity = self.capacity
        room = max(0, capacity - self._todo.qsize() - len(self._running))
        return room if capacity <= self._threads or room * 2 >= capacity else 0

    def add(self, jobs: Iterable[Claimed]) -> None:
        """Run these as soon as a thread is free."""
        for job in jobs:
            self._todo.put(job)
        self._low = self._todo.qsize() // 2
        self.staff()

    def staff(self) -> None:
        """Have threads for what waits. When the system gives none, the next call tries again."""
        with suppress(RuntimeError):
            for _ in range(min(self._threads - len(self._hands), self._todo.qsize())):
                # Daemons: a job that outlasts the grace must not keep the process from ending.
                hand = threading.Thread(target=self._labour, name=self.topic, daemon=True)
                hand.start()
                self._hands.add(hand)

    def surplus(self) -> list[Claimed]:
        """Jobs that were claimed ahead when they seemed shorter than they are now, and are better done by others."""
        waiting = self._todo.qsize()
        if not waiting:
            return []
        ages = self._ages()
        is_held_up = len(ages) >= self._threads and min(ages) > AHEAD
        return self._withdraw(waiting if is_held_up else waiting - 2 * self.capacity)

    def overdue(self) -> list[Claimed]:
        """Jobs that run longer than they may; no thread can be ended, so each is left alone and another one begins."""
        now, late = time.monotonic(), []
        for thread, (job, since) in tuple(self._running.items()):
            # Whoever takes the entry out, the thread or we, has the last word on the job.
            if now - since > self._limit and self._running.pop(thread, None) is not None:
                late.append(job)
                self._hands.discard(thread)
                self._stuck.add(thread)
        self.staff()
        return late

    def withdraw(self) -> list[Claimed]:
        """The jobs that were claimed and not begun, which are none of its own any more."""
        return self._withdraw(self._todo.qsize())

    def close(self) -> list[Claimed]:
        """Begin no other job; those that were not begun."""
        unstarted = self.withdraw()
        for _ in self._hands:
            self._todo.put(None)
        return unstarted

    def _withdraw(self, number: int) -> list[Claimed]:
        taken: list[Claimed] = []
        with suppress(Empty):
            for _ in range(number):
                if job := self._todo.get_nowait():
                    taken.append(job)
        return taken

    def _ages(self) -> list[float]:
        """How many seconds the jobs run that do."""
        now = time.monotonic()
        return [now - since for _, since in tuple(self._running.values())]

    def _labour(self) -> None:
        me = threading.current_thread()
        while job := self._todo.get():
            since = time.monotonic()
            self._running[me] = job, since
            self._perform(job)
            if self._running.pop(me, None) is None:
                return
            took = time.monotonic() - since
            self._pace = took if self._pace is None else self._pace * 0.9 + took * 0.1
            left = self._todo.qsize()
            if left == 0 or left == self._low:
                self._wake()
