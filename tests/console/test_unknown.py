"""A case says of an effect whose provider did not answer that nobody knows, since when, and when it is asked again."""

import re
from datetime import timedelta

import pytest

from flowops.actions import execution, outbox, switch
from flowops.app import App
from flowops.domain.access import SYSTEM
from flowops.storage import tables
from tests import cases, delivery, world
from tests.conftest import NOW, Clock
from tests.console.visitor import Visitor

SAID = "The provider may have done it and did not say so; it is asked again under the same key"


def shown(ada: Visitor, effect: tables.Effect) -> tuple[str | None, str | None]:
    """What the case says of the effect: the chip, and when it is asked for again."""
    page = re.sub(r"\s+", " ", ada.get(f"/case/{effect.handoff_id}").text)
    chip = re.search(r">(Outcome unknown since) <time [^>]*>([^<]+)</time>", page)
    again = re.search(re.escape(SAID) + " ([^<]+)</p>", page)
    return " ".join(chip.groups()) if chip else None, again[1] if again else None


@pytest.fixture
def effect(app: App, site: str, clock: Clock) -> tables.Effect:
    """One that was approved, and whose provider was asked for it in vain."""
    effect = world.proposed(app, world.service(app))
    world.approve(app, cases.person(app, "Priya Nair"), effect)
    clock.forward(seconds=10)
    assert world.start(app, effect.id)
    [job] = delivery.claim(app, topic="effect.execute")
    with app.unit(SYSTEM) as unit:
        execution.lose(unit, effect.id, "billing did not answer")
    with app.unit(SYSTEM) as unit:
        outbox.retry(unit, job, "billing did not answer", NOW + timedelta(seconds=50))
    return effect


def test_a_case_says_since_when_and_when_it_is_asked_again(
    app: App, ada: Visitor, effect: tables.Effect, clock: Clock
) -> None:
    assert shown(ada, effect) == ("Outcome unknown since 12:00 UTC", "in 0:40.")
    assert "does not know whether the refund was done" in ada.get(f"/case/{effect.handoff_id}").text
    clock.forward(seconds=40)
    assert shown(ada, effect)[1] == "now."


def test_once_there_is_an_answer_it_says_nothing_of_it(app: App, ada: Visitor, effect: tables.Effect) -> None:
    with app.unit(SYSTEM) as unit:
        execution.finish(unit, effect.id, "rf_1", unit.now)
    assert shown(ada, effect) == (None, None)


def test_while_effects_are_paused_it_is_asked_again_after_that(app: App, ada: Visitor, effect: tables.Effect) -> None:
    with app.unit(SYSTEM) as unit:
        switch.pause(unit, "why")
    assert shown(ada, effect)[1] == "once effects are resumed."


def test_when_its_job_is_dead_somebody_must_retry_it(
    app: App, ada: Visitor, sue: Visitor, effect: tables.Effect, clock: Clock
) -> None:
    clock.forward(seconds=40)
    [job] = delivery.claim(app, topic="effect.execute")
    delivery.bury(app, job, "no")
    assert shown(ada, effect)[1] == "when somebody retries its dead job."
    assert re.search(r'Of those, outcome unknown</dt><dd class="num">1<', sue.get("/effects").text)
