"""The audit log: searched by who may, and exported, which is itself recorded."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from flowops.actions import audit as actions
from flowops.api import exports, schemas
from flowops.api.bodies import Moment
from flowops.api.deps import App, requires
from flowops.domain.access import Actor, Permission
from flowops.queries import audit, export

router = APIRouter(tags=["audit"])
CanRead = Annotated[Actor, requires(Permission.AUDIT_READ)]
Filter = Annotated[str | None, Query(max_length=200)]


@router.get("/audit")
def search(
    caller: CanRead,
    app: App,
    handoff: Filter = None,
    actor: Annotated[str | None, Query(max_length=200, description="somebody's id, or a kind of actor")] = None,
    event: Filter = None,
    after: Moment | None = None,
    before: Moment | None = None,
    cursor: Filter = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> schemas.Page[schemas.Entry]:
    """Entries of the log about what the caller may see, newest first."""
    with app.view(caller) as view:
        page = audit.search(
            view, handoff=handoff, actor=actor, event=event, after=after, before=before, cursor=cursor, limit=limit
        )
    return schemas.Page.of(page, schemas.Entry.of)


@router.get("/audit/export.{form}", response_class=StreamingResponse)
def take_out(
    form: exports.Format,
    caller: CanRead,
    app: App,
    customer: Annotated[str | None, Query(alias="customerId", max_length=200)] = None,
    handoff: Annotated[str | None, Query(alias="handoffId", max_length=200)] = None,
    after: Annotated[Moment | None, Query(alias="from")] = None,
    before: Annotated[Moment | None, Query(alias="to")] = None,
) -> Response:
    """Everything on record about a customer, a case or a span of time, as a stream; the export is itself recorded."""
    with app.unit(caller) as unit:
        subject = export.find(unit.view, customer, handoff, after, before)
        actions.exported(unit, form, subject.filters)

    def stream() -> Iterator[str]:
        with app.view(caller) as view:
            yield from exports.write(form, export.records(view, subject))

    headers = {"Content-Disposition": f'attachment; filename="flowops-export.{form}"'}
    return StreamingResponse(stream(), headers=headers, media_type=exports.MEDIA[form])
