"""What a person does with a list: take the next case, or do one thing with many of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flowops import bulk, errors
from flowops.actions import ownership
from flowops.actions.bulk import Action
from flowops.console import answer, browse, forms
from flowops.console.answer import Answer
from flowops.console.queue import Listing
from flowops.console.session import Change, changes
from flowops.domain.access import Permission
from flowops.domain.handoffs import Outcome, Priority

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(prefix="/q/{view}", route_class=forms.Route)
Worker = Annotated[Change, changes(Permission.HANDOFFS_WORK)]
Written = Annotated[str, Form()]

DONE = {
    Action.CLAIM: "Claimed",
    Action.RELEASE: "Released",
    Action.ASSIGN: "Assigned",
    Action.PRIORITY: "Set the priority of",
    Action.ESCALATE: "Escalated",
    Action.RESOLVE: "Resolved",
}
NOBODY = Answer("Nobody is waiting.", "There is no case left that you may take.", tone="ok")


@dataclass(frozen=True)
class Failure:
    """A case that something was not done with, and why."""

    ref: str
    why: str


@dataclass(frozen=True)
class Results:
    """What became of the cases that were selected."""

    title: str
    failed: Sequence[Failure]


@router.post("/next")
def take_next(change: Worker, view: str) -> Response:
    """Claim the most urgent case there is, and open it."""
    listing = Listing.read(view, change.request.query_params)

    def work(unit: "Unit") -> str:
        case = ownership.take_next(unit, lease=change.app.settings.claim_lease)
        if case is None:
            raise errors.NotFound(kind="case to take", id="")
        return listing.url(case.label)

    def refused(error: errors.FlowOpsError, status: int) -> Response:
        if isinstance(error, errors.NotFound):
            return browse.page(change.app, change, listing, None, NOBODY)
        return browse.page(change.app, change, listing, None, answer.plain(error), status)

    return change.lead(work, None, refused)


@router.post("/bulk")
def act(
    change: Worker,
    view: str,
    action: Written = "",
    ids: Annotated[list[str], Form()] = [],  # noqa: B006 - the framework copies it
    user_id: Annotated[str, Form(alias="userId")] = "",
    priority: Written = "",
    outcome: Written = "",
    reason: Written = "",
) -> Response:
    """Do one thing with every selected case; each is a change of its own, so that one refusal stops no other."""
    listing = Listing.read(view, change.request.query_params)
    typed = {"userId": user_id, "level": priority, "outcome": outcome, "reason": reason.strip()}
    wrong = _wrong(action, ids, typed)
    if wrong:
        said = Answer(wrong, "Nothing was changed.", typed=typed)
        return browse.page(change.app, change, listing, None, said, 422, picked=frozenset(ids))
    wanted = Action(action)
    results = bulk.act(change.app, change.actor, wanted, ids, _params(wanted, typed), change.key)
    failed = [Failure(one.ref, _why(one.error)) for one in results if one.error]
    done = len(results) - len(failed)
    told = Results(f"{DONE[wanted]} {done} of {len(results)}.", failed)
    return browse.page(change.app, change, listing, None, results=told)


def _wrong(action: str, ids: Sequence[str], typed: Mapping[str, str]) -> str | None:
    """What is missing or too long, in a sentence."""
    if action not in DONE:
        return "There is no such action."
    if not 0 < len(ids) <= 200:
        return "Select between one and 200 cases first."
    if any(len(ref) > 200 for ref in ids):
        return "No case is called that."
    if len(forms.lines(typed["reason"])) > forms.LONGEST:
        return forms.too_long(typed["reason"])
    match Action(action):
        case Action.ASSIGN if not typed["userId"]:
            return "Choose a person."
        case Action.PRIORITY if typed["level"] not in set(Priority):
            return "Choose a priority."
        case Action.RESOLVE if typed["outcome"] not in set(Outcome) - {Outcome.DUPLICATE}:
            return "Choose an outcome."
        case Action.ESCALATE | Action.PRIORITY if not typed["reason"]:
            return "Give a reason."
    return None


def _params(action: Action, typed: Mapping[str, str]) -> dict[str, Any]:
    match action:
        case Action.ASSIGN:
            return {"user_id": typed["userId"], "reason": typed["reason"] or None}
        case Action.PRIORITY:
            return {"priority": Priority(typed["level"]), "reason": typed["reason"]}
        case Action.ESCALATE:
            return {"reason": typed["reason"]}
        case Action.RESOLVE:
            return {"outcome": Outcome(typed["outcome"]), "notes": typed["reason"]}
    return {}


def _why(error: errors.FlowOpsError) -> str:
    match error:
        case errors.AlreadyClaimed():
            return f"already {error.facts['name']}'s"
        case errors.AlreadyResolved():
            return f"already resolved by {error.facts['name']}"
    return str(error)
