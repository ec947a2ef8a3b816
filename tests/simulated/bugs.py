"""Mistakes that could be made in the outbox, each planted on purpose, to see that the simulation finds it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, false, select, update

from flowops.actions import leases, outbox
from flowops.actions.leases import Claimed
from flowops.app import App
from flowops.domain import access, jobs, retries
from flowops.storage import tables
from flowops.storage.unit import Unit
from flowops.workers import handlers
from flowops.workers import outbox as work

Plant = Callable[[pytest.MonkeyPatch], None]
ROW = tables.Job


def _now_counts(unit: Unit, job: Claimed) -> Claimed:
    """The job as if whoever speaks of it had the claim that counts."""
    token = unit.session.scalar(select(ROW.claim_token).where(ROW.seq == job.seq))
    return job if token is None else job._replace(claim_token=token)


def _unfenced(module: Any, name: str) -> Plant:
    """What this function does to a job it does without asking whose it is."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = getattr(module, name)
        patch.setattr(module, name, lambda unit, job, *more, **new: right(unit, _now_counts(unit, job), *more, **new))

    return plant


def batch_without_fence(patch: pytest.MonkeyPatch) -> None:
    right = outbox.finish_all
    patch.setattr(
        outbox,
        "finish_all",
        lambda unit, done: right(unit, [(_now_counts(unit, job), receipt) for job, receipt in done]),
    )


def hold_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "hold", lambda unit, job: None)


def acknowledge_first(patch: pytest.MonkeyPatch) -> None:
    def settle(app: App, row: Claimed, outcome: handlers.Settle | handlers.Answered) -> None:
        receipt, keep = outcome if isinstance(outcome, handlers.Answered) else (None, outcome)
        with app.unit(access.SYSTEM) as unit:
            outbox.finish(unit, row, receipt)
        with app.unit(handlers.TABLE[row.topic].actor) as unit:
            keep(unit)

    patch.setattr(work, "settle", settle)


def acknowledge_never(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "finish", lambda unit, job, receipt=None: None)


def ignore_order(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leases, "_is_blocked", lambda key, seq: false())
    patch.setattr(leases, "_TAKE", leases._taking(leases._due(bindparam("of")).limit(bindparam("limit"))))


def ignore_time(patch: pytest.MonkeyPatch) -> None:
    job = leases._JOB
    since = job.run_at >= bindparam("since", type_=job.run_at.type)
    due = select(job.seq, job.key, leases._PLACE).where(leases._is_free(), job.topic == bindparam("of"), since)
    patch.setattr(leases, "_TAKE", leases._taking(due.order_by(job.run_at, job.seq).limit(bindparam("limit"))))


def ignore_leases(patch: pytest.MonkeyPatch) -> None:
    right = leases.recover

    def recover(unit: Unit) -> Sequence[Claimed]:
        over = update(ROW).where(ROW.status == jobs.Status.PROCESSING)
        unit.session.execute(over.values(lease_until=unit.now - timedelta(seconds=1)))
        return right(unit)

    patch.setattr(leases, "recover", recover)


def recover_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leases, "recover", lambda unit: [])


def count_failures(patch: pytest.MonkeyPatch) -> None:
    right = leases.note

    def note(unit: Unit, job: Claimed, outcome: jobs.AttemptOutcome, error: str) -> None:
        right(unit, job, outcome, error)
        if outcome is jobs.AttemptOutcome.FENCED:
            unit.session.execute(update(ROW).where(ROW.seq == job.seq).values(claims=ROW.claims - 1))

    patch.setattr(leases, "note", note)


def count_once_more(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(retries.Schedule, "is_spent", lambda self, claims: claims > self.tries)


def count_once_less(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(retries.Schedule, "is_spent", lambda self, claims: claims >= self.tries - 1)


def keep_token(patch: pytest.MonkeyPatch) -> None:
    right = leases._take

    def take(unit: Unit, *given: Any, **due: Any) -> list[Claimed]:
        claimed = right(unit, *given, **due)
        for job in claimed:
            unit.session.execute(update(ROW).where(ROW.seq == job.seq).values(claim_token=1))
        return [job._replace(claim_token=1) for job in claimed]

    patch.setattr(leases, "_take", take)


def forget_who_waits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leases, "let_in", lambda unit, keys: None)


def let_others_suffer(patch: pytest.MonkeyPatch) -> None:
    right = leases.put

    def put(unit: Unit, job: Claimed, status: jobs.Status, **values: Any) -> bool:
        return right(unit, job, status, **{name: value for name, value in values.items() if name != "waits"})

    patch.setattr(leases, "put", put)


def beat_for_others(patch: pytest.MonkeyPatch) -> None:
    def beat(unit: Unit, worker: str, held: Iterable[int], lease: timedelta) -> None:
        ours = update(ROW).where(ROW.seq.in_(list(held)), ROW.status == jobs.Status.PROCESSING)
        unit.session.execute(ours.values(lease_until=unit.now + lease, worker=worker))

    patch.setattr(leases, "beat", beat)


def beat_for_nobody(patch: pytest.MonkeyPatch) -> None:
    def beat(unit: Unit, worker: str, held: Iterable[int], lease: timedelta) -> None:
        taken = update(ROW).where(ROW.seq.in_(list(held)), ROW.status == jobs.Status.PENDING)
        unit.session.execute(taken.values(status=jobs.Status.PROCESSING, worker=worker, lease_until=unit.now + lease))

    patch.setattr(leases, "beat", beat)


# Where few of the usual jobs can show a bug, how bells are to be tolled.
SHOWN_BY = {"a job is put off without a fence": ("shaky",), "a job is buried without a fence": ("wrong",)}
BUGS: dict[str, Plant] = {
    "a batch is finished without a fence": batch_without_fence,
    "a job is put off without a fence": _unfenced(outbox, "retry"),
    "a job is buried without a fence": _unfenced(outbox, "bury"),
    "a job is given back without a fence": _unfenced(leases, "put"),
    "a handler commits something early without a fence": hold_nothing,
    "the end of a job is committed before what it did": acknowledge_first,
    "the end of a job is not committed with what it did": acknowledge_never,
    "a claim ignores the order of a key": ignore_order,
    "a claim ignores when a job is due": ignore_time,
    "jobs are taken back before their lease is over": ignore_leases,
    "lost jobs are not taken back": recover_nothing,
    "failures count and not claims": count_failures,
    "a job is claimed once too often": count_once_more,
    "a job is buried one claim too early": count_once_less,
    "a claim keeps the token of the one before": keep_token,
    "nobody lets in who waits": forget_who_waits,
    "a job that was lost twice runs beside others": let_others_suffer,
    "a heartbeat takes jobs of others": beat_for_others,
    "a heartbeat takes a lost job back": beat_for_nobody,
}
