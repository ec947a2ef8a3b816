"""A city of simulated workers on one real SQLite database, under one clock and one set of dice.

Each worker is what `workers.loop` and `workers.lanes` are: one part talks to the outbox, others run what it claimed,
through the real actions and `workers.outbox.perform`. Whose turn it is changes before and after every transaction, by
dice. Workers crash, also inside of a transaction, stall for longer than a lease, and are told to stop; operators
enqueue, retry and discard. The same seed gives the same city.
"""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet  # type: ignore[import-untyped]  # it has no types of its own
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flowops import app as application
from flowops import errors
from flowops import settings as configuration
from flowops.actions import leases, outbox
from flowops.actions.leases import Claimed
from flowops.domain import access, events, jobs
from flowops.storage import tables
from flowops.storage.unit import Unit
from flowops.workers import handlers
from flowops.workers import outbox as work
from tests.bells import Toll
from tests.simulated.law import OPERATOR, Broken, Judge, Party

LEASE = timedelta(seconds=30)
MARGIN = timedelta(seconds=10)
LANES = 2
WORKERS = 3
TOWERS = 4
KINDS = ("", "", "quiet", "quiet", "shaky", "shaky", "staged", "wrong", "wrong", "deadly")
PATIENCE = 2000  # turns in which a job must get on, once nothing goes wrong any more
GRAIN = 0.25  # of the chance that something happens at a turn


class Crashed(BaseException):
    """The worker is no more; nothing that it could say is heard."""


@dataclass(frozen=True)
class Staged(application.App):
    """The app, with a turn of somebody else before and after every unit."""

    city: "City"

    @contextmanager
    def unit(self, actor: access.Actor) -> Iterator[Unit]:
        self.city.pass_turn()
        by = self.city.acting
        with super().unit(actor) as unit:
            yield unit
            self.city.perhaps_crash()
        self.city.judge.see(by, stamp(self.city.now))
        self.city.pass_turn()


class Worker(Party):
    """A simulated process."""

    def __init__(self, city: "City", name: str) -> None:
        super().__init__(name)
        self._city, self._app = city, city.app
        self.held: dict[tuple[int, int], Claimed] = {}
        self._todo: deque[Claimed] = deque()
        self._done: deque[tuple[Claimed, str | None]] = deque()
        self._since = leases.EVER
        self._beat_due = self._round_due = city.now
        self._is_alone = False
        self.is_stopping = self.has_left = False
        self.stalled_until = city.now
        self.parts = [greenlet(self._dying(part)) for part in (self._talk, *[self._labour] * LANES)]

    def crash(self) -> None:
        """End it wherever it is; what is not committed is gone."""
        self.has_left = True
        for part in self.parts:
            if part is not getcurrent() and not part.dead:
                part.throw(GreenletExit)

    def _dying(self, part: Any) -> Any:
        def run() -> None:
            try:
                part()
            except Crashed:
                self.crash()

        return run

    def _talk(self) -> None:
        while not self.is_stopping:
            if self._city.now >= self._beat_due:
                with self._app.unit(access.SYSTEM) as unit:
                    leases.beat(unit, self.name, [seq for seq, _ in self.held], LEASE)
                self._beat_due = self._city.now + LEASE / 3
            if self._city.now >= self._round_due:
                self._recover()
                self._round_due = self._city.now + LEASE / 6
            if self._done or self._city.judge.is_due(stamp(self._city.now)):
                with suppress(errors.Unavailable):  # as the loop survives it, and tries again
                    self._exchange()
            self._city.pass_turn()
        unstarted, self._todo = list(self._todo), deque()
        self._give_back(unstarted)
        while self.held:
            self._exchange()
            self._city.pass_turn()
        with self._app.unit(access.SYSTEM) as unit:
            leases.leave(unit, self.name)
        self.has_left = True

    def _recover(self) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            spent = leases.recover(unit)
            leases.let_in_forgotten(unit)
        for job in spent:
            work.bury_lost(self._app, job)
        self._since = leases.EVER

    def _exchange(self) -> None:
        done = list(self._done)
        limit = 0 if self.is_stopping or self._is_alone else self._city.dice.randint(0, 6)
        surplus = [self._todo.pop()] if len(self._todo) > 2 and self._city.dice.random() < 0.2 else []
        with self._app.unit(access.SYSTEM) as unit:
            outbox.finish_all(unit, done)
            leases.give_back(unit, surplus)
            claimed = leases.claim(unit, self.name, Toll.topic, limit, LEASE, self._since) if limit else []
            if limit and not claimed and not leases.topics_due(unit.view, {Toll.topic: self._since}):
                self._since = unit.now - MARGIN
            if not self.held and not claimed and not self.is_stopping:
                claimed = leases.claim_alone(unit, self.name, LEASE)
                self._is_alone = bool(claimed)
        for job in [*(job for job, _ in done), *surplus]:
            self._release(job)
        for _ in done:
            self._done.popleft()
        self.held |= {(job.seq, job.claim_token): job for job in claimed}
        self._todo.extend(claimed)

    def _give_back(self, unstarted: list[Claimed]) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            leases.give_back(unit, unstarted)
        for job in unstarted:
            self._release(job)

    def _labour(self) -> None:
        while not self.has_left:
            if not self._todo:
                self._city.pass_turn()
                continue
            job = self._todo.popleft()
            try:
                outcome = work.perform(self._app, job)
                if not isinstance(outcome, work.Done):
                    work.settle(self._app, job, outcome)
            except errors.Fenced:
                self._release(job)
            except errors.FlowOpsError as error:
                with suppress(errors.Fenced):
                    work.fail(self._app, job, error)
                self._release(job)
            else:
                if isinstance(outcome, work.Done):
                    self._done.append((job, outcome.receipt))
                else:
                    self._release(job)

    def _release(self, job: Claimed) -> None:
        self.held.pop((job.seq, job.claim_token), None)
        self._is_alone = self._is_alone and bool(self.held)


