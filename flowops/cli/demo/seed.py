"""Lets the cases of the demonstration happen, through the same intake and the same actions as real ones."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flowops import app as application
from flowops.actions import intake
from flowops.app import App
from flowops.cli.demo import cases, world
from flowops.domain import events
from flowops.domain.access import SYSTEM, Actor
from flowops.domain.facts import Asked, Message, ToolOutput
from flowops.domain.handoffs import Reason
from flowops.settings import Settings


class Clock:
    """A clock that is set to the moment a thing of the past is to happen at."""

    def __init__(self, now: datetime) -> None:
        self._start = self._now = now

    def __call__(self) -> datetime:
        return self._now

    def back(self, minutes: int) -> None:
        """Go to this many minutes before the start."""
        self._now = self._start - timedelta(minutes=minutes)


def seed(settings: Settings, now: datetime) -> None:
    """Fill a new database with the people and a day of cases, up to `now`."""
    clock = Clock(now)
    app = application.build(settings, clock)
    try:
        clock.back(24 * 60)
        people = world.furnish(app, now)
        handoff_ids: dict[str, str] = {}
        for ago, case, step in _moments():
            clock.back(ago)
            world.deliver(app)
            if step is None:
                handoff_ids[case.key] = receive(app, people[world.BOT], case)
            else:
                step.act(app, people[step.who], handoff_ids[case.key])
        clock.back(0)
        world.deliver(app)
        with app.unit(SYSTEM) as unit:
            unit.record(events.DemoSeeded(cases=len(cases.CASES)))
    finally:
        app.close()


def _moments() -> list[tuple[int, cases.Case, cases.Step | None]]:
    """Every arrival of a case (no step) and every step of a person, with its minutes before now, oldest first."""
    arrivals: list[tuple[int, cases.Case, cases.Step | None]] = [(case.ago, case, None) for case in cases.CASES]
    steps = [(step.ago, case, step) for case in cases.CASES for step in case.steps]
    return sorted([*arrivals, *steps], key=lambda moment: -moment[0])


def receive(app: App, bot: Actor, case: cases.Case) -> str:
    """Take the case in; gives the id of its handoff, or an empty one when no person was needed."""
    with app.view() as view:
        asked = _ask(case, view.now)
    incoming = intake.Incoming(asked=asked, queue="default", external_id=case.key, meta={"bot": bot.name})
    records = app.fetch(asked)
    with app.unit(bot) as unit:
        if case.due_in is None:
            return intake.receive(unit, incoming, records, app.policy, app.settings).handoff_id or ""
        wanted = intake.Case(title=case.subject, reason=Reason.OTHER)
        return intake.open_case(unit, incoming, wanted, records, app.policy, app.settings).id


def _ask(case: cases.Case, now: datetime) -> Asked:
    """The case as the bot sends it in."""
    said: list[dict[str, Any]] = [{"role": "customer", "text": case.said, "at": now - timedelta(minutes=2)}]
    if case.answered:
        said.append({"role": "automation", "text": case.answered, "at": now - timedelta(minutes=1)})
    effect = case.effect or {}
    return Asked(
        channel=case.channel,
        customer_id=case.customer,
        subject=case.subject,
        messages=tuple(map(Message.model_validate, said)),
        tools=tuple(ToolOutput(source=source, at=now, data=data) for source, data in case.facts),
        confidence=Decimal(case.confidence) if case.confidence else None,
        escalate=case.escalate,
        kind=effect.get("kind"),
        params=effect.get("params", {}),
        sla_due_at=now + case.due_in if case.due_in else None,
    )
