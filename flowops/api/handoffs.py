"""The queue and its cases: read by who may see them, given a priority, resolved and taken up again by people."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Response

from flowops.actions import handoffs as actions
from flowops.api import bodies, schemas
from flowops.api.deps import Answer, App, Write, requires, writes
from flowops.domain.access import Actor, Permission
from flowops.queries import handoffs, sla

if TYPE_CHECKING:
    from flowops.storage.tables import Handoff
    from flowops.storage.unit import Unit

router = APIRouter(tags=["handoffs"])
CanRead = Annotated[Actor, requires(Permission.CASES_READ, Permission.CASES_READ_OWN)]
CanWork = Annotated[Write, writes(Permission.HANDOFFS_WORK)]
CanSupervise = Annotated[Write, writes(Permission.HANDOFFS_SUPERVISE)]
CanResolve = Annotated[Write, writes(Permission.HANDOFFS_RESOLVE)]
Filter = Annotated[str | None, Query(max_length=200)]


@router.get("/handoffs/{ref}")
def read(ref: str, caller: CanRead, app: App, response: Response) -> schemas.Handoff:
    """One case with its conversation; the ETag is its version."""
    with app.view(caller) as view:
        case = handoffs.get(view, ref)
    response.headers["ETag"] = f'"{case.handoff.version}"'
    return schemas.Handoff.of_case(case)


@router.get("/handoffs/{ref}/timeline")
def timeline(
    ref: str, caller: CanRead, app: App, cursor: Filter = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> schemas.Page[schemas.Entry]:
    """What happened to a case, oldest first."""
    with app.view(caller) as view:
        page = handoffs.timeline(view, ref, cursor=cursor, limit=limit)
    return schemas.Page.of(page, schemas.Entry.of)


@router.get("/handoffs/{ref}/sla")
def explain(ref: str, caller: CanRead, app: App) -> schemas.Explanation:
    """Why the deadline is what it is: both clocks, the time that counted or was paused, and every change."""
    with app.view(caller) as view:
        found = sla.explain(view, handoffs.get(view, ref).handoff)
    return schemas.Explanation.of(found, view.now)


@router.post("/handoffs/{ref}/resolve", response_model=schemas.Handoff)
def resolve(ref: str, body: bodies.Resolve, write: CanResolve) -> Response:
    """Finish a case; a duplicate names the other one."""
    return answer(
        write,
        lambda unit: actions.resolve(unit, ref, body.outcome, body.notes, body.duplicate_of, version=write.version),
    )


@router.post("/handoffs/{ref}/reopen", response_model=schemas.Handoff)
def reopen(ref: str, body: bodies.Because, write: CanWork) -> Response:
    """Take up a resolved case again."""
    return answer(write, lambda unit: actions.reopen(unit, ref, body.reason, version=write.version))


@router.post("/handoffs/{ref}/priority", response_model=schemas.Handoff)
def set_priority(ref: str, body: bodies.SetPriority, write: CanSupervise, app: App) -> Response:
    """Make a case more or less urgent; the deadline is computed anew from when its clock started."""
    lease, version = app.settings.claim_lease, write.version
    return answer(
        write,
        lambda unit: actions.set_priority(unit, ref, body.priority, body.reason, lease=lease, version=version),
    )


def answer(write: Write, act: "Callable[[Unit], Handoff | None]") -> Response:
    """Act on a case and answer with it as it is then; 204 when there was none."""

    def work(unit: "Unit") -> Answer:
        handoff = act(unit)
        if handoff is None:
            return Answer(None)
        case = handoffs.get(unit.view, handoff.id)
        return Answer(schemas.Handoff.of_case(case), version=case.handoff.version)

    return write.answer(work)
