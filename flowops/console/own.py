"""Who owns a case and how it ends: each form calls the action the API calls and leads back to where it came from."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from flowops.actions import handoffs, ownership
from flowops.console import acting, forms
from flowops.console.answer import Answer
from flowops.console.session import Change, changes
from flowops.domain.access import Permission
from flowops.domain.handoffs import Outcome, Priority, WaitingFor

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(prefix="/case/{ref}", route_class=forms.Route)
Worker = Annotated[Change, changes(Permission.HANDOFFS_WORK)]
Supervisor = Annotated[Change, changes(Permission.HANDOFFS_SUPERVISE)]
Resolver = Annotated[Change, changes(Permission.HANDOFFS_RESOLVE)]
Written = Annotated[str, Form()]


@router.post("/claim")
def claim(
    change: Worker,
    ref: str,
    typed: Annotated[dict[str, str], Depends(forms.carried)],
    case_id: Annotated[str, Form(alias="caseId")] = "",
) -> Response:
    """Make the case mine; what was typed under a claim that ended stands in its fields again."""
    if typed:
        acting.refuse_other_case(change, ref, case_id)
    lease = change.app.settings.claim_lease
    then = (
        Answer("The case is yours.", "It stands in its field again; nothing was saved or sent.", "ok", typed=typed)
        if typed
        else None
    )
    return acting.do(change, ref, lambda unit: ownership.claim(unit, ref, lease=lease), typed, then=then)


@router.post("/release")
def release(change: Worker, ref: str) -> Response:
    """Give the case back."""
    return acting.do(change, ref, lambda unit: ownership.release(unit, ref))


@router.post("/assign")
def assign(
    change: Supervisor, ref: str, user_id: Annotated[str, Form(alias="userId")] = "", reason: Written = ""
) -> Response:
    """Give the case to somebody, or take it over."""
    typed = {"assign": reason, "userId": user_id}
    if wrong := forms.too_long(reason) if len(reason) > forms.LONGEST else None:
        return acting.missing(change, ref, {"assign": wrong}, typed)
    return acting.do(change, ref, lambda unit: ownership.assign(unit, ref, user_id, forms.lines(reason) or None), typed)


@router.post("/wait")
def wait(
    change: Worker, ref: str, waiting_for: Annotated[str, Form(alias="for")] = "", hours: Written = ""
) -> Response:
    """Pause the clock until somebody answers, at most for some hours."""
    typed = {"for": waiting_for, "hours": hours}
    if waiting_for not in set(WaitingFor):
        return acting.missing(change, ref, {"wait": "Choose for whom."}, typed)
    longest = timedelta(hours=int(hours)) if re.fullmatch("[1-9][0-9]{0,3}", hours) else None
    lease = change.app.settings.claim_lease

    def work(unit: "Unit") -> None:
        until = unit.now + longest if longest else None
        ownership.wait(unit, ref, WaitingFor(waiting_for), until, lease=lease)

    return acting.do(change, ref, work, typed)


@router.post("/resume")
def resume(change: Worker, ref: str) -> Response:
    """Wait no longer."""
    lease = change.app.settings.claim_lease
    return acting.do(change, ref, lambda unit: ownership.resume(unit, ref, lease=lease))


@router.post("/priority")
def prioritise(change: Supervisor, ref: str, priority: Written = "", reason: Written = "") -> Response:
    """Make the case more or less urgent."""
    typed = {"priority": reason, "level": priority}
    wrong = forms.unfit(reason, "Say why.") if priority in set(Priority) else "Choose a priority."
    if wrong:
        return acting.missing(change, ref, {"priority": wrong}, typed)
    lease, why = change.app.settings.claim_lease, forms.lines(reason)
    return acting.do(
        change, ref, lambda unit: handoffs.set_priority(unit, ref, Priority(priority), why, lease=lease), typed
    )


@router.post("/escalate")
def escalate(change: Worker, ref: str, reason: Written = "") -> Response:
    """Ask for a supervisor."""
    typed = {"escalate": reason}
    if wrong := forms.unfit(reason, "Say why."):
        return acting.missing(change, ref, {"escalate": wrong}, typed)
    return acting.do(change, ref, lambda unit: ownership.escalate(unit, ref, forms.lines(reason)), typed)


@router.post("/resolve")
def resolve(
    change: Resolver,
    ref: str,
    outcome: Written = "",
    notes: Written = "",
    duplicate_of: Annotated[str, Form(alias="duplicateOf")] = "",
    last_message_id: Annotated[str, Form(alias="lastMessageId")] = "",
) -> Response:
    """Finish the case, every message of which was read."""
    typed = {"outcome": outcome, "notes": notes, "duplicate_of": duplicate_of.strip()}
    wrong = {} if outcome in set(Outcome) else {"outcome": "Choose an outcome."}
    if len(notes) > forms.LONGEST:
        wrong["notes"] = forms.too_long(notes)
    if (outcome == Outcome.DUPLICATE) != bool(typed["duplicate_of"]):
        wrong["duplicate_of"] = "A duplicate, and nothing else, names the other case."
    if wrong:
        return acting.missing(change, ref, wrong, typed)

    def work(unit: "Unit") -> None:
        original = typed["duplicate_of"] or None
        handoffs.resolve(unit, ref, Outcome(outcome), forms.lines(notes), original, last_message_id=last_message_id)

    return acting.do(change, ref, work, typed)


@router.post("/reopen")
def reopen(change: Worker, ref: str, reason: Written = "") -> Response:
    """Take up a resolved case again."""
    typed = {"reopen": reason}
    if wrong := forms.unfit(reason, "Say why."):
        return acting.missing(change, ref, {"reopen": wrong}, typed)
    return acting.do(change, ref, lambda unit: handoffs.reopen(unit, ref, forms.lines(reason)), typed)
