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
    while not stop.wait(EVERY):
        full = True
        while full and not stop.is_set():
            # Not any() of them as they come, which would leave the others until the first is done.
            full = True in [_is_full(app, step) for step in steps(app)]
    log.info("sweeping stopped")


def sweep(app: App) -> None:
    """Do everything that is due now, once."""
    while True in [_batch(app, step) >= BATCH for step in steps(app)]:
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


def _is_full(app: App, step: Step) -> bool:
    """Do one batch, whatever comes of it; is there perhaps more to do?"""
    done = 0

    def work() -> None:
        nonlocal done
        done = _batch(app, step)

    return loop.survives(work) and done >= BATCH


def _batch(app: App, step: Step) -> int:
    with app.unit(SYSTEM) as unit:
        return step(unit, BATCH)
