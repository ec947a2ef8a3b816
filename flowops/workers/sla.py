"""Sweeps: marks what has become late, and gives back what somebody held, or waited for, longer than they may."""

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog

from flowops.actions import deadlines, effects, ownership
from flowops.app import App
from flowops.domain.access import SYSTEM
from flowops.workers import loop

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

log = structlog.get_logger()

EVERY = 0.5  # seconds between two sweeps, so that a breach is marked well within two
BATCH = 200  # cases in one unit: while it lasts nobody else can act on them
Step = Callable[["Unit", int], int]  # does no more than so many, and says how many


def run(app: App, stop: threading.Event) -> None:
    """Sweep until `stop` is set; a lost database is waited for. Any number of processes may do so at once."""
    log.info("sweeping started")
    pause = EVERY
    while not stop.wait(pause):
        counts: list[int | None] = [BATCH]
        while BATCH in counts and not stop.is_set():
            counts = [_survive(app, step) for step in steps(app)]
        is_lost = all(count is None for count in counts)
        pause = min(pause * 2, loop.LONGEST_PAUSE) if is_lost else EVERY
    log.info("sweeping stopped")


def sweep(app: App) -> None:
    """Do everything that is due now, once."""
    while BATCH in [_batch(app, step) for step in steps(app)]:
        pass


def steps(app: App) -> tuple[Step, ...]:
    """What a sweep does, the most urgent first.

    One batch of each, then the most urgent again: no heap of one keeps another one from being done, or makes it late.
    """
    return (
        deadlines.breach_due,
        deadlines.warn_due,
        ownership.expire_due,
        partial(ownership.resume_due, lease=app.settings.claim_lease),
        effects.expire_due,
    )


def _survive(app: App, step: Step) -> int | None:
    """Do one batch and say how much it was; None when it went wrong, and the others are done all the same."""
    done: list[int] = []
    loop.survives(lambda: done.append(_batch(app, step)))
    return done[0] if done else None


def _batch(app: App, step: Step) -> int:
    with app.unit(SYSTEM) as unit:
        return step(unit, BATCH)
