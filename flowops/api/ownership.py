"""Who owns a case: claimed, given to somebody, handed back or up, and paused while its owner waits for an answer."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from flowops.actions import ownership
from flowops.api import bodies, handoffs, schemas
from flowops.api.deps import App, Write, writes
from flowops.domain.access import Permission

router = APIRouter(tags=["handoffs"])
CanWork = Annotated[Write, writes(Permission.HANDOFFS_WORK)]
CanSupervise = Annotated[Write, writes(Permission.HANDOFFS_SUPERVISE)]


@router.post("/handoffs/next", response_model=schemas.Handoff, responses={204: {"description": "There is none."}})
def take_next(write: CanWork, app: App, queue: Annotated[str | None, Query(max_length=200)] = None) -> Response:
    """Claim the most urgent case there is for the caller, of one queue or all of theirs; 204 when there is none."""
    write.refuse_version()
    return handoffs.answer(write, lambda unit: ownership.take_next(unit, lease=app.settings.claim_lease, queue=queue))


@router.post("/handoffs/{ref}/claim", response_model=schemas.Handoff)
def claim(ref: str, write: CanWork, app: App) -> Response:
    """Make a case one's own for a while; the owner's second claim extends the first."""
    lease = app.settings.claim_lease
    return handoffs.answer(write, lambda unit: ownership.claim(unit, ref, lease=lease, version=write.version))


@router.post("/handoffs/{ref}/release", response_model=schemas.Handoff)
def release(ref: str, write: CanWork) -> Response:
    """Give a case back to the queue."""
    return handoffs.answer(write, lambda unit: ownership.release(unit, ref, version=write.version))


@router.post("/handoffs/{ref}/assign", response_model=schemas.Handoff)
def assign(ref: str, body: bodies.Assign, write: CanSupervise) -> Response:
    """Give a case to somebody for eight hours, or take it over."""
    return handoffs.answer(
        write, lambda unit: ownership.assign(unit, ref, body.user_id, body.reason, version=write.version)
    )


@router.post("/handoffs/{ref}/wait", response_model=schemas.Handoff)
def wait(ref: str, body: bodies.Wait, write: CanWork, app: App) -> Response:
    """Pause the clock until somebody answers, at most until a time; no claim runs out meanwhile."""
    lease = app.settings.claim_lease
    return handoffs.answer(
        write,
        lambda unit: ownership.wait(unit, ref, body.waiting_for, body.until, lease=lease, version=write.version),
    )


@router.post("/handoffs/{ref}/resume", response_model=schemas.Handoff)
def resume(ref: str, write: CanWork, app: App) -> Response:
    """Wait no longer: the clock runs again."""
    lease = app.settings.claim_lease
    return handoffs.answer(write, lambda unit: ownership.resume(unit, ref, lease=lease, version=write.version))


@router.post("/handoffs/{ref}/escalate", response_model=schemas.Handoff)
def escalate(ref: str, body: bodies.Because, write: CanWork) -> Response:
    """Leave a case to supervisors: back to the queue, and more urgent."""
    return handoffs.answer(write, lambda unit: ownership.escalate(unit, ref, body.reason, version=write.version))
