"""The text of an export in each of its formats; the command line writes the same, and needs no web framework for it."""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pydantic.alias_generators import to_camel

from flowops.domain import sheets
from flowops.queries import export

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
