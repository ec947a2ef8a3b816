"""Every version of what the assistant wrote for a case, and what it was shown for it; only to be read."""

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response

from flowops import app as application
from flowops import errors
from flowops.actions import artifacts as actions
from flowops.console import answer, rail, render, wording
from flowops.console.session import App, Visit, requires
from flowops.domain import artifacts as kinds
from flowops.domain.access import Permission
from flowops.queries import artifacts, handoffs

if TYPE_CHECKING:
    from flowops.storage import tables
    from flowops.storage.unit import View

router = APIRouter(prefix="/case/{ref}/artifacts")
Reader = Annotated[Visit, requires(Permission.CASES_READ)]
KINDS = {name: wording.sentence(kind) for name, kind in kinds.NAMED.items()}


@router.get("")
def show(app: App, visit: Reader, ref: str, kind: str = "", cursor: str = "") -> Response:
    """The versions of one kind or of all, the newest first, the unusable too."""
    if kind and kind not in KINDS:
        raise errors.NotFound(kind="artifact kind", id=kind)
    with app.view(visit.actor) as view:
        handoff = handoffs.get(view, ref).handoff
        return render.html(
            "versions/list.html",
            answer=answer.NONE,
            handoff=handoff,
            kinds=KINDS,
            kind=kind,
            page=artifacts.versions(view, handoff, kinds.NAMED.get(kind), cursor or None),
            cursor=cursor,
            **rail.read(view, visit, app.settings, None),
        )


@router.get("/{artifact_id}")
def show_one(app: App, visit: Reader, ref: str, artifact_id: str) -> Response:
    """One version as it was written, with what was found in its context and how it was made."""
    return _page("versions/version.html", app, visit, ref, artifact_id)


@router.get("/{artifact_id}/context")
def show_context(app: App, visit: Reader, ref: str, artifact_id: str) -> Response:
    """The exact context a version was written from, as text; that it was read is recorded."""
    with app.view(visit.actor) as view:
        _find(view, ref, artifact_id)
    with app.unit(visit.actor) as unit:
        text = actions.read_context(unit, artifact_id)
    return _page("versions/context.html", app, visit, ref, artifact_id, context=json.loads(text))


def _page(template: str, app: application.App, visit: Visit, ref: str, artifact_id: str, **more: Any) -> Response:
    with app.view(visit.actor) as view:
        handoff, shown = _find(view, ref, artifact_id)
        return render.html(
            template,
            answer=answer.NONE,
            handoff=handoff,
            shown=shown,
            **more,
            **rail.read(view, visit, app.settings, None),
        )


def _find(view: "View", ref: str, artifact_id: str) -> "tuple[tables.Handoff, artifacts.Shown]":
    """The case and its artifact; NotFound for one of another case."""
    handoff, artifact = handoffs.get(view, ref).handoff, artifacts.get(view, artifact_id)
    if artifact.handoff_id != handoff.id:
        raise errors.NotFound(kind="artifact", id=artifact_id)
    (shown,) = artifacts.shown(view, [artifact])
    return handoff, shown
