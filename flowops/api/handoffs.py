"""The queue and its cases: read by who may see them, claimed, noted upon, released and resolved by people."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Response

from flowops.actions import handoffs as actions
from flowops.api import bodies, schemas
from flowops.api.deps import Answer, App, Write, requires, writes
from flowops.domain.access import Actor, Permission
from flowops.domain.handoffs import Priority, Reason, Status
from flowops.queries import handoffs

if TYPE_CHECKING:
    from flowops.storage.tables import Handoff
    from flowops.storage.unit import Unit

router = APIRouter(tags=["handoffs"])
CanRead = Annotated[Actor, requires(Permission.CASES_READ, Permission.CASES_READ_OWN)]
CanWork = Annotated[Write, writes(Permission.HANDOFFS_WORK)]
CanResolve = Annotated[Write, writes(Permission.HANDOFFS_RESOLVE)]
Filter = Annotated[str | None, Query(max_length=200)]


@router.get("/handoffs")
def search(
    caller: CanRead,
    app: App,
    status: Status | None = None,
    priority: Priority | None = None,
    reason: Reason | None = None,
    queue: Filter = None,
    channel: Filter = None,
    assignee: Annotated[str | None, Query(max_length=200, description="me, none, or somebody's id")] = None,
    customer: Filter = None,
    sort: handoffs.Sort = handoffs.Sort.DUE,
    cursor: Filter = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> schemas.Page[schemas.HandoffItem]:
    """The queue: a page of the cases the caller may see, the nearest deadline or the newest case first."""
    with app.view(caller) as view:
        page = handoffs.search(
            view,
            status=status,
            priority=priority,
            reason=reason,
            queue=queue,
            channel=channel,
            assignee=assignee,
            customer=customer,
            sort=sort,
            cursor=cursor,
            limit=limit,
        )
    return schemas.Page.of(page, lambda listed: schemas.HandoffItem.of(listed, view.now))


@router.get("/handoffs/{ref}")
def read(ref: str, caller: CanRead, app: App, response: Response) -> schemas.Handoff:
    """One case with its conversation; the ETag is its version."""
    with app.view(caller) as view:
        case = handoffs.get(view, ref)
    response.headers["ETag"] = f'"{case.handoff.version}"'
    return schemas.Handoff.of_case(case, view.now)


@router.get("/handoffs/{ref}/timeline")
def timeline(
    ref: str, caller: CanRead, app: App, cursor: Filter = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> schemas.Page[schemas.Entry]:
    """What happened to a case, oldest first."""
    with app.view(caller) as view:
        page = handoffs.timeline(view, ref, cursor=cursor, limit=limit)
    return schemas.Page.of(page, schemas.Entry.of)


@router.post("/handoffs/{ref}/claim", response_model=schemas.Handoff)
def claim(ref: str, write: CanWork, app: App) -> Response:
    """Make a case one's own for a while; the owner's second claim extends the first."""
    return _write(write, lambda unit: actions.claim(unit, ref, lease=app.settings.claim_lease, version=write.version))


@router.post("/handoffs/{ref}/release", response_model=schemas.Handoff)
def release(ref: str, write: CanWork) -> Response:
    """Give a case back to the queue."""
    return _write(write, lambda unit: actions.release(unit, ref, version=write.version))


@router.post("/handoffs/{ref}/notes", response_model=schemas.Handoff)
def note(ref: str, body: bodies.Note, write: CanWork, app: App) -> Response:
    """Write an internal note, which no customer sees."""
    lease = app.settings.claim_lease
    return _write(write, lambda unit: actions.note(unit, ref, body.text, lease=lease, version=write.version))


@router.post("/handoffs/{ref}/resolve", response_model=schemas.Handoff)
def resolve(ref: str, body: bodies.Resolve, write: CanResolve) -> Response:
    """Finish a case; a duplicate names the other one."""
    return _write(
        write,
        lambda unit: actions.resolve(unit, ref, body.outcome, body.notes, body.duplicate_of, version=write.version),
    )


def _write(write: Write, act: "Callable[[Unit], Handoff]") -> Response:
    def work(unit: "Unit") -> Answer:
        case = handoffs.get(unit.view, act(unit).id)
        return Answer(schemas.Handoff.of_case(case, unit.now), version=case.handoff.version)

    return write.answer(work)
