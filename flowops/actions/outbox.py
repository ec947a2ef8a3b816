"""How jobs end: finished, put off, buried, and the dead ones retried or discarded; it runs none of them.

Whoever claimed a job (`leases`) holds it by its number and claim token until the lease runs out. Everything they do to
it later names both, so a worker that stalled and lost its job changes nothing (`errors.Fenced`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, bindparam, delete, select

from flowops import errors, killpoints
from flowops.actions import execution, leases
from flowops.actions.leases import Claimed
from flowops.domain import events, jobs
from flowops.storage import tables
from flowops.storage.types import each, is_one_of
from flowops.storage.unit import Unit

_FINISHED_JOB = cast(Table, tables.FinishedJob.__table__).c
_HOLD = select(tables.Job.seq).where(leases.IS_HELD).with_for_update(of=tables.Job)
# Which of these were finished by the claim with this token?
_LEFT = select(_FINISHED_JOB.id).where(
    is_one_of(_FINISHED_JOB.id, "ids"), _FINISHED_JOB.claim_token == bindparam("token")
)
_FINISHED_TOPICS = each(_FINISHED_JOB.topic)
_IS_IT = tables.Job.seq == bindparam("it")
_FINISHED = (jobs.Status.DONE, jobs.Status.DISCARDED)
AT_ONCE = 1000  # dead jobs that are retried, or finished ones that are pruned, in one unit


def hold(unit: Unit, job: Claimed) -> None:
    """Make sure the job is still ours until this unit ends; raises Fenced when it is not."""
    if unit.execute(_HOLD, **leases.holding(job)).first() is None:
        raise errors.Fenced(id=job.id)


def finish(unit: Unit, job: Claimed, receipt: str | None = None) -> None:
    """The job is done and leaves the hot table, in the same transaction as what it did; raises Fenced."""
    if finish_all(unit, [(job, receipt)]):
        raise errors.Fenced(id=job.id)


def finish_all(unit: Unit, done: Iterable[tuple[Claimed, str | None]]) -> list[Claimed]:
    """These jobs are done, each with what the other side gave as a receipt; those that are no longer ours are given."""
    alike: defaultdict[tuple[int, str | None], list[Claimed]] = defaultdict(list)
    for job, receipt in done:
        alike[job.claim_token, receipt].append(job)
    fenced: list[Claimed] = []
    for (token, receipt), held in alike.items():
        if _leave(unit, leases.IS_HELD, leases.holding(*held), jobs.Status.DONE, receipt) < len(held):
            left = unit.execute(_LEFT, ids=[job.id for job in held], token=token).scalars().all()
            fenced += [job for job in held if job.id not in left]
            held = [job for job in held if job.id in left]
        leases.let_in(unit, [job.key for job in held])
    return fenced


def retry(unit: Unit, job: Claimed, error: str, run_at: datetime) -> None:
    """The job failed in a way that may pass, and waits until `run_at`; raises Fenced."""
    if not leases.put(unit, job, jobs.Status.PENDING, error=error, run_at=run_at):
        raise errors.Fenced(id=job.id)
    leases.note(unit, job, jobs.AttemptOutcome.RETRY, error)
    killpoints.reach("retry.uncommitted")


def bury(unit: Unit, job: Claimed, error: str) -> None:
    """The job failed for good: it is kept with its errors and frees its key; raises Fenced."""
    if not leases.put(unit, job, jobs.Status.DEAD, error=error):
        raise errors.Fenced(id=job.id)
    leases.note(unit, job, jobs.AttemptOutcome.DEAD, error)
    leases.let_in(unit, [job.key])
    killpoints.reach("bury.uncommitted")


def retry_dead(unit: Unit, job_id: str) -> None:
    """Give a dead job another round of tries, now; raises NotFound and NotDead."""
    _revive(unit, _dead(unit, job_id))


def retry_all_dead(unit: Unit, topic: str | None = None, error: str | None = None) -> int:
    """Give the dead jobs of this topic whose last error contains this text another round of tries, the oldest first.

    Gives how many: no more than AT_ONCE, for while it lasts nobody else can write to SQLite.
    """
    query: Select[tables.Job] = select(tables.Job).where(tables.Job.status == jobs.Status.DEAD)
    if topic is not None:
        query = query.where(tables.Job.topic == topic)
    if error is not None:
        query = query.where(tables.Job.error.contains(error, autoescape=True))
    found = unit.session.scalars(query.order_by(tables.Job.seq).limit(AT_ONCE).with_for_update(of=tables.Job)).all()
    for job in found:
        _revive(unit, job)
    return len(found)


def hurry(unit: Unit, job: tables.Job) -> bool:
    """Make a job due that waits for its time; the job is the caller's to lock.

    False, and nothing changed, when that would not hurry it: it runs, is dead or due already, or an earlier one of its
    key comes first. One that is to run alone still is.
    """
    row = tables.Job
    lives = row.status.in_([jobs.Status.PENDING, jobs.Status.PROCESSING])
    earlier = select(row.seq).where(row.key == job.key, row.seq < job.seq, lives).limit(1)
    if job.status is not jobs.Status.PENDING or job.run_at <= unit.now or unit.session.scalar(earlier):
        return False
    job.run_at = unit.now
    unit.enqueued.add(job.topic)
    return True


def discard(unit: Unit, job_id: str, reason: str) -> None:
    """Give a dead job up on purpose; it is kept among the finished ones. Raises NotFound and NotDead.

    An effect it was to carry out has failed with it.
    """
    job = _dead(unit, job_id)
    if job.topic == jobs.ExecuteEffect.topic and "effect_id" in job.payload:
        execution.abandon(unit, job.payload["effect_id"], reason)
    _leave(unit, _IS_IT, {"it": job.seq}, jobs.Status.DISCARDED)
    unit.record(events.JobDiscarded(job_id=job.id, topic=job.topic, reason=reason))


def prune(unit: Unit, before: datetime) -> int:
    """Forget jobs that were finished before then, with their tries; how many, and no more than AT_ONCE.

    Their numbers are kept, for totals may not fall. Those go too whose topic nobody knows any more.
    """
    unit.lock("prune")
    row, attempt = tables.FinishedJob, tables.JobAttempt
    topics = unit.execute(_FINISHED_TOPICS).scalars().all()
    old = row.topic.in_(topics), row.status.in_(_FINISHED), row.finished_at < before  # as the index has it
    found = unit.session.execute(select(row.id, row.topic, row.status).where(*old).limit(AT_ONCE)).all()
    tries = delete(attempt).where(attempt.job_id.in_([id for id, _, _ in found]))
    pruned = [tuple(ended) for ended in unit.session.execute(tries.returning(attempt.topic, attempt.outcome))]
    pruned += [(topic, jobs.AttemptOutcome.DONE) for _, topic, status in found if status is jobs.Status.DONE]
    for key, number in Counter(pruned).items():
        if total := unit.session.get(tables.PrunedAttempts, key):
            total.count += number
        else:
            unit.session.add(tables.PrunedAttempts(topic=key[0], outcome=key[1], count=number))
    unit.session.execute(delete(row).where(row.id.in_([id for id, _, _ in found])))
    return len(found)


def _leave(
    unit: Unit,
    which: ColumnElement[bool],
    given: Mapping[str, Any],
    status: jobs.Status,
    receipt: str | None = None,
) -> int:
    """Take jobs out of the hot table; how many were still there to take."""
    ended = {"status": status, "receipt": receipt, "finished_at": unit.now}
    return unit.move(tables.Job, tables.FinishedJob, which, given, **ended)


def _dead(unit: Unit, job_id: str) -> tables.Job:
    query = select(tables.Job).where(tables.Job.id == job_id).with_for_update(of=tables.Job)
    job = unit.session.scalar(query)
    found = job or unit.session.get(tables.FinishedJob, job_id)
    if found is None:
        raise errors.NotFound(kind="job", id=job_id)
    if job is None or job.status is not jobs.Status.DEAD:
        raise errors.NotDead(id=job_id, status=found.status)
    return job


def _revive(unit: Unit, job: tables.Job) -> None:
    job.status, job.waits, job.claims, job.run_at = jobs.Status.PENDING, None, 0, unit.now
    unit.record(events.JobRetried(job_id=job.id, topic=job.topic))
