"""What the assistant wrote, to be read and asked for; nothing here lets it act."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response

from flowops import errors
from flowops.actions import artifacts as actions
from flowops.api import schemas
from flowops.api.deps import PUBLIC, Answer, App, Write, requires, writes
from flowops.domain import artifacts as kinds
from flowops.domain.access import Actor, Permission
from flowops.queries import artifacts, handoffs

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(tags=["artifacts"])
CanRead = Annotated[Actor, requires(Permission.CASES_READ, Permission.CASES_READ_OWN)]
CanAsk = Annotated[Write, writes(Permission.HANDOFFS_WORK)]
SUMMARY = "handoff_summary.v1"


@router.post("/handoffs/{ref}/ai/summary", status_code=202, response_model=schemas.Queued)
def ask_for_summary(ref: str, write: CanAsk) -> Response:
    """Ask for a new summary; while one is being written, the answer names the same job."""

    def work(unit: "Unit") -> Answer:
        job_id = actions.request(unit, ref, SUMMARY, write.version)
        return Answer(schemas.Queued(job_id=job_id, kind=SUMMARY, status="queued"), status=202)

    return write.answer(work)


@router.get("/handoffs/{ref}/ai/summary")
def read_summary(ref: str, caller: CanRead, app: App) -> schemas.Artifact:
    """The newest usable summary."""
    with app.view(caller) as view:
        artifact = artifacts.latest(view, handoffs.get(view, ref).handoff, SUMMARY)
        return schemas.Artifact.of(artifact, stale=artifacts.is_stale(view, artifact))


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
    items = [schemas.Artifact.of(artifact, stale) for artifact, stale in page.items]
    return schemas.Page(items=items, next_cursor=page.next_cursor)


@router.get("/artifacts/{artifact_id}")
def read(artifact_id: str, caller: CanRead, app: App) -> schemas.Artifact:
    """One version with its grounding and provenance."""
    with app.view(caller) as view:
        artifact = artifacts.get(view, artifact_id)
        return schemas.Artifact.of(artifact, stale=artifacts.is_stale(view, artifact))


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
