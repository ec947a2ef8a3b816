"""The switch that keeps every effect from starting: thrown and taken back by whoever may, seen by every reader."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Response

from flowops.actions import switch as actions
from flowops.api import bodies, schemas
from flowops.api.deps import Answer, App, Write, requires, writes
from flowops.domain.access import Actor, Permission
from flowops.queries import switch

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(prefix="/effects", tags=["effects"])
CanRead = Annotated[Actor, requires(Permission.CASES_READ)]
CanPause = Annotated[Write, writes(Permission.EFFECTS_PAUSE)]
UNSAID = bodies.PerhapsBecause()


@router.get("/pause")
def read(caller: CanRead, app: App) -> schemas.Pause:
    """Whether effects are paused, and who said so last."""
    with app.view(caller) as view:
        return schemas.Pause.of(switch.read(view))


@router.post("/pause", response_model=schemas.Pause)
def pause(body: bodies.Because, write: CanPause) -> Response:
    """Let no effect start from here on; what is paused already stays as it is, with its first reason."""
    write.refuse_version()

    def work(unit: "Unit") -> Answer:
        actions.pause(unit, body.reason)
        return _shown(unit)

    return write.answer(work)


@router.post("/resume", response_model=schemas.Pause)
def resume(write: CanPause, body: bodies.PerhapsBecause = UNSAID) -> Response:
    """Let effects start again; what is not paused stays as it is."""
    write.refuse_version()

    def work(unit: "Unit") -> Answer:
        actions.resume(unit, body.reason)
        return _shown(unit)

    return write.answer(work)


def _shown(unit: "Unit") -> Answer:
    unit.session.flush()
    return Answer(schemas.Pause.of(switch.read(unit.view)))
