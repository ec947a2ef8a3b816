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

import structlog

from flowops import errors, killpoints
from flowops.actions import idempotency, leases, outbox
from flowops.actions.leases import Claimed
from flowops.app import App
from flowops.domain import access
from flowops.queries import switch
from flowops.workers import handlers
from flowops.workers import outbox as work
from flowops.workers.lanes import Lane

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
        self._paused = frozenset[str]()  # topics of which none is to be begun
        self._held: dict[tuple[int, int], Claimed] = {}  # by number and token: a job may come back while it still runs
        self._done: deque[tuple[Claimed, str | None]] = deque()
        self._lanes: dict[str, Lane] = {}
        for topic in handlers.TABLE:
            self._lane(topic)
        self._suspected_at: float | None = None  # since when there is a job that is to run alone
        self._alone_since: float | None = None  # since when one does
        self._gone = threading.Event()  # nobody waits for this process any more
        self._lease = app.settings.outbox_lease
        self._beat = _Chore(min(LONGEST_UNRECOVERED, self._lease.total_seconds() / 4), self._look_round)
        self._cleaning = _Chore(PURGE_EVERY, self._purge)

    def run(self) -> None:
        log.info("worker started", worker=self._name, topics=sorted(self._lanes))
        pause = POLL
        with self._app.database.hints.heard_by(self._hear):
            while not self._stop.is_set():
                pause = POLL if survives(self._deliver) else min(pause * 2, LONGEST_PAUSE, self._beat.every)
                self._wait(pause)
        self._finish()
        self._gone.set()
        log.info("worker stopped", worker=self._name, unfinished=len(self._held))

    def _lane(self, topic: str) -> Lane:
        if topic not in self._lanes:
            handler = handlers.TABLE.get(topic)  # of what nobody handles, one after the other is buried
            threads = self._app.settings.workers.get(topic, handler.threads if handler else 1)
            limit = (handler.limit if handler else handlers.LIMIT).total_seconds()
            self._lanes[topic] = Lane(topic, threads, limit, self._perform, self._wake.set)
        return self._lanes[topic]

    def _deliver(self) -> None:
        self._do(self._beat)
        self._do(self._cleaning)
        for lane in self._lanes.values():
            self._relieve(lane)
        # A suspect that has waited for two leases waits for one more until what runs has ended, and nothing new begins.
        waited = self._leases_since(self._suspected_at)
        lanes = [] if self._is_alone() or waited > 2 else self._look()
        is_alone = self._suspected_at is not None and (waited > 3 or not (lanes or self._held))
        if lanes or self._done or is_alone:
            self._exchange(lanes, is_alone)

    def _leases_since(self, moment: float | None) -> float:
        return 0.0 if moment is None else (time.monotonic() - moment) / self._lease.total_seconds()

    def _is_alone(self) -> bool:
        """Does a suspect run with nothing new beside it? One that did for a lease has killed nobody, and may go on."""
        if self._alone_since is None:
            return False
        if self._held and self._leases_since(self._alone_since) < 1:
            return True
        self._alone_since, self._beat.due = None, 0.0  # it may not have been the only one
        return False

    def _look(self) -> list[Lane]:
        """The lanes with room for jobs that are due and may be begun."""
        while self._hinted:
            if lane := self._lanes.get(self._hinted.pop()):
                lane.has_more = True
        if self._is_hinted or time.monotonic() - self._asked_at >= POLL:  # a hint may be lost
            self._is_hinted, self._asked_at = False, time.monotonic()
            self._ask()
        lanes = (lane for lane in self._lanes.values() if lane.topic not in self._paused)
        return [lane for lane in lanes if lane.has_more and lane.room]

    def _ask(self) -> None:
        """Find out which lanes have something to claim and may; those without room must look when they have some."""
        unknown = {topic: lane for topic, lane in self._lanes.items() if not lane.has_more}
        with self._app.view() as view:
            due = leases.topics_due(view, {topic: lane.since for topic, lane in unknown.items()})
            self._paused = switch.paused_topics(view)
        for topic, lane in unknown.items():
            lane.has_more = topic in due
            if not lane.has_more:
                lane.since = view.now - MARGIN

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
            if is_alone:
                for job in leases.claim_alone(unit, self._name, self._lease, switch.paused_topics(unit.view)):
                    claimed[self._lane(job.topic)] = [job]
            killpoints.reach("claim.uncommitted")
        killpoints.reach("claim.committed")
        if is_alone:
            self._alone_since, self._suspected_at = time.monotonic() if claimed else None, None
        for lane in rooms:
            lane.has_more = bool(claimed[lane])
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
        """Give up what a lane cannot do: a job that takes too long, what was claimed too far ahead, what is paused."""
        for job in lane.overdue():
            self._fail(job, errors.TookTooLong(topic=job.topic))
            if not lane.capacity:
                log.error("too many threads are stuck; restart this process", topic=job.topic)
        surplus = lane.withdraw() if lane.topic in self._paused else lane.surplus()
        if surplus and not survives(partial(self._give_back, surplus)):
            lane.add(surplus)

    def _do(self, chore: _Chore) -> None:
        """Do it when it is time; one that goes wrong keeps nothing else from being done."""
        if time.monotonic() >= chore.due:
            chore.due = time.monotonic() + chore.every
            survives(chore.do)

    def _look_round(self) -> None:
        """Show life, and after that take lost jobs back: what we hold is not lost, though an outage was long.

        And look thoroughly: for old jobs, topics that nobody handles, and suspects.
        """
        self._show_life()
        with self._app.unit(access.SYSTEM) as unit:
            spent = leases.recover(unit)
            leases.let_in_forgotten(unit)
        for job in spent:
            survives(partial(work.bury_lost, self._app, job))
        with self._app.view() as view:
            for topic in leases.topics(view):
                self._lane(topic)
            suspected = leases.is_one_to_run_alone(view, switch.paused_topics(view))
            lately = view.now - MARGIN
            old = leases.topics_due(view, dict.fromkeys(self._lanes, leases.EVER), until=lately)
        for topic, lane in self._lanes.items():
            lane.has_more = lane.has_more or topic in old
            lane.since = leases.EVER if topic in old else lately
        self._suspected_at = (self._suspected_at or time.monotonic()) if suspected else None

    def _show_life(self) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            leases.beat(unit, self._name, [seq for seq, _ in tuple(self._held)], self._lease)

    def _purge(self) -> None:
        """Forget what is old, some of it at a time: meanwhile nothing is delivered."""
        with self._app.unit(access.SYSTEM) as unit:
            is_more = idempotency.purge(unit) == idempotency.AT_ONCE
            is_more |= outbox.prune(unit, unit.now - self._app.settings.job_retention) == outbox.AT_ONCE
        if is_more:
            self._cleaning.due = 0.0

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
        beat = _Chore(self._beat.every, self._show_life)
        unstarted = [job for lane in self._lanes.values() for job in lane.close()]
        survives(partial(self._give_back, unstarted))
        while self._held and (left := deadline - time.monotonic()) > 0:
            self._do(beat)
            if self._done:
                survives(partial(self._exchange, []))
            if self._held:
                self._wait(min(POLL, left))
        survives(self._leave)

    def _give_back(self, claimed: Iterable[Claimed]) -> None:
        unstarted = list(claimed)
        if not unstarted:
            return
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
            outcome = work.perform(self._app, job)
            if isinstance(outcome, work.Done):
                self._done.append((job, outcome.receipt))
                return
            self._insist(partial(work.settle, self._app, job, outcome))
        except errors.Fenced as fenced:
            log.warning("job was given to another worker", topic=job.topic, error=str(fenced))
        except Exception as error:
            survives(partial(self._insist, partial(work.fail, self._app, job, error)))
        self._release(job)

    def _insist(self, tell: Callable[[], object]) -> None:
        """Tell the database what became of a job that ran, however long it is away."""
        pause = POLL
        while True:
            try:
                tell()
            except errors.Unavailable as error:
                if error.facts.get("what") != errors.DATABASE or self._gone.wait(pause):
                    raise
                log.warning("the end of a job could not be told yet", error=str(error))
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return

    def _fail(self, job: Claimed, error: Exception) -> None:
        survives(partial(work.fail, self._app, job, error))
        self._release(job)
