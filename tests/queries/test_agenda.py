"""When the workers have something to do next, on both databases."""

from datetime import datetime, timedelta

from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.queries import agenda
from flowops.workers import sla
from tests import cases
from tests.conftest import NOW, Clock

MINUTE = timedelta(minutes=1)


def test_the_first_thing_that_runs_out_is_named_until_its_moment_has_passed(app: App, clock: Clock) -> None:
    def next_due() -> tuple[datetime | None, datetime | None]:
        with app.view() as view:
            return agenda.next_due(view)

    assert next_due() == (None, None)
    bot = cases.person(app, "bot", Role.SERVICE)
    cases.case(app, bot)  # high: an hour for the response, warned after 45 minutes; and a summary to be written
    assert next_due() == (NOW + 45 * MINUTE, NOW)
    clock.forward(minutes=46)
    assert next_due() == (NOW + 60 * MINUTE, None)  # the warning and the job are overdue
    cases.case(app, bot, params=cases.refund(), kind="refund", promise=False)
    assert next_due() == (NOW + 60 * MINUTE, NOW + 46 * MINUTE)
    clock.forward(minutes=15)
    sla.sweep(app)
    with app.unit(SYSTEM) as unit:
        expiry = unit.now - 15 * MINUTE + app.settings.proposal_expiry
    assert next_due()[0] == expiry
