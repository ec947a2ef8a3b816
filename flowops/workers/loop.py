"""Keeps a process delivering: it claims, runs jobs in threads, shows that it lives, takes lost jobs back, and stops."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

import structlog

from flowops import errors
from flowops.actions import idempotency, outbox
from flowops.app import App
from flowops.domain import access
from flowops.workers import outbox as work

if TYPE_CHECKING:
    from flowops.storage import tables

log = structlog.get_logger()

# In seconds.
POLL = 0.2  # between two looks at an outbox that had nothing for us
LONGEST_PAUSE = 5.0  # between two tries to reach a lost database
LONGEST_UNRECOVERED = 5.0
PURGE_EVERY = 3600.0


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
    """One process that delivers: this thread talks to the outbox, the others run what it claimed."""

    def __init__(self, app: App, stop: threading.Event) -> None:
        self._app, self._stop = app, stop
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._todo: SimpleQueue[tables.Job | None] = SimpleQueue()
        self._held: set[tables.Job] = set()
        self._freed = threading.Event()
        lease = app.settings.outbox_lease.total_seconds()
        self._beat = _Chore(lease / 3, self._show_life)
        self._chores = (
            self._beat,
            _Chore(min(LONGEST_UNRECOVERED, lease / 4), self._recover),
            _Chore(PURGE_EVERY, self._purge),
        )

    def run(self) -> None:
        threads = self._app.settings.workers
        for number in range(threads):
            # Daemons: a job that outlasts the grace must not keep the process from ending.
            threading.Thread(target=self._labour, name=f"worker-{number}", daemon=True).start()
        log.info("worker started", worker=self._name, threads=threads)
        pause = POLL
        while not self._stop.is_set():
            pause = POLL if survives(self._deliver) else min(pause * 2, LONGEST_PAUSE)
            self._wait(pause)
        self._finish()
        for _ in range(threads):
            self._todo.put(None)
        log.info("worker stopped", worker=self._name, unfinished=len(self._held))

    def _deliver(self) -> None:
        for chore in self._chores:
            self._do(chore)
        if free := self._app.settings.workers - len(self._held):
            with self._app.unit(access.SYSTEM) as unit:
                claimed = outbox.claim(unit, self._name, None, free, self._app.settings.outbox_lease)
            if self._stop.is_set():
                with self._app.unit(access.SYSTEM) as unit:
                    for row in claimed:
                        outbox.give_back(unit, row)
                return
            for row in claimed:
                self._held.add(row)
                self._todo.put(row)

    def _do(self, chore: _Chore) -> None:
        if time.monotonic() >= chore.due:
            chore.do()
            chore.due = time.monotonic() + chore.every

    def _show_life(self) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            outbox.beat(unit, self._name, list(self._held), self._app.settings.outbox_lease)

    def _recover(self) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            spent = outbox.recover(unit)
        for row in spent:
            survives(partial(work.bury_lost, self._app, row))

    def _purge(self) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            idempotency.purge(unit)

    def _leave(self) -> None:
        with self._app.unit(access.SYSTEM) as unit:
            outbox.leave(unit, self._name)

    def _wait(self, seconds: float) -> None:
        """Wait, but not when a thread has become free."""
        self._freed.wait(seconds)
        self._freed.clear()

    def _finish(self) -> None:
        """Let what runs end, and keep it ours meanwhile, as long as the grace lasts."""
        deadline = time.monotonic() + self._app.settings.stop_grace.total_seconds()
        while self._held and (left := deadline - time.monotonic()) > 0:
            survives(lambda: self._do(self._beat))
            self._wait(min(POLL, left))
        survives(self._leave)

    def _labour(self) -> None:
        """Run jobs until there is a None among them."""
        while row := self._todo.get():
            with structlog.contextvars.bound_contextvars(request_id=row.id):
                survives(partial(self._perform, row))
            self._held.remove(row)
            self._freed.set()

    def _perform(self, row: "tables.Job") -> None:
        try:
            work.run(self._app, row)
        except errors.Fenced:
            raise
        except Exception as error:
            work.fail(self._app, row, error)
