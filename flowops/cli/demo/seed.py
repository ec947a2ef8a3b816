"""Lets the cases of the demonstration happen, through the same intake and the same actions as real ones."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import event

from flowops import app as application
from flowops.actions import intake
from flowops.app import App
from flowops.cli.demo import acts, cases, world
from flowops.domain import events
from flowops.domain.access import SYSTEM, Actor
from flowops.queries import agenda
from flowops.settings import Settings
from flowops.workers import sla

DICE = 20  # what the waits between the tries of a job are drawn from: every seeding draws the same
OUTAGE = cases.span("6h 50m"), cases.span("6h 15m")  # how long ago billing and the mail server failed, from and to
MOMENT = timedelta(seconds=1)  # in which the workers notice that something is due


class Clock:
    """A clock that is set to the moment a thing of the past is to happen at."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def seed(
    settings: Settings, now: datetime, told: Sequence[cases.Case], go_on: Callable[[], None] = lambda: None
) -> dict[str, Actor]:
    """Fill a new database with the people and what is told, up to `now`; the same every time, but for the ids.

    `go_on` is called before each thing that happens, and may raise to end it. Gives the people and the bots by their
    short names.
    """
    random.seed(DICE)
    moments = sorted(_moments(now, told), key=lambda moment: moment[0])
    clock = Clock(moments[0][0] - timedelta(days=1))
    app = replace(application.build(settings, clock), generators=(world.Inline(),))
    # Nothing of a made-up week is worth waiting for the disk two thousand times; whoever opens it next waits again.
    event.listen(app.database.engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF"))
    try:
        people = world.furnish(app, now)
        ids = {key: who.id or "" for key, who in people.items()}
        for at, case, step in moments:
            go_on()
            _until(app, clock, at, now)
            if step is None:
                ids[case.key] = receive(app, people, case)
            else:
                args = [ids[arg[1:]] if isinstance(arg, str) and arg.startswith("@") else arg for arg in step.args]
                getattr(acts, step.act)(app, people[step.who], ids[case.key], *args)
        _until(app, clock, now, now)
        with app.unit(SYSTEM) as unit:
            unit.record(events.DemoSeeded(cases=len(told)))
        return people
    finally:
        app.close()


def _moments(now: datetime, told: Sequence[cases.Case]) -> list[tuple[datetime, cases.Case, cases.Step | None]]:
    """Every arrival of a case (no step) and every step somebody took, with its time."""
    return [
        (now - case.ago + (step.after if step else timedelta(0)), case, step)
        for case in told
        for step in (None, *case.steps)
    ]


def _until(app: App, clock: Clock, at: datetime, now: datetime) -> None:
    """Let the workers do what becomes due before then, each thing in its own moment."""
    begin, end = (now - ago for ago in OUTAGE)
    while True:
        with app.view() as view:
            runs_out, job = agenda.next_due(view)
        due = min((moment for moment in (runs_out, job) if moment), default=at)
        if due + MOMENT > at:
            break
        clock.now = due + MOMENT
        if runs_out and runs_out < clock.now:
            sla.sweep(app)
        if job and job < clock.now:
            world.deliver(world.broken(app) if begin <= clock.now < end else app)
    clock.now = at


def receive(app: App, people: dict[str, Actor], case: cases.Case) -> str:
    """Take the case in; gives the id of its handoff, or an empty one when no person was needed."""
    bot = people[world.BOTS[case.queue]]
    asked = case.asked(app.now())
    incoming = intake.Incoming(asked=asked, queue=case.queue, external_id=case.key, meta={"bot": bot.name})
    records = app.fetch(asked)
    with app.unit(bot) as unit:
        if case.opens is None:
            return intake.receive(unit, incoming, records, app.policy, app.settings).handoff_id or ""
        wanted = intake.Case(title=case.subject, reason=case.opens, priority=case.priority)
        return intake.open_case(unit, incoming, wanted, records, app.policy, app.settings).id
