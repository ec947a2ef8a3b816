"""Huey on SQLite, its synchronous mode set to FULL; it takes a job out of the table before running it, one at a time.

So a job that was running when its worker was killed is lost, which no other contestant allows.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from huey import SqliteHuey
from huey.consumer import Consumer

from benchmarks.outbox.contestant import Enqueue, Payload, Ran

TASK = "noop"


@dataclass(frozen=True)
class Contestant:
    """One worker thread in each process: SQLite has one writer."""

    tables: tuple[str, ...] = ()
    unfinished: str = "select count(*) from task"

    def create(self, url: str) -> None:
        """It makes its tables when it is first used."""
        _open(url).storage.close()

    @contextmanager
    def producing(self, url: str) -> Iterator[Enqueue]:
        """It commits each job alone."""
        huey = _open(url)
        noop = huey.task(name=TASK)(lambda number, words: None)

        def enqueue(jobs: Sequence[Payload]) -> None:
            for job in jobs:
                noop(**job)

        yield enqueue
        huey.storage.close()

    def work(self, url: str, ran: Ran, wait: Callable[[], None]) -> None:
        """Run its consumer."""
        huey = _open(url)
        huey.task(name=TASK)(lambda number, words: ran(number))
        wait()
        # An idle worker looks again after 0.1 s at first; so often costs little and is the least it can be told.
        Consumer(huey, workers=1, initial_delay=0.005, backoff=1.0, max_delay=0.005, periodic=False).run()


def _open(path: str) -> SqliteHuey:
    return SqliteHuey("benchmark", filename=path, fsync=True, results=False, timeout=10)
