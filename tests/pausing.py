"""Effects that are paused while several worker processes carry them out, and what has to be true of it."""

import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select

from flowops.actions import switch
from flowops.app import App
from flowops.domain import access, events, jobs
from flowops.domain.effects import Status
from flowops.storage import tables
from tests import crashes, delivery, forking

WORKERS = 4
LONG = 2.0  # seconds to watch that nothing happens: ten looks of every worker at the outbox
PATIENCE = 180


def pause(work: crashes.Work, effects: int, folder: Path) -> dict[str, Any]:
    """Have so many approved effects carried out, pause them midway, watch, resume, and see all of them done."""
    app = work.app
    work.bring(Random(effects), tolls=0, refunds=effects)
    with ExitStack() as stack:
        workers = [
            stack.enter_context(forking.working(app.settings, folder / f"worker-{number}.log"))
            for number in range(WORKERS)
        ]
        delivery.wait_until(lambda: _count(app, Status.DONE) >= effects // 5, PATIENCE, 0.01)
        began = time.monotonic()
        with app.unit(access.SYSTEM) as unit:
            switch.pause(unit, "the provider pays twice")
        figures: dict[str, Any] = {"effects": effects, "seconds to pause": time.monotonic() - began}
        delivery.wait_until(lambda: not _count(app, Status.EXECUTING) and not _held(app), PATIENCE, 0.01)
        figures["seconds to stand still"] = time.monotonic() - began
        calls, left = len(work.provider.keys), _count(app, Status.APPROVED)
        figures["left"] = left
        time.sleep(LONG)
        claims = _claims(app)  # until a worker has looked at the switch it may claim jobs, and gives them back
        time.sleep(LONG)
        figures["calls while paused"] = len(work.provider.keys) - calls
        figures["claims while paused"] = sum((_claims(app) - claims).values())
        figures["started while paused"] = effects - left - _count(app, Status.DONE)
        figures["claims that counted"] = _claims_that_count(app)
        resumed = time.monotonic()
        with app.unit(access.SYSTEM) as unit:
            switch.resume(unit)
        delivery.wait_until(lambda: len(work.provider.keys) > calls, PATIENCE, 0.005)
        figures["seconds to go on"] = time.monotonic() - resumed
        delivery.wait_until(work.is_done, PATIENCE, crashes.EVERY)
        crashes.stop(workers)
    figures["started after the pause"] = _started_between(app)
    figures["faults"] = work.faults()
    figures["doubled"] = [key for key, times in Counter(work.provider.keys).items() if times > 1]
    return figures


def _count(app: App, status: Status) -> int:
    with app.view() as view:
        return view.session.scalar(select(func.count()).where(tables.Effect.status == status)) or 0


def _held(app: App) -> int:
    """How many jobs a worker holds, to find that it may not begin them."""
    with app.view() as view:
        return view.session.scalar(select(func.count()).where(tables.Job.status == jobs.Status.PROCESSING)) or 0


def _claims(app: App) -> Counter[str]:
    """How often each job that is left was ever claimed, whether it counted or not."""
    row = tables.Job
    with app.view() as view:
        found = view.session.execute(select(row.id, row.claim_token))
        return Counter({id: token for id, token in found})  # noqa: C416 - rows are no pairs to mypy


def _claims_that_count(app: App) -> int:
    """Claims and tries of jobs that wait, which would bring them nearer to being buried."""
    row = tables.Job
    with app.view() as view:
        tries = select(func.count()).select_from(tables.JobAttempt)
        return (view.session.scalar(select(func.sum(row.claims))) or 0) + (view.session.scalar(tries) or 0)


def _started_between(app: App) -> int:
    """How many effects were started between the pause and the resume, by the log."""
    row = tables.AuditEntry
    with app.view() as view:
        found = {
            name: view.session.scalar(select(row.seq).where(row.event == name))
            for name in (events.EffectsPaused.name, events.EffectsResumed.name)
        }
        first, last = found.values()
        started = select(func.count()).where(row.event == events.EffectStarted.name, row.seq.between(first, last))
        return view.session.scalar(started) or 0
