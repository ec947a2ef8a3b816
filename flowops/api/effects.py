"""Side effects: proposed in a case, approved or declined by a person, shown with what they wait for."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response

from flowops.actions import effects as actions
from flowops.api import bodies, schemas
from flowops.api.deps import Answer, App, Write, requires, writes
from flowops.domain.access import Actor, Permission
from flowops.domain.effects import Status
from flowops.queries import effects, handoffs

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(tags=["effects"])
CanRead = Annotated[Actor, requires(Permission.CASES_READ, Permission.CASES_READ_OWN)]
CanPropose = Annotated[Write, writes(Permission.EFFECTS_PROPOSE)]
CanWork = Annotated[Write, writes(Permission.HANDOFFS_WORK)]
CanDecide = Annotated[Write, writes(Permission.EFFECTS_APPROVE)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("/handoffs/{ref}/effects", status_code=201, response_model=schemas.Effect)
def propose(ref: str, body: bodies.ProposeEffect, write: CanPropose, app: App) -> Response:
    """Propose a side effect for a case; policy rules on it at once and the answer says whose approval it waits for."""
    return _propose(app, write, ref, body.kind, body.params)


@router.post("/handoffs/{ref}/replies", status_code=201, response_model=schemas.Effect)
def reply(ref: str, body: bodies.Reply, write: CanWork, app: App) -> Response:
    """Propose a reply to the customer; a person approves exactly this text before it is sent.

    The owner's alone: a service proposes the effect `reply`.
    """
    return _propose(app, write, ref, "reply", body.model_dump(by_alias=True, exclude_none=True))


@router.get("/effects")
def search(
    caller: CanRead,
    app: App,
    status: Status | None = None,
    handoff_id: Annotated[str | None, Query(alias="handoffId")] = None,
    unknown: bool | None = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> schemas.Page[schemas.Effect]:
    """Effects the caller may see, newest first; `unknown` picks those of which nobody knows whether they were done."""
    with app.view(caller) as view:
        page = effects.search(view, status, handoff_id, cursor, limit, unknown=unknown)
    return schemas.Page.of(page, schemas.Effect.of)


@router.get("/handoffs/{ref}/effects")
def of_case(
    ref: str, caller: CanRead, app: App, cursor: str | None = None, limit: Limit = 50
) -> schemas.Page[schemas.Effect]:
    """The effects of a case, newest first."""
    with app.view(caller) as view:
        page = effects.search(view, handoff_id=handoffs.get(view, ref).handoff.id, cursor=cursor, limit=limit)
    return schemas.Page.of(page, schemas.Effect.of)


@router.get("/effects/{effect_id}")
def read(effect_id: str, caller: CanRead, app: App) -> schemas.Effect:
    """One effect with its verdict, its checks and the hash an approval must name."""
    with app.view(caller) as view:
        return schemas.Effect.of(effects.get(view, effect_id))


@router.post("/effects/{effect_id}/approve", response_model=schemas.Effect)
def approve(effect_id: str, body: bodies.Approve, write: CanDecide, app: App) -> Response:
    """Approve exactly the content whose hash is given; the records are asked and verified again first."""
    if replayed := write.replay():
        return replayed
    with app.view(write.caller) as view:
        asked = effects.asked(view, effect_id)
    records = app.fetch(asked)
    answer = actions.Answer(body.content_sha256, body.last_message_id)

    def work(unit: "Unit") -> Answer:
        actions.approve(unit, effect_id, answer, records, app.policy, app.settings, write.version)
        return _shown(unit, effect_id)

    return write.answer(work)


@router.post("/effects/{effect_id}/decline", response_model=schemas.Effect)
def decline(effect_id: str, body: bodies.Decline, write: CanDecide, app: App) -> Response:
    """Say no to an effect that waits for a decision."""

    def work(unit: "Unit") -> Answer:
        actions.decline(unit, effect_id, body.reason, app.settings, write.version)
        return _shown(unit, effect_id)

    return write.answer(work)


@router.post("/effects/{effect_id}/cancel", response_model=schemas.Effect)
def cancel(effect_id: str, write: CanPropose, app: App) -> Response:
    """Withdraw a proposal, or call an approved effect back while its undo window lasts."""

    def work(unit: "Unit") -> Answer:
        actions.cancel(unit, effect_id, app.settings, write.version)
        return _shown(unit, effect_id)

    return write.answer(work)


def _propose(app: App, write: Write, ref: str, kind: str, params: dict[str, Any]) -> Response:
    if replayed := write.replay():
        return replayed
    with app.view(write.caller) as view:
        asked = effects.proposal(handoffs.get(view, ref).handoff, kind, params)
    records = app.fetch(asked)

    def work(unit: "Unit") -> Answer:
        effect = actions.propose(unit, ref, asked, records, app.policy, app.settings, write.version)
        return _shown(unit, effect.id, status=201)

    return write.answer(work)


def _shown(unit: "Unit", effect_id: str, status: int = 200) -> Answer:
    unit.session.flush()
    return Answer(schemas.Effect.of(effects.get(unit.view, effect_id)), status=status)
