"""Work whose loss, doubling or disorder would be seen, for tests that kill, stall and restart those who do it."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count as count_up
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from sqlalchemy import func, select, update

from flowops import app as application
from flowops import killpoints
from flowops import settings as configuration
from flowops.domain import access, events, jobs
from flowops.domain.access import Actor
from flowops.domain.effects import Status
from flowops.domain.facts import Account, Invoice, Plan
from flowops.domain.money import Money
from flowops.storage import tables
from tests import bells, delivery, forking, servers, world
from tests.bells import Toll

PRICE = Money(amount=4900, currency="EUR")
TOWERS = 4
GROUPED = [point for point in killpoints.POINTS if point.startswith("group.")]  # SQLite alone shares commits
ANSWERED = [point for point in killpoints.POINTS if point.startswith("answer.")]  # a call's, and no worker's
WORKED = [point for point in killpoints.POINTS if point not in GROUPED + ANSWERED]
EVERY = 0.1  # seconds between two looks whether all is done
PATIENCE = 60  # seconds for a process to get where it is to die, and for work to be done


@contextmanager
def built(database_url: str, **given: object) -> Iterator[application.App]:
    """The app on the real clock, with short leases; it knows how to toll."""
    usual = {"secret_key": "k" * 32, "outbox_lease": "1s", "stop_grace": "5s"}
    app = application.build(configuration.load(database_url=database_url, **(usual | given)))
    with bells.hung():
        try:
            yield app
        finally:
            app.close()


@dataclass
class Work:
    """Jobs and refunds that were asked for, and what has to be true of them once all is done.

    Refunds are paid by a real HTTP provider on loopback. `kills` counts the processes that died meanwhile.
    """

    app: application.App
    provider: servers.Provider
    bot: Actor
    kills: int = 0
    tolls: dict[str, Toll] = field(default_factory=dict)  # by the job's id
    refunds: dict[str, str] = field(default_factory=dict)  # the effect of a job
    _customers: Iterator[int] = field(default_factory=count_up)

    def bring(self, dice: random.Random, tolls: int, refunds: int = 0, how: str | None = None) -> None:
        """Ask for so many more; `how` the bells toll is of every kind unless it is given."""
        kinds = [how] if how is not None else ["", "", "quiet", "quiet", "shaky", "wrong"]
        first = len(self.tolls)
        wanted = []
        for number in range(first, first + tolls):
            kind = kinds[number % len(kinds)]
            # What fails has a tower of its own: it would hold up, or be passed by, the others of its tower.
            tower = f"tower {dice.randrange(TOWERS)}" if kind == "" else f"{kind or 'tower'} {number}"
            wanted.append(Toll(tower=tower, number=number, how=kind))
        self.tolls |= dict(zip(delivery.enqueue(self.app, *wanted), wanted, strict=True))
        for _ in range(refunds):
            self._refund(next(self._customers))
        self.adopt()

    def hurry(self) -> None:
        """What was put off is due now."""
        row = tables.Job
        with self.app.unit(access.SYSTEM) as unit:
            late = update(row).where(row.status == jobs.Status.PENDING, row.run_at > unit.now)
            unit.session.execute(late.values(run_at=unit.now))

    def is_done(self) -> bool:
        """Is nothing left but what was buried?"""
        row = tables.Job
        with self.app.view() as view:
            left = view.session.scalars(select(row.run_at).where(row.status != jobs.Status.DEAD)).all()
            now = view.now
        if left and min(left) > now:
            self.hurry()
        return not left

    def faults(self) -> list[str]:
        """What is not as promised, each in a sentence: nothing lost, made up or done twice, and all in order."""
        return [*self._faults_of_jobs(), *self._faults_of_tolls(), *self._faults_of_refunds()]

    @property
    def repeats(self) -> int:
        """How many calls the provider got beyond one for each refund."""
        return len(self.provider.keys) - len(set(self.provider.keys))

    def _refund(self, number: int) -> None:
        customer, invoice = f"cust_k{number}", f"inv_k{number}"
        account = Account(
            id=customer,
            email=f"{customer}@example.com",
            name="Ada",
            plan=Plan.PRO,
            status="active",
            created_at=datetime(2020, 1, 1, tzinfo=UTC),
        )
        paid = Invoice(
            id=invoice, customer_id=customer, status="paid", total=PRICE, refundable=PRICE, paid_at=datetime.now(UTC)
        )
        self.provider.sandbox.put([account], [paid])
        params = {"money": PRICE.model_dump(), "invoiceId": invoice, "reason": "duplicate charge"}
        world.receive(self.app, self.bot, customer_id=customer, params=params)

    def adopt(self) -> None:
        """Know also of what was committed without our hearing of it, and of the jobs that carry out refunds."""
        with self.app.view() as view:
            for row in (tables.Job, tables.FinishedJob):
                for id, topic, payload in view.session.execute(select(row.id, row.topic, row.payload)):
                    if topic == Toll.topic:
                        self.tolls.setdefault(id, Toll.load(payload))
                    elif topic == jobs.ExecuteEffect.topic:
                        self.refunds[id] = payload["effect_id"]

    def _faults_of_jobs(self) -> Iterator[str]:
        with self.app.view() as view:
            left = {job.id: job for job in view.session.scalars(select(tables.Job))}
            finished = {job.id: job for job in view.session.scalars(select(tables.FinishedJob))}
            tries = view.session.scalars(select(tables.JobAttempt)).all()
        asked = set(self.tolls) | set(self.refunds)
        yield from (f"{id} was lost" for id in asked - set(left) - set(finished))
        yield from (f"{id} was made up" for id in (set(left) | set(finished)) - asked)
        yield from (f"{id} is there twice" for id in set(left) & set(finished))
        for id, job in left.items():
            if not (job.status is jobs.Status.DEAD and id in self.tolls and self.tolls[id].how in ("wrong", "deadly")):
                yield f"{id} is {job.status} after {job.claims} claims: {job.error}"
        for id, done in finished.items():
            receipt = self.tolls[id].name if id in self.tolls and self.tolls[id].how == "quiet" else None
            if (done.status, done.receipt) != (jobs.Status.DONE, receipt):
                yield f"{id} is {done.status} with the receipt {done.receipt}"
        limit = jobs.Job.schedule.tries
        yield from (f"{id} was claimed {job.claims} times" for id, job in left.items() if job.claims > limit)
        yield from (f"{job.id} was claimed {job.claims} times" for job in finished.values() if job.claims > limit)
        ends = Counter(a.job_id for a in tries if a.outcome is jobs.AttemptOutcome.DEAD)
        yield from (f"{id} was buried {times} times" for id, times in ends.items() if times > 1)

    def _faults_of_tolls(self) -> Iterator[str]:
        heard = bells.tolled(self.app)
        wanted = Counter(toll.name for toll in self.tolls.values() if toll.how not in ("quiet", "wrong", "deadly"))
        if Counter(heard) != wanted:
            yield f"tolled too often: {Counter(heard) - wanted}, too rarely: {wanted - Counter(heard)}"
        for tower in {toll.tower for toll in self.tolls.values()}:
            numbers = [int(name.rpartition("/")[2]) for name in heard if name.rpartition("/")[0] == tower]
            if numbers != sorted(numbers):
                yield f"{tower} tolled out of order: {numbers}"

    def _faults_of_refunds(self) -> Iterator[str]:
        effects = set(self.refunds.values())
        keys = Counter(self.provider.keys)
        yield from (f"the provider was asked under the key {key}" for key in keys if key not in effects)
        yield from (f"the provider was asked {n} times for {key}" for key, n in keys.items() if n > 1 + self.kills)
        entry = tables.AuditEntry
        with self.app.view() as view:
            rows = {effect.id: effect for effect in view.session.scalars(select(tables.Effect))}
            told = view.session.execute(select(entry.effect_id, entry.event).where(entry.effect_id.is_not(None))).all()
        said = Counter((effect, event) for effect, event in told)
        yield from (f"the effect {id} was made up" for id in rows.keys() - effects)
        for id in effects:
            invoice = self.provider.sandbox.invoice(rows[id].params["invoiceId"])
            assert invoice is not None
            if rows[id].status is not Status.DONE or not rows[id].receipt_reference or invoice.refundable.amount:
                yield f"the effect {id} is {rows[id].status}, and {invoice.refundable} of its invoice are left"
            for event in (events.EffectStarted, events.EffectDone):
                if said[id, event.name] != 1:
                    yield f"{event.name} was recorded {said[id, event.name]} times for {id}"


@contextmanager
def work(database_url: str, **given: object) -> Iterator[Work]:
    """Nothing asked for yet, on a migrated database, with a provider of its own."""
    with ExitStack() as stack:
        provider = stack.enter_context(servers.http_provider(seeded_at=datetime.now(UTC)))
        urls = {"accounts_url": provider.url, "billing_url": provider.url}
        app = stack.enter_context(built(database_url, **(urls | given)))
        yield Work(app, provider, world.service(app))


def bring_for(point: str, work: Work, dice: random.Random, tolls: int = 6, refunds: int = 1) -> None:
    """Ask for work by which a process gets to this point."""
    work.bring(dice, tolls, refunds)
    if point.startswith("give_back"):  # after many short ones, many are claimed ahead
        work.bring(dice, 40, how="quiet")
        work.bring(dice, 40, how="brisk")
    if point.startswith("recover"):
        lose(work, 3)


def kill_at(work: Work, point: str, folder: Path, seconds: float = PATIENCE) -> bool:
    """Have a worker process work until it kills itself there; False when everything was done without getting there."""
    with forking.working(work.app.settings, folder / "killed.log", FLOWOPS_KILL_POINT=point) as doomed:
        if point.startswith("give_back"):
            before = len(bells.tolled(work.app))
            delivery.wait_until(lambda: len(bells.tolled(work.app)) > before + 6 or not doomed.is_alive(), every=0.05)
            doomed.terminate()
        deadline = time.monotonic() + seconds
        while doomed.is_alive() and not work.is_done():
            assert time.monotonic() < deadline, f"{point} was not reached, and not all was done"
            doomed.join(1)
        doomed.join(0.2)
        died = doomed.exitcode == -signal.SIGKILL
    work.kills += died
    return died


def lose(work: Work, number: int) -> None:
    """Have a worker that is no more hold so many jobs, whose lease is over in a moment."""
    assert delivery.claim(work.app, number, "lost", work.app.settings.outbox_lease, Toll.topic)


def drain(work: Work, folder: Path, workers: int = 1) -> None:
    """Have fresh processes do all that is left, and stop."""
    with ExitStack() as stack:
        fresh = [
            stack.enter_context(forking.working(work.app.settings, folder / f"fresh-{number}.log"))
            for number in range(workers)
        ]
        delivery.wait_until(work.is_done, PATIENCE, EVERY)
        stop(fresh)


def drain_here(work: Work) -> None:
    """Have a fresh worker in this process do all that is left."""
    with delivery.working(work.app):
        delivery.wait_until(work.is_done, PATIENCE, EVERY)


def stop(processes: Iterable[BaseProcess]) -> None:
    """Tell them to stop, and see that they do."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(PATIENCE)
        assert process.exitcode == 0


def count(app: application.App, table: type[tables.Base]) -> int:
    """How many rows a table has."""
    with app.view() as view:
        return view.session.scalar(select(func.count()).select_from(table)) or 0


class Supervised:
    """So many worker processes, each started anew when it dies, until the block ends."""

    def __init__(self, app: application.App, number: int, log: Path) -> None:
        self._start: Callable[[], BaseProcess] = lambda: forking.worker(app.settings, log)
        self._number, self._ending = number, threading.Event()
        self.processes: list[BaseProcess] = []
        self.deaths = 0

    def __enter__(self) -> Self:
        self.processes = [self._start() for _ in range(self._number)]
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        stop(self.processes)

    def _watch(self) -> None:
        while not self._ending.wait(0.02):
            for number, process in enumerate(self.processes):
                if process.exitcode is not None:
                    self.deaths += 1
                    self.processes[number] = self._start()
