"""Processes that are stopped in the middle of their work for longer than their lease, and come to life again."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from flowops.actions import leases
from flowops.app import App
from flowops.domain import access, jobs
from flowops.storage import tables
from tests import bells, crashes, delivery, forking
from tests.bells import Toll
from tests.crashes import Work

COMES_TO_LIFE = 0.5  # seconds for a process to do whatever it still believes it should


def is_free(app: App) -> bool:
    """Has nobody a transaction open in which they changed something?"""
    if app.settings.is_sqlite:
        with sqlite3.connect(app.settings.sqlite_path, timeout=0) as connection:
            with suppress(sqlite3.OperationalError):
                connection.execute("BEGIN IMMEDIATE").execute("ROLLBACK")
                return True
            return False
    others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with app.database.engine.connect() as connection:
        return connection.execute(text(f"{others} AND xact_start IS NOT NULL")).first() is None


def is_stopped(process: BaseProcess) -> bool:
    """Does the process stand still?"""
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"


def freeze(app: App, process: BaseProcess) -> None:
    """Stop the process where it has no transaction open, for others would have to wait for it."""
    assert process.pid
    while True:
        os.kill(process.pid, signal.SIGSTOP)
        delivery.wait_until(lambda: is_stopped(process))
        time.sleep(0.02)  # for what it asked of the database last
        if is_free(app):
            return
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.01)


def held_by(app: App, pid: int | None) -> list[str]:
    """The jobs that a process holds."""
    row = tables.Job
    with app.view() as view:
        held = select(row.id).where(row.status == jobs.Status.PROCESSING, row.worker.contains(f":{pid}:"))
        return list(view.session.scalars(held))


def told(app: App) -> list[Any]:
    """All that a worker could change: what is finished, by whom, how every try ended, and the whole record."""
    finished, tried, entry = tables.FinishedJob, tables.JobAttempt, tables.AuditEntry
    with app.view() as view:
        ends = view.session.execute(select(finished.id, finished.worker, finished.claim_token, finished.finished_at))
        tries = view.session.execute(select(tried.job_id, tried.claim_token, tried.outcome, tried.finished_at))
        record = view.session.execute(select(entry.id, entry.event))
        left = view.session.execute(select(tables.Job.id, tables.Job.status, tables.Job.worker, tables.Job.claims))
        return [sorted(map(tuple, rows)) for rows in (ends, tries, record, left)]


def stall(work: Work, dice: random.Random, folder: Path, others_finish: bool) -> dict[str, Any]:
    """Let a process stall with jobs in every state, others get them, and the process come to life again.

    It comes to life when the others have finished all, or while they hold what it held. Half of the processes stall
    when a handler has just ended; the others anywhere.
    """
    work.bring(dice, 20, how="quiet")  # so that many are claimed ahead
    work.bring(dice, 6, refunds=1)
    work.bring(dice, dice.randint(2, 8), how="brisk")
    work.bring(dice, 1, how="stalls")
    work.bring(dice, 12, how="brisk")
    nearly = len(work.tolls) - 27
    anywhere = dice.random() < 0.5
    with forking.working(work.app.settings, folder / "stalled.log") as stalled:
        delivery.wait_until(lambda: is_stopped(stalled) or (anywhere and _is_past(work, nearly)), every=0.05)
        assert stalled.pid
        freeze(work.app, stalled)
        while not (held := held_by(work.app, stalled.pid)):  # it was between two claims
            os.kill(stalled.pid, signal.SIGCONT)
            work.bring(dice, 12, how="brisk")
            time.sleep(0.1)
            freeze(work.app, stalled)
        come_to_life = partial(_come_to_life, stalled)
        stale = _after_others(work, come_to_life) if others_finish else _beside_others(work, held, come_to_life)
        stalled.terminate()
        stalled.join(crashes.PATIENCE)
        crashes.drain_here(work)
        work.kills += 1  # a call of the provider may have been repeated
        return {"held": len(held), "stale": stale, "faults": work.faults(), "exit": stalled.exitcode}


def _is_past(work: Work, number: int) -> bool:
    return crashes.count(work.app, tables.FinishedJob) > number


def _come_to_life(process: BaseProcess) -> None:
    assert process.pid
    os.kill(process.pid, signal.SIGCONT)
    time.sleep(COMES_TO_LIFE)


def _after_others(work: Work, come_to_life: Callable[[], None]) -> int:
    """Others finish everything first; how much is different when the process has come to life."""
    crashes.drain_here(work)
    known = told(work.app)
    come_to_life()
    return sum(each not in old for old, new in zip(known, told(work.app), strict=True) for each in new)


def _beside_others(work: Work, held: list[str], come_to_life: Callable[[], None]) -> int:
    """Somebody else holds the jobs when the process comes to life; how many of them it changed."""
    time.sleep(work.app.settings.outbox_lease.total_seconds())
    delivery.recover(work.app)
    taken = delivery.claim(work.app, len(work.tolls), "other", topic=Toll.topic)
    assert {job.id for job in taken} & set(held), "nobody got what it held"
    come_to_life()
    row = tables.Job
    with work.app.unit(access.SYSTEM) as unit:
        ours = select(row.id).where(row.worker == "other", row.status == jobs.Status.PROCESSING)
        left = set(unit.session.scalars(ours))
        leases.give_back(unit, taken)
    names = {work.tolls[job.id].name for job in taken}
    return len({job.id for job in taken} - left) + len(names.intersection(bells.tolled(work.app)))
