"""What a person decides about side effects: approved exactly as shown, declined, or called back in time."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flowops.actions import effects
from flowops.console import acting, forms
from flowops.console.session import Change, changes
from flowops.domain.access import Permission
from flowops.queries import effects as proposals

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(prefix="/case/{ref}/effects/{effect_id}", route_class=forms.Route)
Approver = Annotated[Change, changes(Permission.EFFECTS_APPROVE, Permission.EFFECTS_APPROVE_ABOVE_LIMIT)]
Proposer = Annotated[Change, changes(Permission.EFFECTS_PROPOSE)]
EFFECTS = "effects"  # the part of the page that shows what was decided, and how long it can be called back


@router.post("/approve")
def approve(
    change: Approver,
    ref: str,
    effect_id: str,
    content_sha256: Annotated[str, Form(alias="contentSha256")] = "",
    last_message_id: Annotated[str, Form(alias="lastMessageId")] = "",
) -> Response:
    """Approve exactly what was shown, on records fetched now."""
    with change.app.view(change.actor) as view:
        asked = proposals.asked(view, effect_id)
    records = change.app.fetch(asked)
    seen = effects.Answer(content_sha256, last_message_id)  # a page always says what it showed: "" is no message
    policy, settings = change.app.policy, change.app.settings

    def work(unit: "Unit") -> None:
        effects.approve(unit, effect_id, seen, records, policy, settings)

    return acting.do(change, ref, work, about=effect_id, at=EFFECTS)


@router.post("/decline")
def decline(change: Approver, ref: str, effect_id: str, reason: Annotated[str, Form()] = "") -> Response:
    """Say no to an effect, and why."""
    field = f"decline-{effect_id}"
    if wrong := forms.unfit(reason, "Say why."):
        return acting.missing(change, ref, {field: wrong}, {field: reason})

    def work(unit: "Unit") -> None:
        effects.decline(unit, effect_id, forms.lines(reason), change.app.settings)

    return acting.do(change, ref, work, {field: reason}, at=EFFECTS)


@router.post("/cancel")
def cancel(change: Proposer, ref: str, effect_id: str) -> Response:
    """Call an effect back before it leaves."""
    settings = change.app.settings
    return acting.do(change, ref, lambda unit: effects.cancel(unit, effect_id, settings), at=EFFECTS)
