"""The command that takes entries out of the record, which is itself recorded."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from flowops.actions import audit as actions
from flowops.api import exports
from flowops.cli import terminal
from flowops.queries import export as queries

audit = typer.Typer(no_args_is_help=True, help="The record of what happened.")


@audit.command()
def export(
    form: Annotated[exports.Format, typer.Option("--format", help="How it is written.")] = exports.Format.NDJSON,
    customer: Annotated[str | None, typer.Option(help="Only this customer, by our id or the caller's.")] = None,
    handoff: Annotated[str | None, typer.Option(help="Only this case, by its id or number.")] = None,
    after: Annotated[datetime | None, typer.Option("--from", help="Only from this moment on, UTC.")] = None,
    before: Annotated[datetime | None, typer.Option("--to", help="Only before this moment, UTC.")] = None,
) -> None:
    """Write everything on record about a customer, a case or a span of time to standard output."""
    span = [moment and _utc(moment) for moment in (after, before)]
    with terminal.opened() as app:
        with app.unit(terminal.operator()) as unit:
            subject = queries.find(unit.view, customer, handoff, *span)
            actions.exported(unit, form, subject.filters)
        with app.view() as view:
            for text in exports.write(form, queries.records(view, subject)):
                sys.stdout.write(text)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
