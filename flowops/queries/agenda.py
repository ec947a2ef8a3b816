"""Answers when the workers will have something to do, as long as nobody acts."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select

from flowops.domain import effects, jobs
from flowops.storage import tables
from flowops.storage.unit import View


def next_due(view: View) -> tuple[datetime | None, datetime | None]:
    """The first moment from now on at which something runs out, and the first at which a job is to be done.

    What runs out: a deadline, the time until its warning, a claim, a pause, an effect that waits. None when nothing
    waits for its time. What is overdue is in neither: the workers have had their chance.
    """
    *running, job_at = view.session.execute(_ALL, {"now": view.now}).one()
    return min((at for at in running if at is not None), default=None), job_at


def _first(moment: Any, *where: ColumnElement[bool]) -> Any:
    now = bindparam("now", type_=tables.Handoff.created_at.type)
    return select(func.min(moment)).where(moment >= now, *where).scalar_subquery()


_CASE, _EFFECT, _JOB = tables.Handoff, tables.Effect, tables.Job
_ALL = select(
    _first(_CASE.sla_due_at, _CASE.sla_breached_at.is_(None), _CASE.resolved_at.is_(None)),
    _first(_CASE.sla_warn_at, _CASE.sla_warned_at.is_(None), _CASE.resolved_at.is_(None)),
    _first(_CASE.claim_expires_at),
    _first(_CASE.wait_until),
    _first(_EFFECT.expires_at, _EFFECT.status.in_([*effects.OPEN, effects.Status.APPROVED])),
    _first(_JOB.run_at, _JOB.status == jobs.Status.PENDING),
)
