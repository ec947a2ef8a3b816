"""What a person asks of the assistant, and what they make of its answers; it only writes."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flowops import errors
from flowops.actions import artifacts
from flowops.console import acting, forms
from flowops.console.session import Change, changes
from flowops.domain import artifacts as kinds
from flowops.domain.access import Permission
from flowops.domain.artifacts import Judgement

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(prefix="/case/{ref}", route_class=forms.Route)
Worker = Annotated[Change, changes(Permission.HANDOFFS_WORK)]


@router.post("/ai/{name}")
def ask(change: Worker, ref: str, name: str) -> Response:
    """Ask the assistant to write something, or to write it again."""
    if name not in kinds.NAMED:
        raise errors.NotFound(kind="artifact kind", id=name)
    lease = change.app.settings.claim_lease
    return acting.do(change, ref, lambda unit: artifacts.request(unit, ref, kinds.NAMED[name], lease=lease), at=name)


@router.post("/artifacts/{artifact_id}/review")
def review(
    change: Worker,
    ref: str,
    artifact_id: str,
    verdict: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Say whether what the assistant wrote was any good."""
    field = f"review-{artifact_id}"
    wrong = None if verdict in {Judgement.ACCEPTED, Judgement.REJECTED} else "Choose one."
    if verdict == Judgement.REJECTED:
        wrong = forms.unfit(reason, "Say what is wrong with it.")
    if wrong:
        return acting.missing(change, ref, {field: wrong}, {field: reason})
    lease = change.app.settings.claim_lease

    def work(unit: "Unit") -> None:
        artifacts.review(unit, artifact_id, Judgement(verdict), forms.lines(reason) or None, lease=lease)

    return acting.do(change, ref, work, {field: reason})
