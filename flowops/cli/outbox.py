"""The commands about jobs: look at them, and decide about the dead ones."""

import json
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from flowops.actions import outbox as actions
from flowops.api import schemas
from flowops.app import App
from flowops.cli import terminal
from flowops.domain import events, times
from flowops.domain.jobs import Status
from flowops.queries import dead
from flowops.queries import outbox as queries

outbox = typer.Typer(no_args_is_help=True, help="Jobs: all asynchronous work.")

STYLES = {
    Status.PENDING: "cyan",
    Status.PROCESSING: "yellow",
    Status.DEAD: "bold red",
    Status.DONE: "green",
    Status.DISCARDED: "dim",
}

Id = Annotated[str, typer.Argument(metavar="ID", help="The id `flowops outbox list` shows.")]


@outbox.command("list")
def list_jobs(
    status: Annotated[Status | None, typer.Option(help="Only jobs in this state.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only jobs of this topic.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    as_json: terminal.Json = False,
) -> None:
    """List jobs, the newest first."""
    with terminal.opened() as app, app.view() as view:
        found, more = queries.search(view, status=status, topic=topic, limit=limit)
    if as_json:
        page = schemas.Page(items=[schemas.Job.of(job) for job in found], next_cursor=more)
        terminal.say(page.model_dump_json())
        return
    table = terminal.table("Id", "Topic", "Status", "Claims", "Made", "Last error")
    for job in found:
        state = Text(job.status, STYLES[job.status])
        table.add_row(job.id, job.topic, state, str(job.claims), times.in_words(job.created_at), job.error or "")
    terminal.show(table)
    if more:
        terminal.out.print(f"There are more than {limit}; see them with --limit.", style="dim")


@outbox.command()
def show(job_id: Id, as_json: terminal.Json = False) -> None:
    """Show a job with its payload, secrets masked, and every attempt; that it was read is recorded."""
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        found = queries.get(unit.view, job_id)
        unit.record(events.JobRead(job_id=job_id))
    if as_json:
        terminal.say(schemas.JobHistory.of_history(found).model_dump_json())
        return
    job = found.job
    terminal.say(f"{job.id} · {job.topic} · {job.status} · {job.key}")
    terminal.say(json.dumps(found.payload, ensure_ascii=False))
    table = terminal.table("Claim", "Began", "Ended", "Outcome", "Worker", "Error")
    for attempt in found.attempts:
        began, ended = _at(attempt.started_at), _at(attempt.finished_at)
        outcome = attempt.outcome or "running"
        table.add_row(str(attempt.claim_token), began, ended, outcome, attempt.worker, attempt.error or "")
    terminal.show(table)


@outbox.command()
def retry(
    job_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One dead job.")] = None,
    topic: Annotated[str | None, typer.Option(help="Every dead job of this topic.")] = None,
    error: Annotated[str | None, typer.Option(help="Every dead job whose last error contains this text.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many there are.")] = False,
) -> None:
    """Give dead jobs another round of tries, now."""
    if (job_id is None) is (topic is None and error is None):
        raise typer.BadParameter("name either one job or a --topic or --error")
    if dry_run:
        if job_id is not None:
            raise typer.BadParameter("--dry-run counts the jobs of a --topic or --error")
        with terminal.opened() as app, app.view() as view:
            count = dead.count(view, topic, error)
        terminal.say(f"{_jobs(count)} would be tried again.")
        return
    with terminal.opened() as app:
        count = _retry_all(app, topic, error) if job_id is None else _retry(app, job_id)
    terminal.say(f"{_jobs(count)} will be tried again.")


@outbox.command()
def discard(job_id: Id, reason: Annotated[str, typer.Argument(help="Why; it is recorded.")]) -> None:
    """Give up a dead job on purpose."""
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        actions.discard(unit, job_id, reason)
    terminal.say(f"{job_id} was discarded.")


def _retry(app: App, job_id: str) -> int:
    with app.unit(terminal.operator()) as unit:
        actions.retry_dead(unit, job_id)
    return 1


def _retry_all(app: App, topic: str | None, error: str | None) -> int:
    """In several units, so that others can write in between."""
    retried = [actions.AT_ONCE]
    while retried[-1] == actions.AT_ONCE:
        with app.unit(terminal.operator()) as unit:
            retried.append(actions.retry_all_dead(unit, topic, error))
    return sum(retried[1:])


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