class City:
    """All of it, made from one seed; `kinds` is how bells are to be tolled."""

    def __init__(self, seed: int, path: Path, kinds: Sequence[str] = KINDS) -> None:
        self.dice, self._kinds = random.Random(seed), kinds
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        settings = configuration.load(database_url=f"sqlite:///{path}", secret_key="k" * 32)
        built = application.build(settings, lambda: self.now)
        self.app = Staged(**{field.name: getattr(built, field.name) for field in fields(built)}, city=self)
        self.judge = Judge(str(path))
        self._main = getcurrent()
        self._number = 0
        self._is_calm = False
        self.acting: Party = OPERATOR
        self.workers = [Worker(self, f"w{self._next()}") for _ in range(WORKERS)]

    @classmethod
    def run(cls, seed: int, path: Path, turns: int, kinds: Sequence[str] = KINDS) -> "City":
        """Let everything happen for so many turns, and then all come to an end; raises `law.Broken`."""
        city = cls(seed, path, kinds)
        handler = handlers.Handler(Toll, access.SYSTEM, city.handle)
        before = handlers.TABLE.copy(), vars(work)["random"]
        handlers.TABLE[Toll.topic] = handler
        vars(work)["random"] = city.dice  # of how long a job is put off
        try:
            city._live(turns)
        finally:
            for worker in city.workers:
                worker.crash()
            vars(work)["random"] = before[1]
            handlers.TABLE.clear()
            handlers.TABLE.update(before[0])
            city.judge.close()
            city.app.close()
        return city

    def pass_turn(self) -> None:
        """Let somebody else go on, if this is a worker's part."""
        if getcurrent() is not self._main:
            self._main.switch()

    def perhaps_crash(self) -> None:
        """A transaction may be the last thing that a worker begins."""
        if getcurrent() is not self._main and not self._is_calm and self.dice.random() < 0.02:
            raise Crashed

    def handle(self, app: application.App, job: Toll, fence: handlers.Fence) -> handlers.Settle | str | None:
        """Do as handlers do: settle, call the world outside, fail, or take the worker along."""
        for _ in range(self.dice.randrange(5)):
            self.pass_turn()
        match job.how:
            case "wrong":
                raise errors.Invalid(reason="There is no such bell.")
            case "deadly":
                raise Crashed
            case "shaky" if self.dice.random() < 0.5:
                raise errors.Unavailable(what="The bell", reason="it is stuck")
            case "quiet":
                self.judge.sent[job.name] += 1
                self.pass_turn()
                return job.name
            case "staged":
                if not self.judge.told[f"{job.name} begun"]:
                    with app.unit(access.SYSTEM) as unit:
                        unit.record(events.JobRead(job_id=f"{job.name} begun"))
                        fence(unit)
                self.judge.sent[job.name] += 1
        self.pass_turn()
        return lambda unit: unit.record(events.JobRead(job_id=job.name))

    def _live(self, turns: int) -> None:
        self._enqueue(12)
        for _ in range(turns):
            self._happen()
            self._turn()
        self._is_calm = True
        moves, waited = self.judge.moves, 0
        while not self.judge.is_done and waited < PATIENCE:
            self.now += timedelta(seconds=self.dice.choice((0, 0.1, 0.5)))
            # With a leap those who live would lose what they hold, again and again.
            is_idle = not any(worker.held for worker in self.workers) and not self.judge.is_due(stamp(self.now))
            if is_idle and not self.dice.randrange(20):
                self.now = max(self.now, datetime.fromisoformat(self.judge.next_at)) + timedelta(seconds=0.1)
            self._turn()
            waited = waited + 1 if moves == self.judge.moves else 0
            moves = self.judge.moves
        self.judge.judge_the_end()

    def _turn(self) -> None:
        """One part of one worker goes on until the next transaction begins or has ended."""
        self.workers = [worker for worker in self.workers if not worker.has_left]
        while len(self.workers) < WORKERS:
            self.workers.append(Worker(self, f"w{self._next()}"))
        awake = [worker for worker in self.workers if self._is_calm or worker.stalled_until <= self.now]
        if not awake:
            self.now += timedelta(seconds=1)
            return
        self.acting = worker = self.dice.choice(awake)
        parts = [part for part in worker.parts if not part.dead]
        try:
            self.dice.choice(parts).switch()
        except IntegrityError as refused:
            raise Broken(f"{worker.name}: the database refused it: {refused.orig}") from refused
        finally:
            self.acting = OPERATOR

    def _happen(self) -> None:
        """Time goes by, and sometimes something happens."""
        self.now += timedelta(seconds=self.dice.choice((0, 0, 0, 0, 0.01, 0.5, 3)))
        if self.dice.random() > GRAIN:
            return
        worker = self.dice.choice(self.workers)
        match self.dice.randrange(20):
            case 0:
                worker.crash()
            case 1 | 2 | 3:
                worker.stalled_until = self.now + LEASE * self.dice.uniform(0.9, 1.6)
            case 4:
                worker.is_stopping = True
            case 5 | 6:
                self.now += LEASE * self.dice.uniform(0, 1.2)
            case 7 | 8 | 9:
                self._enqueue(self.dice.randint(1, 5))
            case 10:
                self._decide_on_the_dead()

    def _enqueue(self, number: int) -> None:
        tolls = [
            Toll(tower=f"t{self.dice.randrange(TOWERS)}", number=self._next(), how=self.dice.choice(self._kinds))
            for _ in range(number)
        ]
        with self.app.unit(access.SYSTEM) as unit:
            for toll in tolls:
                unit.enqueue(toll)

    def _decide_on_the_dead(self) -> None:
        with self.app.unit(access.SYSTEM) as unit:
            dead = select(tables.Job.id).where(tables.Job.status == jobs.Status.DEAD).order_by(tables.Job.seq)
            if found := unit.session.scalars(dead).all():
                id = self.dice.choice(found)
                if self.dice.random() < 0.5:
                    outbox.retry_dead(unit, id)
                else:
                    outbox.discard(unit, id, "given up")

    def _next(self) -> int:
        self._number += 1
        return self._number


def stamp(at: datetime) -> str:
    """A time as SQLite keeps it, so that texts can be compared."""
    return at.isoformat(timespec="microseconds")[:-6] + "Z"
