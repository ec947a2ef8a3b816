"""Gives jobs to workers, each for the length of a lease, and takes back what a lost worker held; it settles none.

Of the jobs of one key the earliest that lives is the only one that may run. The others are set apart when a claim comes
upon them, so that a heap of them is passed over once and not by every claim; whoever takes a job of their key away
lets the next of them in (`let_in`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy import literal as value
from sqlalchemy.exc import IntegrityError

from flowops import killpoints
from flowops.domain import jobs
from flowops.storage import tables
from flowops.storage.types import is_one_of
from flowops.storage.unit import Unit, View

SET_APART = 1000  # jobs in one statement
ROUNDS = 10  # of setting jobs apart in one claim
LOST = "the worker was lost"
FORGET_WORKERS = timedelta(days=1)  # a process that was killed leaves its heartbeat behind

_JOBS = cast(Table, tables.Job.__table__)
_JOB, _OTHER = _JOBS.c, _JOBS.alias("other").c
_STATUS, _WAITS = tables.Job.status.type, tables.Job.waits.type


def _word(name: str, value: Any, type_: Any) -> ColumnElement[Any]:
    """Written into the statement and not bound to it, or the planner could not use the partial indexes."""
    return bindparam(name, value, type_, literal_execute=True)


PENDING = _word("pending", jobs.Status.PENDING, _STATUS)
PROCESSING = _word("processing", jobs.Status.PROCESSING, _STATUS)
_KEY = _word("by_key", jobs.Waits.KEY, _WAITS)
_ALONE = _word("alone", jobs.Waits.ALONE, _WAITS)


class Claimed(NamedTuple):
    """A job that a worker holds: what it needs to run it, and to say later which claim it speaks of."""

    seq: int
    id: str
    topic: str
    key: str
    payload: dict[str, Any]
    claims: int
    claim_token: int
    worker: str
    started_at: datetime


_SHOWN = [_JOB[name] for name in Claimed._fields]


def is_held(claim_token: int, *seqs: int) -> ColumnElement[bool]:
    """Is this claim of the job still the one that counts? Whatever its holder does to the job says so."""
    return and_(is_one_of(_JOB.seq, seqs), _JOB.claim_token == claim_token, _JOB.status == PROCESSING)


def topics_due(view: View, since: Mapping[str, datetime | None]) -> list[str]:
    """Of these topics those with a job to claim, due `since` then at the earliest (None: since ever)."""
    asked = [
        select(value(topic, String())).where(select(_JOB.seq).where(*_due(view.now, topic, at)).exists())
        for topic, at in since.items()
    ]
    return list(view.session.scalars(union_all(*asked))) if asked else []


def topics(view: View) -> list[str]:
    """Every topic of which a job waits to be claimed, found by its index however many wait."""
    first = select(func.min(_JOB.topic).label("topic")).where(_is_free()).cte("topics", recursive=True)
    after = (
        select(func.min(_JOB.topic)).where(_is_free(), _JOB.topic > first.c.topic).correlate(first).scalar_subquery()
    )
    found = first.union_all(select(after).select_from(first).where(first.c.topic.is_not(None)))
    return list(view.session.scalars(select(found.c.topic).where(found.c.topic.is_not(None))))


def claim(
    unit: Unit, worker: str, topic: str, limit: int, lease: timedelta, since: datetime | None = None
) -> list[Claimed]:
    """Take the due jobs of a topic that have waited longest, for the length of a lease.

    With `since` it does not look at what became due before: in a long transaction of somebody else PostgreSQL must keep
    what was claimed meanwhile, and would go through all of it. A job waits for every earlier one of its key that is not
    dead, also for one that is not due yet. When another worker took a job of the same key in the same moment, nothing
    is claimed: the next call sees what it took.
    """
    due = select(_JOB.seq, _JOB.key).where(*_due(unit.now, topic, since)).order_by(_JOB.run_at, _JOB.seq)
    claimed: list[Claimed] = []
    try:
        with unit.savepoint():
            for _ in range(ROUNDS):
                claimed += _take(unit, due.limit(limit - len(claimed)), worker, lease)
                if len(claimed) == limit or not _set_apart(unit, topic):
                    break
    except IntegrityError:  # uq_jobs_running_key
        return []
    return sorted(claimed)


def claim_alone(unit: Unit, worker: str, lease: timedelta) -> list[Claimed]:
    """Take the one job that has waited longest of those that are to run with nothing beside them."""
    due = select(_JOB.seq, _JOB.key).where(_JOB.status == PENDING, _JOB.waits == _ALONE, _JOB.run_at <= unit.now)
    try:
        with unit.savepoint():
            return _take(unit, due.order_by(_JOB.run_at, _JOB.seq).limit(1), worker, lease)
    except IntegrityError:
        return []


def is_one_to_run_alone(view: View) -> bool:
    """Is there a due job that is to run with nothing beside it?"""
    due = _JOB.status == PENDING, _JOB.waits == _ALONE, _JOB.run_at <= view.now
    return bool(view.session.scalar(select(select(_JOB.seq).where(*due).exists())))


def let_in(unit: Unit, keys: Iterable[str]) -> None:
    """The earliest of the jobs that wait for another of these keys may be claimed; said when one was taken away.

    It becomes due now, behind what is due already.
    """
    some_wait = select(_OTHER.seq).where(_OTHER.waits == _KEY).exists()  # most often nobody does, and that is all
    first = select(func.min(_JOB.seq)).where(_JOB.waits == _KEY, is_one_of(_JOB.key, keys)).group_by(_JOB.key)
    unit.session.execute(_admit(unit, some_wait, _JOB.seq.in_(first)))


def beat(unit: Unit, worker: str, held: Iterable[int], lease: timedelta) -> None:
    """The worker lives: the jobs it holds get a new lease, except those that somebody else has by now."""
    ours = update(tables.Job).where(is_one_of(_JOB.seq, held), _JOB.worker == worker, _JOB.status == PROCESSING)
    unit.session.execute(ours.values(lease_until=unit.now + lease), execution_options={"synchronize_session": False})
    if heartbeat := unit.session.get(tables.Heartbeat, worker):
        heartbeat.seen_at = unit.now
    else:
        unit.session.add(tables.Heartbeat(worker=worker, started_at=unit.now, seen_at=unit.now))


def leave(unit: Unit, worker: str) -> None:
    """The worker stopped on purpose and is not missed."""
    unit.session.execute(delete(tables.Heartbeat).where(tables.Heartbeat.worker == worker))


def give_back(unit: Unit, claimed: Iterable[Claimed]) -> None:
    """These were claimed and never started, so the claim does not count; what somebody else has by now stays theirs."""
    for job in claimed:
        put(unit, job, jobs.Status.PENDING, claims=job.claims - 1, run_at=unit.now)
        killpoints.reach("give_back.uncommitted")


def put(unit: Unit, job: Claimed, status: jobs.Status, **values: Any) -> bool:
    """End a claim by giving the job another status; False, and nothing changed, when it is no longer ours."""
    ours = update(_JOBS).where(is_held(job.claim_token, job.seq)).returning(_JOB.seq)
    ended = {"status": status, "waits": None, "lease_until": None, "worker": None, "started_at": None}
    return unit.session.scalar(ours.values(ended | values)) is not None


def recover(unit: Unit) -> Sequence[Claimed]:
    """Take the jobs back whose lease ran out, and give those that may not be tried again, for burying.

    They queue behind what is due already. One that was lost before runs alone from now on: it may be the reason, and
    whatever runs beside it is lost with it. Jobs that somebody is settling in this moment are left alone.
    """
    running = _JOB.status == PROCESSING, _JOB.key >= ""  # as the index of the running ones has them
    expired = select(*_SHOWN).where(*running, _JOB.lease_until < unit.now).with_for_update(skip_locked=True)
    found = [Claimed(*row) for row in unit.session.execute(expired)]
    spent = [job for job in found if jobs.schedule(job.topic).is_spent(job.claims)]
    for job in found:
        if job not in spent:
            waits = jobs.Waits.ALONE if job.claims > 1 else None
            put(unit, job, jobs.Status.PENDING, waits=waits, run_at=unit.now, error=LOST)
            note(unit, job, jobs.AttemptOutcome.FENCED, LOST)
            killpoints.reach("recover.uncommitted")
    unit.session.execute(delete(tables.Heartbeat).where(tables.Heartbeat.seen_at < unit.now - FORGET_WORKERS))
    return spent


def let_in_forgotten(unit: Unit) -> int:
    """Let in what waits for nothing, as after a process of a version that did not know of it; how many."""
    first = select(func.min(_JOB.seq)).where(_JOB.waits == _KEY).group_by(_JOB.key)
    return len(unit.session.scalars(_admit(unit, _JOB.seq.in_(first), ~_is_blocked(_JOB.key, _JOB.seq))).all())


def note(unit: Unit, job: Claimed, outcome: jobs.AttemptOutcome, error: str) -> None:
    """Keep how a try ended that did not do the job."""
    unit.append(
        tables.JobAttempt,
        job_id=job.id,
        claim_token=job.claim_token,
        topic=job.topic,
        worker=job.worker,
        started_at=job.started_at,
        finished_at=unit.now,
        outcome=outcome,
        error=error,
    )


def _is_free() -> ColumnElement[bool]:
    return and_(_JOB.status == PENDING, _JOB.waits.is_(None))


def _due(now: datetime, topic: str, since: datetime | None) -> tuple[ColumnElement[bool], ...]:
    due = _is_free(), _JOB.topic == topic, _JOB.run_at <= now
    return due if since is None else (*due, _JOB.run_at >= since)


def _is_blocked(key: Any, seq: Any) -> ColumnElement[bool]:
    """Does a job of this key run, or come before this one?"""
    before = and_(_OTHER.status == PENDING, _OTHER.seq < seq)
    return select(_OTHER.seq).where(_OTHER.key == key, or_(before, _OTHER.status == PROCESSING)).exists()


def _take(unit: Unit, due: Select[Any], worker: str, lease: timedelta) -> list[Claimed]:
    """Claim those of the due jobs that nothing of their key blocks."""
    found = due.with_for_update(skip_locked=True).cte("due")
    free = select(found.c.seq).where(~_is_blocked(found.c.key, found.c.seq))
    values = {
        "status": jobs.Status.PROCESSING,
        "waits": None,
        "worker": worker,
        "claims": _JOB.claims + 1,
        "claim_token": _JOB.claim_token + 1,
        "started_at": unit.now,
        "lease_until": unit.now + lease,
    }
    claiming = update(_JOBS).where(_JOB.seq.in_(free)).values(values).returning(*_SHOWN[:-2])
    return [Claimed._make((*row, worker, unit.now)) for row in unit.session.execute(claiming).all()]


def _set_apart(unit: Unit, topic: str) -> int:
    """Have due jobs that wait for another of their key passed over from now on; how many.

    On PostgreSQL both rows are locked, or the other might be taken away meanwhile, and nobody would let this one in.
    What is locked by somebody else is left for the next time.
    """
    alive = _OTHER.status.in_([PENDING, PROCESSING])
    head = _JOBS.alias("head").c
    earliest = select(func.min(head.seq)).where(head.key == _JOB.key, head.status.in_([PENDING, PROCESSING]))
    pairs = (
        select(_JOB.seq)
        .join_from(_JOBS, _OTHER.seq.table, _OTHER.seq == earliest.correlate(_JOBS).scalar_subquery())
        .where(*_due(unit.now, topic, None), alive, _OTHER.seq < _JOB.seq)
        .order_by(_JOB.run_at, _JOB.seq)
        .limit(SET_APART)
        .with_for_update(skip_locked=True)
        .cte("pairs")
    )
    waiting = update(_JOBS).where(_JOB.seq.in_(select(pairs.c.seq))).values(waits=jobs.Waits.KEY)
    return len(unit.session.scalars(waiting.returning(_JOB.seq)).all())


def _admit(unit: Unit, *which: ColumnElement[bool]) -> Any:
    now = value(unit.now, _JOB.run_at.type)  # a plain time would be kept in another form, which sorts elsewhere
    due = case((_JOB.run_at < now, now), else_=_JOB.run_at)
    return update(_JOBS).where(_JOB.waits == _KEY, *which).values(waits=None, run_at=due).returning(_JOB.seq)
