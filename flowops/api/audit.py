"""The audit log: searched by who may, and exported, which is itself recorded."""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic.alias_generators import to_camel

from flowops.actions import audit as actions
from flowops.api import schemas
from flowops.api.bodies import Moment
from flowops.api.deps import App, requires
from flowops.domain import sheets
from flowops.domain.access import Actor, Permission
from flowops.queries import audit, export

router = APIRouter(tags=["audit"])
CanRead = Annotated[Actor, requires(Permission.AUDIT_READ)]
Filter = Annotated[str | None, Query(max_length=200)]

# What a spreadsheet shows of a record; the rest of it is JSON in one more column.
COLUMNS = (
    "type",
    "id",
    "at",
    "event",
    "actorKind",
    "actorId",
    "actorName",
    "customerId",
    "requestId",
    "handoffId",
    "effectId",
    "correlationId",
)


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"


MEDIA = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv; charset=utf-8",
    Format.NDJSON: "application/x-ndjson",
}


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
    form: Format,
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
            yield from write(form, export.records(view, subject))

    headers = {"Content-Disposition": f'attachment; filename="flowops-export.{form}"'}
    return StreamingResponse(stream(), headers=headers, media_type=MEDIA[form])


def write(form: Format, records: Iterator[export.Record]) -> Iterator[str]:
    """The text of an export, piece by piece, with the names that clients know."""
    return WRITERS[form](_camel(record) for record in records)


def _camel(record: export.Record) -> dict[str, Any]:
    return {to_camel(name): value for name, value in record.items()}


def _json(records: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield '{"records":['
    for number, record in enumerate(records):
        yield (",\n" if number else "\n") + json.dumps(record, ensure_ascii=False)
    yield "\n]}\n"


def _ndjson(records: Iterator[dict[str, Any]]) -> Iterator[str]:
    for record in records:
        yield json.dumps(record, ensure_ascii=False) + "\n"


def _csv(records: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield sheets.row([*COLUMNS, "rest"])
    for record in records:
        record.setdefault("at", record.get("createdAt"))
        rest = {name: value for name, value in record.items() if name not in COLUMNS}
        cells = [str(record.get(name) or "") for name in COLUMNS]
        yield sheets.row([*cells, json.dumps(rest, ensure_ascii=False)])


WRITERS = {Format.JSON: _json, Format.CSV: _csv, Format.NDJSON: _ndjson}
