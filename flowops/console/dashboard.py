"""The dashboard: figures beside what they were before, charts, and the numbers of each as a table and as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flowops import errors
from flowops.console import rail, render, tiles, wording
from flowops.console.session import App, Visit, requires
from flowops.domain import sheets, times
from flowops.domain.access import Permission
from flowops.queries import dashboard, figures, spans
from flowops.queries.dashboard import Dashboard
from flowops.queries.spans import Range

if TYPE_CHECKING:
    from flowops.storage.unit import View

SHOWN = 200  # cases behind a figure

router = APIRouter()
Reader = Annotated[Visit, requires(Permission.METRICS_READ)]

_AGES = ("under 15 min", "15–60 min", "1–4 h", "4–24 h", "over 24 h")
_OUTCOMES = {
    "policy": "Approved by policy",
    "people": "Approved by people",
    "denied": "Denied by policy",
    "declined": "Declined by people",
    "withdrawn": "Cancelled or expired",
    "undecided": "Not decided yet",
}
_DRAFTS = {"accepted": "Draft sent unchanged", "edited": "Draft edited", "rejected": "Draft rejected"}


@dataclass(frozen=True)
class Asked:
    """What the address of the dashboard asks for; it travels along to everything the dashboard links to."""

    range: Range = Range.DAY
    queue: str | None = None

    @staticmethod
    def read(query: Mapping[str, str]) -> "Asked":
        """What an address asks for; Invalid for a range there is none of."""
        wanted = query.get("range") or Range.DAY
        if wanted not in set(Range):
            raise errors.Invalid(reason=f"There is no range {wanted!r}; there are {', '.join(Range)}.")
        return Asked(Range(wanted), query.get("queue") or None)

    def url(self, page: str = "", **other: str) -> str:
        """The address of a page of the dashboard with the same range and queue, unless it is given others."""
        given = {"range": self.range, "queue": self.queue} | other
        return f"/console/dash{page}?{urlencode({name: value for name, value in given.items() if value})}"


@dataclass(frozen=True)
class Table:
    """Numbers as rows; each column has a title and a kind: case, text, number, time or length (of time)."""

    key: str
    title: str
    columns: dict[str, str]
    rows: Sequence[tuple[Any, ...]]


@router.get("/dash")
def show(request: Request, app: App, visit: Reader) -> Response:
    """How the work goes."""
    asked = Asked.read(request.query_params)
    told = app.changes.now(app.view).position  # before anything is counted
    with app.view(visit.actor) as view:
        found = dashboard.read(view, spans.last(view, asked.range, asked.queue))
        frame = rail.read(view, visit, app.settings, "dashboard")
    return render.html(
        "dash.html",
        asked=asked,
        ranges=list(Range),
        queues=sorted(visit.actor.queues),
        tiles=tiles.read(found, asked, visit.actor),
        tables=_tables(found),
        told=told,
        **frame,
    )


@router.get("/dash.csv")
def download(request: Request, app: App, visit: Reader, series: str = "") -> Response:
    """The numbers of one chart as a file for spreadsheets."""
    asked = Asked.read(request.query_params)
    with app.view(visit.actor) as view:
        tables = _tables(dashboard.read(view, spans.last(view, asked.range, asked.queue)))
    if series not in tables:
        raise errors.NotFound(kind="series", id=series)
    table = tables[series]
    lines = [sheets.row(table.columns), *(sheets.row(map(_plain, row)) for row in table.rows)]
    headers = {"Content-Disposition": f'attachment; filename="{series}-{asked.range}.csv"'}
    return Response("".join(lines), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/dash/{figure}")
def show_behind(request: Request, app: App, visit: Reader, figure: str) -> Response:
    """The cases behind a figure."""
    asked = Asked.read(request.query_params)
    with app.view(visit.actor) as view:
        table = _behind(view, spans.last(view, asked.range, asked.queue), figure)
        frame = rail.read(view, visit, app.settings, "dashboard")
        return render.html("dash/behind.html", asked=asked, table=table, most=SHOWN, **frame)


def _tables(found: Dashboard) -> dict[str, Table]:
    """The numbers of every chart, by the name of its file."""
    ages = [*zip(_AGES, found.ages, strict=True), ("past the deadline", found.overdue)]
    outcomes = [(_OUTCOMES[name], number) for name, number in found.outcomes.items()]
    drafts = [(_DRAFTS[verdict], number) for verdict, number in found.drafts.now.items()]
    people = {"Name": "text", "Open": "number", "Resolved": "number", "Median handling": "length"}
    written = {
        "Kind": "text",
        "Usable": "number",
        "Unusable": "number",
        "Tokens read": "number",
        "Tokens written": "number",
        "Median time": "length",
    }
    tables = (
        Table(
            "flow",
            "Arrived and resolved",
            {"From": "time", "Arrived": "number", "Resolved": "number"},
            [(step.since, step.arrived, step.resolved) for step in found.flow],
        ),
        Table("ages", "Open cases by age", {"Age": "text", "Cases": "number"}, ages),
        Table("operators", "Operators", people, [astuple(operator) for operator in found.operators]),
        Table(
            "reasons",
            "Why cases needed a person",
            {"Reason": "text", "Cases": "number"},
            [(wording.sentence(reason), number) for reason, number in found.reasons.items()],
        ),
        Table("outcomes", "Outcomes", {"Outcome": "text", "Number": "number"}, [*outcomes, *drafts]),
        Table(
            "assistant",
            "The assistant",
            written,
            [(wording.sentence(kind.kind), *astuple(kind)[1:]) for kind in found.assistant],
        ),
    )
    return {table.key: table for table in tables}


def _behind(view: "View", span: spans.Span, figure: str) -> Table:
    found = figures.behind(view, span, figure, SHOWN)
    title, column, kind = {
        "response": ("First responses", "Waited", "length"),
        "promises": ("Promises decided", "Promise", "text"),
        "drafts": ("Drafts judged", "Last word", "text"),
    }[figure]
    rows = [
        (f"H-{row.number}", row.title, row.at, timedelta(seconds=row.value) if kind == "length" else row.value)
        for row in found
    ]
    return Table(figure, title, {"Case": "case", "Title": "text", "When": "time", column: kind}, rows)


def _plain(cell: Any) -> str:
    """A value as files hold it: times in RFC 3339, lengths in seconds."""
    match cell:
        case datetime():
            return times.rfc3339(cell)
        case timedelta():
            return f"{cell.total_seconds():.3f}"
        case None:
            return ""
    return str(cell)
