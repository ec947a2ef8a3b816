"""The outbox: every job and what became of it, and the decisions about dead ones."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Response

from flowops.actions import outbox as actions
from flowops.api import bodies, schemas
from flowops.api.deps import Answer, App, Write, requires, writes
from flowops.domain import events
from flowops.domain.access import Actor, Permission
from flowops.domain.jobs import Status
from flowops.queries import dead, outbox

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(prefix="/outbox", tags=["outbox"])
# Whoever answers for jobs sees all of them, or those of a queue nobody supervises would be lost; but of another queue's
# neither key nor payload.
CanRead = Annotated[Actor, requires(Permission.JOBS_MANAGE)]
CanDecide = Annotated[Write, writes(Permission.JOBS_MANAGE)]
Filter = Annotated[str | None, Query(max_length=200)]


@router.get("")
def search(
    caller: CanRead,
    app: App,
    status: Status | None = None,
    topic: Filter = None,
    cursor: Filter = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> schemas.Page[schemas.Job]:
    """Jobs, newest first, the finished ones too."""
    with app.view(caller) as view:
        found, next_cursor = outbox.search(view, status, topic, cursor, limit)
        foreign = outbox.foreign(view, found)
    items = [schemas.Job.of(job, is_foreign=job.id in foreign) for job in found]
    return schemas.Page(items=items, next_cursor=next_cursor)


@router.get("/{job_id}")
def read(job_id: str, caller: CanRead, app: App) -> schemas.JobHistory:
    """One job with its payload, secrets masked, and every attempt; that it was read is recorded."""
    with app.unit(caller) as unit:
        found = outbox.get(unit.view, job_id)
        unit.record(events.JobRead(job_id=job_id))
    return schemas.JobHistory.of_history(found)


@router.post("/retry", response_model=schemas.Retried)
def retry_all(body: bodies.RetryJobs, write: CanDecide) -> Response:
    """Give the dead jobs of this topic whose last error contains this text another round of tries, now.

    1,000 at most; `left` says how many another call would reach.
    """

    def work(unit: "Unit") -> Answer:
        count = actions.retry_all_dead(unit, body.topic, body.error)
        return Answer(schemas.Retried(count=count, left=dead.count(unit.view, body.topic, body.error)))

    return write.answer(work)


@router.post("/{job_id}/retry", response_model=schemas.Job)
def retry(job_id: str, write: CanDecide) -> Response:
    """Give a dead job another round of tries, now."""

    def work(unit: "Unit") -> Answer:
        actions.retry_dead(unit, job_id)
        return _shown(unit, job_id)

    return write.answer(work)


@router.post("/{job_id}/discard", response_model=schemas.Job)
def discard(job_id: str, body: bodies.Because, write: CanDecide) -> Response:
    """Give a dead job up on purpose; it is kept among the finished ones."""

    def work(unit: "Unit") -> Answer:
        actions.discard(unit, job_id, body.reason)
        return _shown(unit, job_id)

    return write.answer(work)


def _shown(unit: "Unit", job_id: str) -> Answer:
    found = outbox.get(unit.view, job_id)
    return Answer(schemas.Job.of(found.job, is_foreign=found.is_foreign))
