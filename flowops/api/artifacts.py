"""What the assistant wrote, to be read and asked for; nothing here lets it act."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from flowops import errors
from flowops.actions import artifacts as actions
from flowops.api import bodies, schemas
from flowops.api.deps import PUBLIC, Answer, App, Write, requires, writes
from flowops.domain import artifacts as kinds
from flowops.domain.access import Actor, Permission
from flowops.queries import artifacts, handoffs

if TYPE_CHECKING:
    from flowops.storage.tables import Artifact
    from flowops.storage.unit import Unit, View

router = APIRouter(tags=["artifacts"])
CanRead = Annotated[Actor, requires(Permission.CASES_READ, Permission.CASES_READ_OWN)]
CanAsk = Annotated[Write, writes(Permission.HANDOFFS_WORK)]
Name = Literal["summary", "draft", "risk", "resolution"]


@router.post("/handoffs/{ref}/ai/{name}", status_code=202, response_model=schemas.Queued)
def ask(ref: str, name: Name, write: CanAsk, app: App) -> Response:
    """Ask the assistant to write something; while it is being written, the answer names the same job."""
    kind = kinds.NAMED[name]

    def work(unit: "Unit") -> Answer:
        job_id = actions.request(unit, ref, kind, lease=app.settings.claim_lease, version=write.version)
        return Answer(schemas.Queued(job_id=job_id, kind=kind, status="queued"), status=202)

    return write.answer(work)


@router.get("/handoffs/{ref}/ai/{name}")
def latest(ref: str, name: Name, caller: CanRead, app: App) -> schemas.Artifact:
    """The newest usable version."""
    with app.view(caller) as view:
        artifact = artifacts.latest(view, handoffs.get(view, ref).handoff, kinds.NAMED[name])
        return _shown(view, artifact)


@router.get("/handoffs/{ref}/artifacts")
def search(
    ref: str,
    caller: CanRead,
    app: App,
    kind: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> schemas.Page[schemas.Artifact]:
    """Every version of everything the assistant wrote for a case, newest first."""
    with app.view(caller) as view:
        page = artifacts.versions(view, handoffs.get(view, ref).handoff, kind, cursor, limit)
    return schemas.Page.of(page, schemas.Artifact.of)


@router.get("/artifacts/{artifact_id}")
def read(artifact_id: str, caller: CanRead, app: App) -> schemas.Artifact:
    """One version with its grounding, its provenance and the latest review."""
    with app.view(caller) as view:
        return _shown(view, artifacts.get(view, artifact_id))


@router.post("/artifacts/{artifact_id}/review", response_model=schemas.Artifact)
def review(artifact_id: str, body: bodies.Review, write: CanAsk, app: App) -> Response:
    """Say what one makes of an artifact; the artifact stays as it is, and the latest review counts."""

    def work(unit: "Unit") -> Answer:
        lease, version = app.settings.claim_lease, write.version
        actions.review(unit, artifact_id, body.verdict, body.reason, body.content, lease=lease, version=version)
        unit.session.flush()
        return Answer(_shown(unit.view, artifacts.get(unit.view, artifact_id)))

    return write.answer(work)


@router.get("/artifacts/{artifact_id}/context", response_model=dict[str, Any])
def read_context(artifact_id: str, caller: CanRead, app: App) -> Response:
    """The exact context the artifact was written from; reading it is recorded."""
    with app.unit(caller) as unit:
        text = actions.read_context(unit, artifact_id)
    return Response(text, media_type="application/json")


@router.get("/schemas/{kind}.json", dependencies=[PUBLIC], response_model=dict[str, Any])
def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that the content of an artifact of this kind satisfies."""
    if kind not in kinds.KINDS:
        raise errors.NotFound(kind="schema", id=kind)
    return kinds.schema(kind)


def _shown(view: "View", artifact: "Artifact") -> schemas.Artifact:
    (shown,) = artifacts.shown(view, [artifact])
    return schemas.Artifact.of(shown)
