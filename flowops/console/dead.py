"""Dead letters: jobs that gave up and wait for a decision, and a look at every other job."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from flowops import app as application
from flowops import errors
from flowops.actions import outbox
from flowops.console import answer, forms, rail, render, wording
from flowops.console.answer import Answer
from flowops.console.session import App, Change, Visit, changes, requires
from flowops.domain import events
from flowops.domain.access import Permission
from flowops.domain.jobs import Status
from flowops.queries import dead
from flowops.queries import outbox as jobs

if TYPE_CHECKING:
    from datetime import datetime

router = APIRouter(prefix="/dead", route_class=forms.Route)
Keeper = Annotated[Visit, requires(Permission.JOBS_MANAGE)]
Decider = Annotated[Change, changes(Permission.JOBS_MANAGE)]
Written = Annotated[str, Form()]
# As the API takes them; no topic and no error of a job is longer.
Topic = Annotated[str, Form(max_length=200)]
Error = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True)
class Letter:
    """A job of the list, the tries at it, and what happens to it next."""

    job: jobs.Row
    tries: Sequence[jobs.Attempt]
    next_step: str


@router.get("")
def show(
    app: App, visit: Keeper, wanted: Annotated[str, Query(alias="status")] = Status.DEAD, cursor: str = ""
) -> Response:
    """The jobs in one state, newest first; of the dead ones also what they died of."""
    if wanted not in set(Status):
        raise errors.Invalid(reason=f"There is no status {wanted!r}. Nothing was changed.")
    state = Status(wanted)
    with app.view(visit.actor) as view:
        found, onward = jobs.search(view, status=state, cursor=cursor or None)
        tries = jobs.attempts(view, found)
        return render.html(
            "dead/list.html",
            answer=answer.NONE,
            states=list(Status),
            state=state,
            letters=[_letter(job, tries[job.id], view.now) for job in found],
            causes=dead.causes(view) if state is Status.DEAD and not cursor else [],
            cursor=cursor,
            onward=onward,
            **rail.read(view, visit, app.settings, "dead"),
        )


@router.get("/retry")
def ask(app: App, visit: Keeper, topic: str = "", error: str = "") -> Response:
    """How many jobs a retry would reach, before it is done."""
    return _ask(app, visit, topic, error)


@router.post("/retry")
def retry_all(change: Decider, topic: Topic = "", error: Error = "") -> Response:
    """Give the dead jobs of this topic and error another round of tries, as many as fit into one transaction."""
    error = forms.lines(error)
    return change.lead(
        lambda unit: outbox.retry_all_dead(unit, topic or None, error or None),
        f"/console/dead?status={Status.PENDING}",
        lambda refused, status: _ask(change.app, change, topic, error, answer.plain(refused), status),
    )


@router.get("/{job_id}")
def show_job(app: App, visit: Keeper, job_id: str) -> Response:
    """One job: its payload with secrets masked, and every try; that it was read is recorded."""
    return _job(app, visit, job_id)


@router.post("/{job_id}/retry")
def retry(change: Decider, job_id: str) -> Response:
    """Give one dead job another round of tries."""
    return change.lead(
        lambda unit: outbox.retry_dead(unit, job_id),
        f"/console/dead/{job_id}",
        lambda refused, status: _job(change.app, change, job_id, answer.plain(refused), status),
    )


@router.post("/{job_id}/discard")
def discard(change: Decider, job_id: str, reason: Written = "") -> Response:
    """Give one dead job up on purpose, and say why."""
    typed = {"reason": reason}
    if wrong := forms.unfit(reason, "Say why."):
        return _job(change.app, change, job_id, answer.missing({"reason": wrong}, typed), 422)
    return change.lead(
        lambda unit: outbox.discard(unit, job_id, forms.lines(reason)),
        f"/console/dead/{job_id}",
        lambda refused, status: _job(change.app, change, job_id, answer.plain(refused, typed), status),
    )


def _ask(
    app: application.App, visit: Visit, topic: str, error: str, said: Answer = answer.NONE, status: int = 200
) -> Response:
    with app.view(visit.actor) as view:
        return render.html(
            "dead/retry.html",
            status,
            answer=said,
            topic=topic,
            error=error,
            count=(count := dead.count(view, topic or None, error or None)),
            at_once=min(count, outbox.AT_ONCE),
            **rail.read(view, visit, app.settings, "dead"),
        )


def _job(app: application.App, visit: Visit, job_id: str, said: Answer = answer.NONE, status: int = 200) -> Response:
    with app.unit(visit.actor) as unit:
        history = jobs.get(unit.view, job_id)
        unit.record(events.JobRead(job_id=job_id))
        return render.html(
            "dead/job.html",
            status,
            answer=said,
            letter=_letter(history.job, history.attempts, unit.now),
            history=history,
            key=jobs.key(history.job, is_foreign=history.is_foreign),
            **rail.read(unit.view, visit, app.settings, "dead"),
        )


def _letter(job: jobs.Row, tries: Sequence[jobs.Attempt], now: "datetime") -> Letter:
    match job.status:
        case Status.DEAD:
            step = "Retry or discard"
        case Status.PENDING:
            due = getattr(job, "run_at", now)
            step = f"Queued — attempt {len(tries) + 1}" + (f" in {wording.span(due - now)}" if due > now else "")
        case Status.PROCESSING:
            step = f"Running — attempt {len(tries)}"
        case _:
            step = "Nothing"
    return Letter(job, tries, step)
