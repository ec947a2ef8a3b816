"""What a person does with a case: each form calls the action the API calls and leads back to where it was sent from."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from flowops import errors
from flowops.actions import artifacts, effects, handoffs
from flowops.console import answer, browse, forms, session
from flowops.console import case as cases
from flowops.console import errors as pages
from flowops.console.answer import Answer
from flowops.console.queue import Listing
from flowops.console.session import App, Visit, changes
from flowops.domain.access import Permission
from flowops.domain.handoffs import Outcome
from flowops.queries import effects as proposals
from flowops.queries import handoffs as known

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

LONGEST = 20_000  # characters of a note, a reply or a reason

router = APIRouter(prefix="/case/{ref}", route_class=forms.Route)
Worker = Annotated[Visit, changes(Permission.HANDOFFS_WORK)]
Resolver = Annotated[Visit, changes(Permission.HANDOFFS_RESOLVE)]
Proposer = Annotated[Visit, changes(Permission.EFFECTS_PROPOSE)]
Approver = Annotated[Visit, changes(Permission.EFFECTS_APPROVE, Permission.EFFECTS_APPROVE_ABOVE_LIMIT)]
Written = Annotated[str, Form()]


@router.post("/claim")
def claim(request: Request, app: App, visit: Worker, ref: str) -> Response:
    """Make the case mine."""
    lease = app.settings.claim_lease
    return _do(request, app, visit, ref, lambda unit: handoffs.claim(unit, ref, lease=lease))


@router.post("/release")
def release(request: Request, app: App, visit: Worker, ref: str) -> Response:
    """Give the case back."""
    return _do(request, app, visit, ref, lambda unit: handoffs.release(unit, ref))


@router.post("/resolve")
def resolve(
    request: Request,
    app: App,
    visit: Resolver,
    ref: str,
    outcome: Written = "",
    notes: Written = "",
    duplicate_of: Annotated[str, Form(alias="duplicateOf")] = "",
    version: Written = "",
) -> Response:
    """Finish the case."""
    typed = {"outcome": outcome, "notes": notes, "duplicate_of": duplicate_of.strip()}
    wrong = {} if outcome in set(Outcome) else {"outcome": "Choose an outcome."}
    if len(notes) > LONGEST:
        wrong["notes"] = _too_long(notes)
    if (outcome == Outcome.DUPLICATE) != bool(typed["duplicate_of"]):
        wrong["duplicate_of"] = "A duplicate, and nothing else, names the other case."
    if wrong:
        return _again(request, app, visit, ref, answer.missing(wrong, typed), 422)
    seen = int(version) if re.fullmatch("[0-9]{1,15}", version) else None

    def work(unit: "Unit") -> None:
        handoffs.resolve(unit, ref, Outcome(outcome), _lines(notes), typed["duplicate_of"] or None, version=seen)

    return _do(request, app, visit, ref, work, typed)


@router.post("/note")
def note(request: Request, app: App, visit: Worker, ref: str, text: Written = "") -> Response:
    """Write an internal note."""
    if wrong := _unfit(text, "Write something first."):
        return _again(request, app, visit, ref, answer.missing({"note": wrong}, {"note": text}), 422)
    lease = app.settings.claim_lease
    return _do(
        request, app, visit, ref, lambda unit: handoffs.note(unit, ref, _lines(text), lease=lease), {"note": text}
    )


@router.post("/reply")
def reply(request: Request, app: App, visit: Proposer, ref: str, body: Written = "") -> Response:
    """Propose an answer to the customer; it is sent once it is approved."""
    if wrong := _unfit(body, "Write something first."):
        return _again(request, app, visit, ref, answer.missing({"reply": wrong}, {"reply": body}), 422)
    with app.view(visit.actor) as view:
        handoff = known.get(view, ref).handoff
        asked = proposals.proposal(handoff, "reply", {"body": _lines(body)})
    records = app.fetch(asked)

    def work(unit: "Unit") -> None:
        effects.propose(unit, ref, asked, records, app.policy, app.settings)

    return _do(request, app, visit, ref, work, {"reply": body})


@router.post("/effects/{effect_id}/approve")
def approve(
    request: Request,
    app: App,
    visit: Approver,
    ref: str,
    effect_id: str,
    content_sha256: Annotated[str, Form(alias="contentSha256")] = "",
    last_message_id: Annotated[str, Form(alias="lastMessageId")] = "",
) -> Response:
    """Approve exactly what was shown, on records fetched now."""
    with app.view(visit.actor) as view:
        asked = proposals.asked(view, effect_id)
    records = app.fetch(asked)
    seen = effects.Answer(content_sha256, last_message_id or None)

    def work(unit: "Unit") -> None:
        effects.approve(unit, effect_id, seen, records, app.policy, app.settings)

    return _do(request, app, visit, ref, work, about=effect_id)


@router.post("/effects/{effect_id}/decline")
def decline(request: Request, app: App, visit: Approver, ref: str, effect_id: str, reason: Written = "") -> Response:
    """Say no to an effect, and why."""
    field = f"decline-{effect_id}"
    if wrong := _unfit(reason, "Say why."):
        return _again(request, app, visit, ref, answer.missing({field: wrong}, {field: reason}), 422)
    return _do(
        request,
        app,
        visit,
        ref,
        lambda unit: effects.decline(unit, effect_id, _lines(reason), app.settings),
        {field: reason},
    )


@router.post("/summary")
def summary(request: Request, app: App, visit: Worker, ref: str) -> Response:
    """Ask the assistant for a new summary."""
    return _do(request, app, visit, ref, lambda unit: artifacts.request(unit, ref, cases.SUMMARY))


def _do(
    request: Request,
    app: App,
    visit: Visit,
    ref: str,
    work: "Callable[[Unit], object]",
    typed: dict[str, str] | None = None,
    about: str = "",
) -> Response:
    """Run one action; when it refuses, say so above the case as it is now, with what was typed."""
    try:
        with app.unit(visit.actor) as unit:
            now = unit.now
            work(unit)
    except (errors.Conflict, errors.Denied, errors.Invalid, errors.NotFound, errors.Unavailable) as error:
        if isinstance(error, errors.Denied):
            session.record(request, app, error)
        with app.view(visit.actor) as view:
            label, now = known.get(view, ref).handoff.label, view.now
        said = answer.refusal(error, label, now, typed or {})
        if isinstance(error, errors.ContentChanged):
            said = answer.with_content(said, about, error)
        return _again(request, app, visit, ref, said, pages.status(error))
    return RedirectResponse(_back(request, ref), 303)


def _again(request: Request, app: App, visit: Visit, ref: str, said: Answer, status: int) -> Response:
    return browse.page(app, visit, _listing(request), ref, said, status)


def _listing(request: Request) -> Listing | None:
    view = request.query_params.get("in")
    return Listing.read(view, request.query_params) if view else None


def _back(request: Request, ref: str) -> str:
    listing = _listing(request)
    return listing.url(ref) if listing else f"/console/case/{ref}"


def _unfit(text: str, when_empty: str) -> str | None:
    if not text.strip():
        return when_empty
    return _too_long(text) if len(_lines(text)) > LONGEST else None


def _too_long(text: str) -> str:
    return f"{len(_lines(text)):,} characters are too many; {LONGEST:,} is the most."


def _lines(text: str) -> str:
    """The text with the line ends people mean; a form sends CRLF."""
    return text.replace("\r\n", "\n").strip()
