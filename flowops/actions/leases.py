"""Gives jobs to workers, each for the length of a lease, and takes back what a lost worker held; it settles none.

Of the jobs of one key the earliest that lives is the only one that may run. The others are set apart when a claim comes
upon them, so that a heap of them is passed over once and not by every claim; whoever takes a job of their key away
lets the next of them in (`let_in`).

The statements are built once and run many times a second: building one takes longer than running it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from flowops import errors, killpoints
from flowops.domain import jobs
from flowops.storage import tables
from flowops.storage.types import each, is_earlier, is_found_by, is_one_of, place_of
from flowops.storage.unit import Unit, View

SET_APART = 1000  # jobs in one statement
ROUNDS = 10  # of setting jobs apart in one claim
LOST = "the worker was lost"
FORGET_WORKERS = timedelta(days=1)  # a process that was killed leaves its heartbeat behind
EVER = datetime(1, 1, 1, tzinfo=UTC)

_JOBS = cast(Table, tables.Job.__table__)
_JOB, _OTHER, _HEAD = _JOBS.c, _JOBS.alias("other").c, _JOBS.alias("head").c


def _word(value: StrEnum) -> ColumnElement[Any]:
    """Written into the statement and not bound to it, or the planner could not use the partial indexes."""
    return literal_column(f"'{value}'")


_PENDING, _PROCESSING = _word(jobs.Status.PENDING), _word(jobs.Status.PROCESSING)
_KEY, _ALONE = _word(jobs.Waits.KEY), _word(jobs.Waits.ALONE)
_PLACE = place_of(_JOB.seq).label("place")
_NOW = bindparam("now", type_=_JOB.run_at.type)


class Claimed(NamedTuple):
    """A job that a worker holds: what it needs to run it, and to say later which claim it speaks of.

    The payload is still JSON: one that cannot be read must spoil its own job and not the claim it came with.
    """

    seq: int
    id: str
    topic: str
    key: str
    payload: str
    claims: int
    claim_token: int
    worker: str
    started_at: datetime


_SHOWN = [type_coerce(_JOB[name], Text) if name == "payload" else _JOB[name] for name in Claimed._fields]

# Is this claim of these jobs still the one that counts? Whatever its holder does to them says so (`holding`). Exactly
# the jobs that are processing have a lease; named by their status, PostgreSQL might look for them by the index of all
# that ever were, which nobody can clean up during a long transaction.
IS_HELD = and_(is_one_of(_JOB.seq, "held"), _JOB.claim_token == bindparam("token"), _JOB.lease_until.is_not(None))


def holding(*claimed: Claimed) -> dict[str, Any]:
    """What `IS_HELD` asks for: jobs that were claimed equally often."""
    return {"held": [job.seq for job in claimed], "token": claimed[0].claim_token}


def topics_due(view: View, topics: Mapping[str, datetime], until: datetime | None = None) -> list[str]:
    """Of these topics those with a job to claim that became due since the time that is given for each, until now."""
    if not topics:
        return []
    since = {f"since_{number}": at for number, at in enumerate(topics.values())}
    return list(view.execute(_due_of(tuple(topics)), now=until or view.now, **since).scalars())


def topics(view: View) -> list[str]:
    """Every topic of which a job waits to be claimed, found by its index however many wait."""
    return list(view.execute(_TOPICS).scalars())


def claim(unit: Unit, worker: str, topic: str, limit: int, lease: timedelta, since: datetime = EVER) -> list[Claimed]:
    """Take the due jobs of a topic that have waited longest, for the length of a lease.

    What must wait for others of its key is set apart when nothing else is found. There may be more when it gives fewer
    than `limit`, and even when it gives none: behind a heap of one key, or behind what somebody locked in this moment.
    What became due before `since` is not looked at: during a long transaction of somebody else PostgreSQL must keep
    what was claimed meanwhile, and would go through all of it. A job waits for every earlier one of its key that is not
    dead, also for one that is not due yet. Raises Unavailable, and the unit is to be given up, when another worker took
    a job of the same key in the same moment.
    """
    for _ in range(ROUNDS):
        claimed = _take(unit, _TAKE, worker, lease, of=topic, since=since, limit=limit)
        if claimed or not unit.execute(_SET_APART, of=topic, now=unit.now, since=since, limit=SET_APART).all():
            return sorted(claimed)
    return []


def claim_alone(unit: Unit, worker: str, lease: timedelta, but: Collection[str] = ()) -> list[Claimed]:
    """Take the job that has waited longest of those that are to run with nothing beside them; raises Unavailable.

    None of the topics `but` that are named.
    """
    return _take(unit, _TAKE_ALONE, worker, lease, but=list(but))


def is_one_to_run_alone(view: View, but: Collection[str] = ()) -> bool:
    """Is there a due job that is to run with nothing beside it, of another topic than these?"""
    return view.execute(_DUE_ALONE, now=view.now, but=list(but)).first() is not None


def let_in(unit: Unit, keys: Iterable[str]) -> None:
    """The earliest of the jobs that wait for another of these keys may be claimed; said when one was taken away.

    It becomes due now, behind what is due already.
    """
    unit.execute(_LET_IN, keys=list(keys), now=unit.now)


def let_in_forgotten(unit: Unit) -> int:
    """Let in what waits for nothing, as after a process of a version that did not know of it; how many."""
    return len(unit.execute(_LET_IN_FORGOTTEN, now=unit.now).all())


def beat(unit: Unit, worker: str, held: Iterable[int], lease: timedelta) -> None:
    """The worker lives: the jobs it holds get a new lease, except those that somebody else has by now."""
    unit.execute(_RENEW, held=list(held), by=worker, until=unit.now + lease)
    if heartbeat := unit.session.get(tables.Heartbeat, worker):
        heartbeat.seen_at = unit.now
    else:
        unit.session.add(tables.Heartbeat(worker=worker, started_at=unit.now, seen_at=unit.now))


def leave(unit: Unit, worker: str) -> None:
    """The worker stopped on purpose and is not missed."""
    unit.session.execute(delete(tables.Heartbeat).where(tables.Heartbeat.worker == worker))


def give_back(unit: Unit, claimed: Iterable[Claimed], wait: timedelta = timedelta(0)) -> None:
    """These were claimed and not tried, so the claim does not count; they may be claimed again after so long.

    What somebody else has by now stays theirs.
    """
    for job in claimed:
        put(unit, job, jobs.Status.PENDING, claims=job.claims - 1, run_at=unit.now + wait)
        killpoints.reach("give_back.uncommitted")


def put(unit: Unit, job: Claimed, status: jobs.Status, **values: Any) -> bool:
    """End a claim by giving the job another status; False, and nothing changed, when it is no longer ours."""
    ended = {"status": status, "waits": None, "lease_until": None, "worker": None, "started_at": None} | values
    return (
        unit.execute(update(_JOBS).where(IS_HELD).values(ended).returning(_JOB.seq), **holding(job)).first() is not None
    )


def recover(unit: Unit) -> Sequence[Claimed]:
    """Take the jobs back whose lease ran out, and give those that may not be tried again, for burying.

    They queue behind what is due already. One that was lost twice running runs alone from now on: it may be the reason,
    and whatever runs beside it is lost with it. Jobs that somebody is settling in this moment are left alone.
    """
    spent: list[Claimed] = []
    for row in unit.execute(_EXPIRED, now=unit.now):
        job, error = Claimed._make(row[:-1]), row[-1]
        if jobs.schedule(job.topic).is_spent(job.claims):
            spent.append(job)
        else:
            waits = jobs.Waits.ALONE if error == LOST else None
            put(unit, job, jobs.Status.PENDING, waits=waits, run_at=unit.now, error=LOST)
            note(unit, job, jobs.AttemptOutcome.FENCED, LOST)
            killpoints.reach("recover.uncommitted")
    unit.session.execute(delete(tables.Heartbeat).where(tables.Heartbeat.seen_at < unit.now - FORGET_WORKERS))
    return spent


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


def _take(unit: Unit, taking: Any, worker: str, lease: timedelta, **due: Any) -> list[Claimed]:
    """Claim due jobs that nothing of their key blocks."""
    mine = {"by": worker, "until": unit.now + lease, "now": unit.now}
    try:
        rows = unit.execute(taking, **mine, **due).all()
    except IntegrityError as error:  # uq_jobs_running_key
        reason = "another worker took a job of the same key in this moment"
        raise errors.Unavailable(what="The outbox", reason=reason) from error
    return [Claimed._make((*row, worker, unit.now)) for row in rows]


def _is_free() -> ColumnElement[bool]:
    return and_(_JOB.status == _PENDING, _JOB.waits.is_(None))


def _due(topic: Any, since: str = "since") -> Select[Any]:
    """Due jobs of a topic, the one that has waited longest first; `since` names a parameter."""
    is_due = and_(_JOB.run_at <= _NOW, _JOB.run_at >= bindparam(since, type_=_JOB.run_at.type))
    due = select(_JOB.seq, _JOB.key, _PLACE).where(_is_free(), _JOB.topic == topic, is_due)
    return due.order_by(_JOB.run_at, _JOB.seq)


def _is_blocked(key: Any, seq: Any) -> ColumnElement[bool]:
    """Does a job of this key run, or come before this one?

    Asked for each job by an index of keys. As an EXISTS it would be planned as a join, and now and then as one that
    reads the whole table for each job.
    """
    running = select(_OTHER.seq).where(_OTHER.key == key, _OTHER.status == _PROCESSING).limit(1)
    return or_(running.scalar_subquery().is_not(None), _before(_OTHER.seq, key, seq).is_not(None))


def _before(what: ColumnElement[Any], key: Any, seq: Any) -> ScalarSelect[Any]:
    """What a job of this key has that lives and comes before this one; NULL when none does."""
    lives = _OTHER.status.in_([_PENDING, _PROCESSING])
    return select(what).where(is_earlier(_OTHER.key, _OTHER.seq, key, seq), lives).limit(1).scalar_subquery()


def _taking(due: Select[Any]) -> Any:
    found = due.with_for_update(skip_locked=True).cte("due")
    free = select(found.c.place).where(~_is_blocked(found.c.key, found.c.seq))
    values = {
        "status": jobs.Status.PROCESSING,
        "waits": None,
        "worker": bindparam("by"),
        "claims": _JOB.claims + 1,
        "claim_token": _JOB.claim_token + 1,
        "started_at": _NOW,
        "lease_until": bindparam("until", type_=_JOB.run_at.type),
    }
    return update(_JOBS).where(is_found_by(_PLACE, free)).values(values).returning(*_SHOWN[:-2])


def _setting_apart() -> Any:
    """On PostgreSQL both rows are locked, or the other might be taken away meanwhile, and nobody would let this one in.

    What is locked by somebody else is left for the next time.
    """
    head = _before(place_of(_OTHER.seq), _JOB.key, _JOB.seq)
    due = _due(bindparam("of")).add_columns(head.label("head")).where(head.is_not(None)).limit(bindparam("limit"))
    behind = due.with_for_update(skip_locked=True).cte("behind")
    others = select(place_of(_HEAD.seq).label("place")).where(
        is_found_by(place_of(_HEAD.seq), select(behind.c.head)), _HEAD.status.in_([_PENDING, _PROCESSING])
    )
    heads = others.with_for_update(skip_locked=True).cte("heads")
    waiting = select(behind.c.place).join(heads, heads.c.place == behind.c.head)
    return update(_JOBS).where(is_found_by(_PLACE, waiting)).values(waits=jobs.Waits.KEY).returning(_JOB.seq)


def _admitting(*which: ColumnElement[bool]) -> Any:
    due = case((_JOB.run_at < _NOW, _NOW), else_=_JOB.run_at)
    return update(_JOBS).where(_JOB.waits == _KEY, *which).values(waits=None, run_at=due).returning(_JOB.seq)


@cache
def _due_of(topics: tuple[str, ...]) -> CompoundSelect[Any]:
    dues = [_due(topic, f"since_{number}").order_by(None).exists() for number, topic in enumerate(topics)]
    named = [select(literal(topic, _JOB.topic.type)) for topic in topics]
    return union_all(*(topic.where(due) for topic, due in zip(named, dues, strict=True)))


_TOPICS = each(_JOB.topic, _is_free())
_TAKE = _taking(_due(bindparam("of")).limit(bindparam("limit")))
_IS_ALONE = and_(_JOB.status == _PENDING, _JOB.waits == _ALONE, _JOB.run_at <= _NOW)
_MAY_RUN = ~is_one_of(_JOB.topic, "but")
_DUE_ALONE = select(_JOB.seq, _JOB.key, _PLACE).where(_IS_ALONE, _MAY_RUN, ~_is_blocked(_JOB.key, _JOB.seq)).limit(1)
_TAKE_ALONE = _taking(_DUE_ALONE.order_by(_JOB.run_at, _JOB.seq))
_SET_APART = _setting_apart()
_FIRST = select(func.min(_JOB.seq)).where(_JOB.waits == _KEY).group_by(_JOB.key)
_SOME_WAIT = select(_OTHER.seq).where(_OTHER.waits == _KEY).exists()  # most often nobody does, and that is all
_LET_IN = _admitting(_SOME_WAIT, is_found_by(_JOB.seq, _FIRST.where(is_one_of(_JOB.key, "keys"))))
_LET_IN_FORGOTTEN = _admitting(is_found_by(_JOB.seq, _FIRST), ~_is_blocked(_JOB.key, _JOB.seq))
_RUNNING = and_(_JOB.status == _PROCESSING, _JOB.key >= "")  # as the index of the running ones has them
_EXPIRED = select(*_SHOWN, _JOB.error).where(_RUNNING, _JOB.lease_until < _NOW).with_for_update(skip_locked=True)
_RENEW = (
    update(_JOBS)
    .where(is_one_of(_JOB.seq, "held"), _JOB.worker == bindparam("by"), _JOB.lease_until.is_not(None))
    .values(lease_until=bindparam("until", type_=_JOB.run_at.type))
)
