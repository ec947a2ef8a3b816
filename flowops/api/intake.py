"""Requests and cases as they come in: the facts are gathered first, then everything is decided and kept in one unit."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Response

from flowops.actions import intake
from flowops.api import bodies, schemas
from flowops.api.deps import Answer, App, Write, requires, writes
from flowops.domain.access import Actor, Permission
from flowops.queries import effects as requests
from flowops.queries import handoffs as cases

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(tags=["intake"])
CanCreate = Annotated[Write, writes(Permission.REQUESTS_CREATE)]
CanRead = Annotated[Actor, requires(Permission.CASES_READ, Permission.CASES_READ_OWN)]


@router.post(
    "/requests",
    status_code=201,
    response_model=schemas.Request,
    responses={200: {"model": schemas.Request, "description": "The first with this `externalId`."}},
)
def receive(body: bodies.IntakeRequest, write: CanCreate, app: App) -> Response:
    """Send a request: it is verified, decided and recorded, and what policy may not decide becomes a handoff.

    A repeated `externalId` answers 200 with the first request.
    """
    if replayed := write.replay():
        return replayed
    now = app.now()
    asked = body.asked(
        now,
        body.messages,
        mode=body.mode,
        subject=body.subject,
        confidence=body.confidence,
        escalate=body.escalate,
    )
    incoming = intake.Incoming(asked, body.queue, body.external_id, body.metadata)
    records = app.fetch(asked, now)

    def work(unit: "Unit") -> Answer:
        known = intake.find_repeat(unit, "requests", incoming)
        request = known or intake.receive(unit, incoming, records, app.policy, app.settings)
        unit.session.flush()
        shown = schemas.Request.of(requests.request(unit.view, request.id))
        return Answer(shown, status=200 if known else 201)

    return write.answer(work)


@router.get("/requests/{request_id}")
def read(request_id: str, caller: CanRead, app: App) -> schemas.Request:
    """A request as it came in, what was found and decided, and what became of it: the integrator's answer."""
    with app.view(caller) as view:
        return schemas.Request.of(requests.request(view, request_id))


@router.post(
    "/handoffs",
    status_code=201,
    response_model=schemas.Handoff,
    responses={200: {"model": schemas.Handoff, "description": "The first with this `externalId`."}},
)
def open_case(body: bodies.OpenHandoff, write: CanCreate, app: App) -> Response:
    """Open a case because a person must own it; what verification finds is added to its issues, nothing is refused.

    A repeated `externalId` answers 200 with the first case.
    """
    if replayed := write.replay():
        return replayed
    now = app.now()
    asked = body.asked(now, body.messages, subject=body.title, sla_due_at=body.sla_due_at)
    incoming = intake.Incoming(asked, body.queue, body.external_id, body.metadata)
    case = intake.Case(body.title, body.reason, body.priority, promise=body.promise)
    records = app.fetch(asked, now)

    def work(unit: "Unit") -> Answer:
        known = intake.find_repeat(unit, "handoffs", incoming)
        if known is None:
            handoff = intake.open_case(unit, incoming, case, records, app.policy, app.settings)
            shown = cases.opened(unit.view, handoff)
        else:
            shown = cases.get(unit.view, str(known.handoff_id))
        answer = schemas.Handoff.of_case(shown)
        return Answer(answer, status=200 if known else 201, version=shown.handoff.version)

    return write.answer(work)
