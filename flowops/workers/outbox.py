"""Runs one claimed job to its end: the handler outside of any transaction, then what it did and the end in one unit."""

import json
import random
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import structlog

from flowops import errors, killpoints
from flowops.actions import leases, outbox
from flowops.actions.leases import Claimed
from flowops.app import App
from flowops.domain import access, jobs, tokens
from flowops.workers import handlers

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

log = structlog.get_logger()

# Trying these again would give the same answer; whatever else goes wrong may pass.
_FOR_GOOD = (errors.Invalid, errors.NotFound, errors.Conflict, errors.Denied)
_LONGEST_ERROR = 500


class Done(NamedTuple):
    """A job that was done and changed nothing here, so that it can be finished together with others."""

    receipt: str | None


def run(app: App, row: Claimed) -> None:
    """Run the job and finish it; raises what `perform` and `settle` do."""
    outcome = perform(app, row)
    if not isinstance(outcome, Done):
        settle(app, row, outcome)
        return
    with app.unit(access.SYSTEM) as unit:
        outbox.finish(unit, row, outcome.receipt)


def perform(app: App, row: Claimed) -> "Done | handlers.Settle | handlers.Answered":
    """Run the job, and give what is to be kept of it, if anything, for `settle`.

    Raises UnknownTopic, and whatever the handler raises: Fenced when the job was given to another worker meanwhile.
    """
    handler = handlers.TABLE.get(row.topic)
    if handler is None:
        raise errors.UnknownTopic(topic=row.topic)
    job = _load(handler.job, row)

    def fence(unit: "Unit") -> None:
        outbox.hold(unit, row)

    killpoints.reach("handler.begun")
    outcome = handler.run(app, job, fence)
    killpoints.reach("handler.ended")
    if outcome is None or isinstance(outcome, str):
        return Done(outcome)
    return outcome


def settle(app: App, row: Claimed, outcome: "handlers.Settle | handlers.Answered") -> None:
    """Keep what the job did and finish it in one unit, so its effect on the database happens once.

    Raises Fenced when the job was given to another worker meanwhile, and whatever `outcome` raises; then nothing was
    kept.
    """
    receipt, keep = outcome if isinstance(outcome, handlers.Answered) else (None, outcome)
    with app.unit(handlers.TABLE[row.topic].actor) as unit:
        keep(unit)
        outbox.finish(unit, row, receipt)  # the fence: the job's row is locked last, after the rows that settling locks
        killpoints.reach("settle.uncommitted")
    killpoints.reach("settle.committed")


def fail(app: App, row: Claimed, error: Exception) -> None:
    """Bury the job, or put it off when trying again may help and it was not claimed too often.

    One that was turned away, or met a pause, was not tried, so it comes again soon and the claim does not count. Raises
    Fenced when the job was given to another worker meanwhile: then it is theirs to settle.
    """
    if isinstance(error, errors.TurnedAway | errors.EffectsPaused):
        with app.unit(access.SYSTEM) as unit:
            leases.give_back(unit, [row], timedelta(seconds=error.facts["seconds"] * random.random()))
        return
    told = _tell(error)
    is_known = isinstance(error, errors.FlowOpsError)  # anything else is a defect, and worth a stack trace
    schedule = jobs.schedule(row.topic)
    with app.unit(access.SYSTEM) as unit:
        if isinstance(error, _FOR_GOOD) or schedule.is_spent(row.claims):
            _give_up(unit, row, told)
            outbox.bury(unit, row, told)
            log.error("job buried", topic=row.topic, claims=row.claims, error=told, exc_info=not is_known and error)
        else:
            run_at = unit.now + schedule.wait(row.claims, random.random(), _asked(error))
            outbox.retry(unit, row, told, run_at)
            log.warning("job put off", topic=row.topic, until=run_at, error=told, exc_info=not is_known and error)


def bury_lost(app: App, row: Claimed) -> None:
    """Bury a job whose workers were lost too often, unless its last one settles it in this moment after all."""
    with suppress(errors.Fenced), app.unit(access.SYSTEM) as unit:
        _give_up(unit, row, leases.LOST)
        outbox.bury(unit, row, leases.LOST)


def _give_up(unit: "Unit", row: Claimed, why: str) -> None:
    handler = handlers.TABLE.get(row.topic)
    if handler is not None and handler.give_up is not None:
        # What cannot be read or found leaves nothing undone, and must not keep the job from being buried.
        with suppress(errors.Invalid, errors.NotFound):
            handler.give_up(unit, _load(handler.job, row), why)


def _load(kind: type[jobs.Job], row: Claimed) -> jobs.Job:
    try:
        return kind.load(json.loads(row.payload))
    except (TypeError, ValueError) as wrong:
        reason = f"The payload no longer fits {row.topic}: {wrong}. The job was not run; discard it."
        raise errors.Invalid(reason=reason) from wrong


def _asked(error: Exception) -> timedelta | None:
    """How long the other side asked us to wait, as a gateway reports it."""
    seconds = error.facts.get("retry_after") if isinstance(error, errors.FlowOpsError) else None
    return None if seconds is None else timedelta(seconds=seconds)


def _tell(error: Exception) -> str:
    """The error in one line, without secrets; a database's error goes on with the values of the statement."""
    first_line = str(error).partition("\n")[0]
    return tokens.mask(f"{type(error).__name__}: {first_line}")[:_LONGEST_ERROR]
