"""One run of one contestant: a backlog that is drained, or single jobs that idle workers pick up."""

import multiprocessing
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg

from benchmarks import places
from benchmarks.outbox import contestants
from benchmarks.outbox.contestant import payload
from benchmarks.outbox.tally import Tally

AT_ONCE = 100  # jobs enqueued with one commit
# The part of a backlog that is measured: neither what is loaded, compiled and planned on first use, nor the end, when
# a worker may wait for more before it settles what it has.
MEASURED = (0.1, 0.95)
PATIENCE = 120.0  # seconds
GLANCE = 0.002  # seconds between two looks at the tally

# Forked from a process that has imported every contestant, so that no run waits for imports.
_STARTER = multiprocessing.get_context("forkserver")
_STARTER.set_forkserver_preload([f"{contestants.__name__}.{entry.module}" for entry in contestants.entries()])


class Stuck(Exception):
    """The jobs did not come to their end."""


@dataclass(frozen=True)
class Drained:
    """What a drained backlog showed; `cpu` is that of the workers and of every process of the server."""

    workers: int
    jobs: int
    enqueue_rate: float  # jobs a second, AT_ONCE a commit where the queue can do that
    rate: float  # jobs a second, settled durably
    cpu: float  # seconds for 1,000 jobs


class _Sample(NamedTuple):
    at: float  # seconds of the clock
    left: int  # jobs that are not settled
    used: float  # CPU seconds


class Track:
    """A contestant's own database, which `empty` makes as good as new."""

    def __init__(self, entry: contestants.Entry, folder: Path, server: places.Server) -> None:
        self._entry, self._contestant = entry, entry.make()
        self._folder = folder / f"{entry.database}_{entry.name.replace(' ', '_')}"
        self._folder.mkdir()
        self._server = server if entry.database == "postgresql" else None
        self._url = self._server.create(self._folder.name) if self._server else str(self._folder / "jobs.db")
        self._contestant.create(self._url if self._server else self._new)

    @property
    def _new(self) -> str:
        return str(self._folder / "new.db")

    def empty(self) -> None:
        """Forget every job."""
        if self._server:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute(f"truncate {', '.join(self._contestant.tables)} cascade")
                connection.execute("vacuum analyze")
        else:
            for left in self._folder.glob("jobs.db*"):
                left.unlink()
            shutil.copy(self._new, self._url)

    def drain(self, workers: int, jobs: int, watch: Callable[[int], None]) -> Drained:
        """Put a backlog there and have it drained; `watch` is told how many jobs ran."""
        with self._contestant.producing(self._url) as enqueue:
            began = time.perf_counter()
            for begin in range(0, jobs, AT_ONCE):
                enqueue([payload(number) for number in range(begin, min(begin + AT_ONCE, jobs))])
            enqueue_rate = jobs / (time.perf_counter() - began)
        self._settle()
        with self._working(workers, jobs) as (tally, processes, start), self._looking() as left:
            start()
            deadline = time.monotonic() + PATIENCE
            samples = [self._sample(left, processes)]
            for part in MEASURED:
                while (count := tally.count()) < jobs * part:
                    watch(count)
                    _check(deadline)
                    time.sleep(GLANCE)
                samples.append(self._sample(left, processes))
            _wait(lambda: tally.count() >= jobs and left() == 0, deadline)
            samples.append(self._sample(left, processes))
            watch(jobs)
            if tally.count() != jobs or 0 in tally.times():
                raise Stuck(f"{self._entry}: of {jobs} jobs {tally.times().count(0)} did not run, {tally.count()} did")
        start_of_all, first, last, end_of_all = samples
        if first.left == last.left:  # a small backlog, settled in one go
            first, last = start_of_all, end_of_all
        settled = first.left - last.left
        rate, cpu = settled / (last.at - first.at), (last.used - first.used) / settled * 1000
        return Drained(workers, jobs, enqueue_rate, rate, cpu)

    def pick_up(self, jobs: int, rate: float, watch: Callable[[int], None]) -> list[float]:
        """Give an idle worker single jobs at irregular moments; milliseconds from each commit to its handler."""
        committed = []
        with self._working(1, jobs + 1) as (tally, _, start), self._contestant.producing(self._url) as enqueue:
            start()
            enqueue([payload(jobs)])  # warms both sides
            _wait(lambda: tally.count() == 1, time.monotonic() + PATIENCE)
            for number in range(jobs):
                time.sleep(random.uniform(0.5, 1.5) / rate)
                enqueue([payload(number)])
                committed.append(time.monotonic_ns())
                watch(number + 1)
            _wait(lambda: tally.count() == jobs + 1, time.monotonic() + PATIENCE)
            # A worker may be told by the server before the producer is.
            return [max(0, ran - at) / 1e6 for ran, at in zip(tally.times(), committed, strict=False)]

    @contextmanager
    def _working(self, workers: int, jobs: int) -> Iterator[tuple[Tally, list[psutil.Process], Callable[[], None]]]:
        """Worker processes that have connected and wait for the start; killed afterwards."""
        path = self._folder / "tally"
        tally = Tally(path, jobs, workers)
        gate = _STARTER.Barrier(workers + 1, timeout=PATIENCE)
        started: list[Any] = []
        try:
            for slot in range(workers):
                arguments = (self._entry, self._url, path, jobs, workers, slot, gate)
                started.append(_STARTER.Process(target=_work, args=arguments, daemon=True))
                started[-1].start()
            yield tally, [psutil.Process(process.pid) for process in started], lambda: _pass(gate)
        finally:
            for process in started:
                process.kill()
                process.join()
            path.unlink()

    def _sample(self, left: Callable[[], int], processes: list[psutil.Process]) -> _Sample:
        return _Sample(time.perf_counter(), left(), self._used(processes))

    def _used(self, processes: list[psutil.Process]) -> float:
        """CPU seconds so far, of the workers and of the server with all processes it has or had."""
        servers = [self._server.process, *self._server.process.children()] if self._server else []
        used = 0.0
        for process in (*processes, *servers):
            try:
                used += sum(process.cpu_times()[: 4 if process in servers[:1] else 2])
            except psutil.NoSuchProcess:
                continue  # it ended since it was listed, and is counted with the server
        return used

    def _settle(self) -> None:
        """Let nobody pay for the backlog's own writes, and give the planner its statistics."""
        if self._server:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute("vacuum analyze")
                connection.execute("checkpoint")

    @contextmanager
    def _looking(self) -> Iterator[Callable[[], int]]:
        """A way to ask how many jobs are not settled."""
        connecting: Any = psycopg.connect(self._url, autocommit=True) if self._server else sqlite3.connect(self._url)
        with closing(connecting) as connection:
            yield lambda: connection.execute(self._contestant.unfinished).fetchone()[0]


def _work(entry: contestants.Entry, url: str, path: Path, jobs: int, workers: int, slot: int, gate: Barrier) -> None:
    entry.make().work(url, Tally(path, jobs, workers, slot).ran, lambda: _pass(gate))


def _pass(gate: Barrier) -> None:
    gate.wait()


def _wait(what: Callable[[], bool], deadline: float) -> None:
    while not what():
        _check(deadline)
        time.sleep(GLANCE)


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise Stuck("nothing more came in time")
