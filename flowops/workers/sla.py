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
        for step in steps(app):
            loop.survives(partial(_drain, app, step, stop))
    log.info("sweeping stopped")


def sweep(app: App) -> None:
    """Do everything that is due now, once."""
    for step in steps(app):
        _drain(app, step, threading.Event())


def steps(app: App) -> tuple[Step, ...]:
    """What a sweep does, the most urgent first; none of them keeps another one from being done."""
    return (
        deadlines.breach_due,
        deadlines.warn_due,
        ownership.expire_due,
        partial(ownership.resume_due, lease=app.settings.claim_lease),
        effects.expire_due,
    )


def _drain(app: App, step: Step, stop: threading.Event) -> None:
    full = True
    while full and not stop.is_set():
        with app.unit(SYSTEM) as unit:
            full = step(unit, BATCH) >= BATCH
