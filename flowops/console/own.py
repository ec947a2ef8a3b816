"""Who owns a case and how it ends: each form calls the action the API calls and leads back to where it came from."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flowops.actions import handoffs, ownership
from flowops.console import acting, forms
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
def claim(change: Worker, ref: str) -> Response:
    """Make the case mine."""
    lease = change.app.settings.claim_lease
    return acting.do(change, ref, lambda unit: ownership.claim(unit, ref, lease=lease))


@router.post("/release")
def release(change: Worker, ref: str) -> Response:
    """Give the case back."""
    return acting.do(change, ref, lambda unit: ownership.release(unit, ref))


@router.post("/assign")
def assign(
    change: Supervisor, ref: str, user_id: Annotated[str, Form(alias="userId")] = "", reason: Written = ""
) -> Response:
    """Give the case to somebody, or take it over."""
    typed = {"assign": reason}
    if wrong := forms.too_long(reason) if len(reason) > forms.LONGEST else None:
        return acting.missing(change, ref, {"assign": wrong}, typed)
    return acting.do(change, ref, lambda unit: ownership.assign(unit, ref, user_id, forms.lines(reason) or None), typed)


@router.post("/wait")
def wait(
    change: Worker, ref: str, waiting_for: Annotated[str, Form(alias="for")] = "", hours: Written = ""
) -> Response:
    """Pause the clock until somebody answers, at most for some hours."""
    if waiting_for not in set(WaitingFor):
        return acting.missing(change, ref, {"wait": "Choose for whom."}, {"wait": ""})
    longest = timedelta(hours=int(hours)) if re.fullmatch("[1-9][0-9]{0,3}", hours) else None
    lease = change.app.settings.claim_lease

    def work(unit: "Unit") -> None:
        until = unit.now + longest if longest else None
        ownership.wait(unit, ref, WaitingFor(waiting_for), until, lease=lease)

    return acting.do(change, ref, work)


@router.post("/resume")
def resume(change: Worker, ref: str) -> Response:
    """Wait no longer."""
    lease = change.app.settings.claim_lease
    return acting.do(change, ref, lambda unit: ownership.resume(unit, ref, lease=lease))


@router.post("/priority")
def prioritise(change: Supervisor, ref: str, priority: Written = "", reason: Written = "") -> Response:
    """Make the case more or less urgent."""
    typed = {"priority": reason}
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
    version: Written = "",
) -> Response:
    """Finish the case."""
    typed = {"outcome": outcome, "notes": notes, "duplicate_of": duplicate_of.strip()}
    wrong = {} if outcome in set(Outcome) else {"outcome": "Choose an outcome."}
    if len(notes) > forms.LONGEST:
        wrong["notes"] = forms.too_long(notes)
    if (outcome == Outcome.DUPLICATE) != bool(typed["duplicate_of"]):
        wrong["duplicate_of"] = "A duplicate, and nothing else, names the other case."
    if wrong:
        return acting.missing(change, ref, wrong, typed)
    seen = int(version) if re.fullmatch("[0-9]{1,15}", version) else None

    def work(unit: "Unit") -> None:
        handoffs.resolve(unit, ref, Outcome(outcome), forms.lines(notes), typed["duplicate_of"] or None, version=seen)

    return acting.do(change, ref, work, typed)


@router.post("/reopen")
def reopen(change: Worker, ref: str, reason: Written = "") -> Response:
    """Take up a resolved case again."""
    typed = {"reopen": reason}
    if wrong := forms.unfit(reason, "Say why."):
        return acting.missing(change, ref, {"reopen": wrong}, typed)
    return acting.do(change, ref, lambda unit: handoffs.reopen(unit, ref, forms.lines(reason)), typed)
