"""What the benchmark asks of a queue, and what it gives the queue's workers to call."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Payload = dict[str, Any]
Ran = Callable[[int], None]  # the no-op handler: notes that the job of this number runs now
Enqueue = Callable[[Sequence[Payload]], None]  # returns when these jobs are durable


def payload(number: int) -> Payload:
    """What every contestant's job carries: its number and some words, about 100 bytes as JSON."""
    return {"number": number, "words": "Please look into the invoice of last month; the customer waits."}


class Contestant(Protocol):
    """A queue with its durable settings. `url` is a libpq URI or the path of a SQLite file."""

    @property
    def tables(self) -> tuple[str, ...]:
        """What is emptied before each run, on PostgreSQL."""

    @property
    def unfinished(self) -> str:
        """A query: how many jobs have not been settled."""

    def create(self, url: str) -> None:
        """Make the tables in an empty database."""

    def producing(self, url: str) -> AbstractContextManager[Enqueue]:
        """A way to enqueue jobs, those of one call in one transaction where the queue can do that."""

    def work(self, url: str, ran: Ran, wait: Callable[[], None]) -> None:
        """Connect, `wait` for the start, and work until this process is killed."""
