"""Keeps a process delivering: it claims jobs for its lanes, finishes them, shows that it lives, and stops cleanly."""

import os
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from flowops import errors, killpoints
from flowops.actions import idempotency, leases, outbox
from flowops.actions.leases import Claimed
from flowops.app import App
from flowops.domain import access
from flowops.workers import handlers
from flowops.workers import outbox as work
from flowops.workers.lanes import Lane

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

log = structlog.get_logger()

# In seconds.
POLL = 0.2  # between two looks at an outbox that had nothing for us and gave no hint
LONGEST_PAUSE = 5.0  # between two tries to reach a lost database
LONGEST_UNRECOVERED = 5.0
PURGE_EVERY = 3600.0
# A job may be committed so long after the time it says it became due; whatever took longer is found with the next
# thorough look, which comes as often as lost jobs are taken back.
MARGIN = timedelta(seconds=10)


def run(app: App, stop: threading.Event) -> None:
    """Deliver until `stop` is set, then finish what runs within the grace of the settings, and return.

    What is still running then is left to the next process: its lease runs out. A lost database is waited for.
    """
    _Worker(app, stop).run()


def survives(step: Callable[[], object]) -> bool:
    """Did this go well? Whatever happened is logged and the thread goes on; what was not done is left for later."""
    try:
        step()
    except Exception as error:
        is_known = isinstance(error, errors.FlowOpsError)
        log.warning("work interrupted", error=str(error), exc_info=not is_known)
        return False
    return True


@dataclass
class _Chore:
    """Something to do every so many seconds."""

    every: float
    do: Callable[[], object]
    due: float = 0.0


