"""How every form of a case is answered: what it asks for is done once, or the page says why it was not."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import Response

from flowops import errors
from flowops.console import answer, browse
from flowops.console.answer import Answer
from flowops.console.queue import Listing
from flowops.console.session import Change
from flowops.queries import handoffs

if TYPE_CHECKING:
    from flowops.storage.unit import Unit


def do(
    change: Change,
    ref: str,
    work: "Callable[[Unit], object]",
    typed: dict[str, str] | None = None,
    about: str = "",
    then: Answer | None = None,
    at: str = "",
) -> Response:
    """Run one action; when it refuses, say so above the case as it is now, with what was typed.

    `then` is what to say above the case when it was done; without it, the browser is led back, to the part of the page
    that `at` names.
    """

    def refused(error: errors.FlowOpsError, status: int) -> Response:
        with change.app.view(change.actor) as view:
            label, now = handoffs.get(view, ref).handoff.label, view.now
        said = answer.refusal(error, label, now, typed or {})
        if isinstance(error, errors.ContentChanged):
            said = answer.with_content(said, about, error)
        return again(change, ref, said, status)

    def done() -> Response:
        return again(change, ref, then or answer.NONE, 200)

    back = _back(change.request, ref) + (f"#{at}" if at else "")
    return change.lead(work, back, refused, done if then else None)


def refuse_other_case(change: Change, ref: str, case_id: str) -> None:
    """Raise Invalid for a text that was written in another case: nothing is worse than to send it to somebody else."""
    with change.app.view(change.actor) as view:
        if handoffs.get(view, ref).handoff.id != case_id:
            reason = "This text was written in another case. Nothing was kept or sent; go back and copy it there."
            raise errors.Invalid(reason=reason)


def missing(change: Change, ref: str, wrong: dict[str, str], typed: dict[str, str]) -> Response:
    """The case again, with what is wrong beside the fields and what was typed in them."""
    return again(change, ref, answer.missing(wrong, typed), 422)


def again(change: Change, ref: str, said: Answer, status: int) -> Response:
    """The case again, in the list it was sent from."""
    return browse.page(change.app, change, _listing(change.request), ref, said, status)


def _listing(request: Request) -> Listing | None:
    view = request.query_params.get("in")
    return Listing.read(view, request.query_params) if view else None


def _back(request: Request, ref: str) -> str:
    listing = _listing(request)
    return listing.url(ref) if listing else f"/console/case/{ref}"
