"""The commands that pause effects and let them start again."""

import pytest
from sqlalchemy import select

from flowops.app import App
from flowops.cli import doctor, terminal
from flowops.domain import access
from flowops.queries import switch
from flowops.storage import tables
from tests.cli.conftest import Flowops

pytestmark = pytest.mark.usefixtures("on_database")


def is_paused(app: App) -> bool:
    with app.view() as view:
        return switch.is_paused(view)


def test_effects_are_paused_and_resumed_in_the_name_of_who_sits_there(flowops: Flowops, app: App) -> None:
    ran = flowops("effects", "pause", "--reason", "refunds go out twice")
    assert ran.code == 0
    assert ran.out.startswith("Effects are paused since ")
    assert ran.out.endswith(f" UTC by {terminal.who()}: refunds go out twice\n")
    assert is_paused(app)
    assert flowops("effects", "resume").out == "Effects start.\n"
    assert not is_paused(app)
    with app.view() as view:
        row = tables.AuditEntry
        told = select(row).where(row.event.startswith("effects.")).order_by(row.seq)
        entries = view.session.scalars(told).all()
    assert [entry.event for entry in entries] == ["effects.paused", "effects.resumed"]
    assert {entry.actor_kind for entry in entries} == {access.ActorKind.SYSTEM}
    assert {entry.correlation_id for entry in entries} == {f"cli:{terminal.who()}"}


def test_a_second_pause_shows_the_first_one(flowops: Flowops) -> None:
    first = flowops("effects", "pause", "--reason", "one").out
    assert flowops("effects", "pause", "--reason", "two").out == first


def test_a_pause_needs_a_reason(flowops: Flowops, app: App) -> None:
    assert flowops("effects", "pause").code == 2
    ran = flowops("effects", "pause", "--reason", " ")
    assert (ran.code, ran.err) == (1, "Say why effects are to be paused. Nothing was changed.\n")
    assert not is_paused(app)


def test_doctor_says_that_effects_are_paused_by_whom_and_why(flowops: Flowops) -> None:
    flowops("effects", "pause", "--reason", "refunds go out twice")
    [finding] = [each for each in doctor.examine() if each.about == "effects"]
    assert finding.state is doctor.State.WARN
    assert finding.found.startswith(f"paused by {terminal.who()} at ")
    assert finding.found.endswith(": refunds go out twice")
    assert flowops("doctor").code == 0