class _Worker:
    """One process that delivers: this thread talks to the outbox, the lanes run what it claimed."""

    def __init__(self, app: App, stop: threading.Event) -> None:
        self._app, self._stop = app, stop
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._wake = threading.Event()
        self._hinted: set[str] = set()  # topics with new jobs
        self._is_hinted, self._asked_at = True, 0.0  # there may be new jobs of any; since when nobody looked
        self._held: dict[tuple[int, int], Claimed] = {}  # by number and token: a job may come back while it still runs
        self._done: deque[tuple[Claimed, str | None]] = deque()
        self._lanes: dict[str, Lane] = {}
        for topic in handlers.TABLE:
            self._lane(topic)
        self._suspected_at: float | None = None  # since when there is a job that is to run alone
        self._is_alone = False
        lease = app.settings.outbox_lease.total_seconds()
        self._beat = _Chore(lease / 3, self._show_life)
        self._look_round = _Chore(min(LONGEST_UNRECOVERED, lease / 4), self._recover)
        self._chores = (self._beat, self._look_round, _Chore(PURGE_EVERY, self._purge))

    def run(self) -> None:
        log.info("worker started", worker=self._name, topics=sorted(self._lanes))
        pause = POLL
        with self._app.database.hints.heard_by(self._hear):
            while not self._stop.is_set():
                pause = POLL if survives(self._deliver) else min(pause * 2, LONGEST_PAUSE, self._beat.every)
                self._wait(pause)
        self._finish()
        log.info("worker stopped", worker=self._name, unfinished=len(self._held))

    def _lane(self, topic: str) -> Lane:
        if topic not in self._lanes:
            handler = handlers.TABLE.get(topic)  # of what nobody handles, one after the other is buried
            threads = self._app.settings.workers.get(topic, handler.threads if handler else 1)
            limit = (handler.limit if handler else handlers.LIMIT).total_seconds()
            self._lanes[topic] = Lane(topic, threads, limit, self._perform, self._wake.set)
        return self._lanes[topic]

    def _deliver(self) -> None:
        for chore in self._chores:
            self._do(chore)
        for lane in self._lanes.values():
            self._relieve(lane)
        lanes = self._look()
        is_alone = self._suspected_at is not None and not (lanes or self._held)
        if lanes or self._done or is_alone:
            self._exchange(lanes, is_alone)

    def _look(self) -> list[Lane]:
        """The lanes with room for jobs that are due."""
        if self._is_alone:
            if self._held:
                return []
            self._is_alone, self._look_round.due = False, 0.0  # it may not have been the only one
        if self._suspected_at is not None and time.monotonic() - self._suspected_at > 2 * self._lease.total_seconds():
            return []  # nothing new until what runs has ended, and then the suspect
        while self._hinted:
            if lane := self._lanes.get(self._hinted.pop()):
                lane.has_more = True
        if self._is_hinted or time.monotonic() - self._asked_at >= POLL:  # a hint may be lost
            self._is_hinted, self._asked_at = False, time.monotonic()
            self._ask()
        return [lane for lane in self._lanes.values() if lane.has_more and lane.room]

    def _ask(self) -> None:
        """Find out which lanes have something to claim; those without room must look when they have some."""
        unknown = {topic: lane for topic, lane in self._lanes.items() if not lane.has_more}
        with self._app.view() as view:
            due = leases.topics_due(view, unknown, min((lane.since for lane in unknown.values()), default=leases.EVER))
        for topic in due:
            unknown[topic].has_more = True

    def _exchange(self, lanes: Iterable[Lane], is_alone: bool = False) -> None:
        """Finish what was done and claim what is next, or the one job that is to run alone, in one transaction."""
        done = list(self._done)
        claimed: dict[Lane, list[Claimed]] = {}
        rooms = {lane: lane.room for lane in lanes}
        with self._app.unit(access.SYSTEM) as unit:
            fenced = outbox.finish_all(unit, done)
            if done:
                killpoints.reach("batch.uncommitted")
            for lane, room in rooms.items():
                claimed[lane] = leases.claim(unit, self._name, lane.topic, room, self._lease, lane.since)
            for job in leases.claim_alone(unit, self._name, self._lease) if is_alone else ():
                claimed[self._lane(job.topic)] = [job]
            killpoints.reach("claim.uncommitted")
        killpoints.reach("claim.committed")
        if is_alone:
            self._is_alone, self._suspected_at = bool(claimed), None
        for lane in rooms:
            lane.has_more = bool(claimed[lane])  # only a claim of nothing has set apart what is in the way
            if not lane.has_more:
                lane.since = unit.now - MARGIN
        for job, _ in done:
            killpoints.reach("batch.committed")
            self._done.popleft()
            self._release(job)
        for job in fenced:
            log.warning("job was given to another worker", topic=job.topic, job=job.id)
        self._held |= {(job.seq, job.claim_token): job for found in claimed.values() for job in found}
        if self._stop.is_set():
            self._give_back(job for found in claimed.values() for job in found)
            return
        for lane, found in claimed.items():
            lane.add(found)

    def _relieve(self, lane: Lane) -> None:
        """Give up what a lane cannot do: a job that takes too long, and what was claimed too far ahead."""
        for job in lane.overdue():
            self._fail(job, errors.TookTooLong(topic=job.topic))
            if not lane.capacity:
                log.error("too many threads are stuck; restart this process", topic=job.topic)
        surplus = lane.surplus()
        if surplus and not survives(partial(self._give_back, surplus)):
            lane.add(surplus)

    @property
    def _lease(self) -> timedelta:
        return self._app.settings.outbox_lease

    def _do(self, chore: _Chore) -> None:
        """Do it when it is time; one that goes wrong keeps nothing else from being done."""
        if time.monotonic() >= chore.due:
            chore.due = time.monotonic() + chore.every
            survives(chore.do)

    def _show_life(self) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            self._renew(unit)

    def _renew(self, unit: "Unit") -> None:
        leases.beat(unit, self._name, [seq for seq, _ in tuple(self._held)], self._lease)

    def _recover(self) -> None:
        """Take lost jobs back, and look thoroughly: for old jobs, topics that nobody handles, and suspects."""
        with self._app.unit(access.SYSTEM) as unit:
            self._renew(unit)  # while the database was away nobody could, and what we hold is not lost
            spent = leases.recover(unit)
            leases.let_in_forgotten(unit)
        for job in spent:
            survives(partial(work.bury_lost, self._app, job))
        with self._app.view() as view:
            for topic in leases.topics(view):
                self._lane(topic)
            suspected = leases.is_one_to_run_alone(view)
        for lane in self._lanes.values():
            lane.since = leases.EVER
        self._suspected_at = (self._suspected_at or time.monotonic()) if suspected else None

    def _purge(self) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            idempotency.purge(unit)
            before = unit.now - self._app.settings.job_retention
        pruned = outbox.AT_ONCE
        while pruned == outbox.AT_ONCE and not self._stop.is_set():
            with self._app.unit(access.SYSTEM) as unit:
                pruned = outbox.prune(unit, before)

    def _leave(self) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            leases.leave(unit, self._name)

    def _hear(self, topics: Collection[str] | None) -> None:
        if topics is None:
            self._is_hinted = True
        else:
            self._hinted.update(topics)
        self._wake.set()

    def _wait(self, seconds: float) -> None:
        """Wait, but not when there is something to do."""
        self._wake.wait(seconds)
        self._wake.clear()

    def _finish(self) -> None:
        """Give back what was not begun, and keep what runs ours until it ends, as long as the grace lasts."""
        deadline = time.monotonic() + self._app.settings.stop_grace.total_seconds()
        unstarted = [job for lane in self._lanes.values() for job in lane.close()]
        survives(partial(self._give_back, unstarted))
        while self._held and (left := deadline - time.monotonic()) > 0:
            self._do(self._beat)
            survives(partial(self._exchange, []))
            if self._held:
                self._wait(min(POLL, left))
        survives(self._leave)

    def _give_back(self, claimed: Iterable[Claimed]) -> None:
        unstarted = list(claimed)
        with self._app.unit(access.SYSTEM) as unit:
            leases.give_back(unit, unstarted)
        for job in unstarted:
            self._release(job)

    def _release(self, job: Claimed) -> None:
        self._held.pop((job.seq, job.claim_token), None)

    def _perform(self, job: Claimed) -> None:
        """Run a job in a thread of its lane, to whatever end."""
        structlog.contextvars.bind_contextvars(request_id=job.id)
        try:
            done = work.perform(self._app, job)
        except errors.Fenced as fenced:
            log.warning("job was given to another worker", topic=job.topic, error=str(fenced))
        except Exception as error:
            self._fail(job, error)
        else:
            if done is not None:
                self._done.append((job, done.receipt))
                return
        self._release(job)

    def _fail(self, job: Claimed, error: Exception) -> None:
        survives(partial(work.fail, self._app, job, error))
        self._release(job)
