"""Whatever three people do to a case in whatever order, it ends where a plain model of the rules says."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from flowops import app as application
from flowops import errors
from flowops import settings as configuration
from flowops.actions import conversation, handoffs, ownership
from flowops.domain.access import SYSTEM, Role
from flowops.domain.handoffs import Outcome, Reason, Status
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests import cases
from tests.conftest import Clock

LEASE = timedelta(minutes=15)
PEOPLE = strategies.integers(min_value=0, max_value=2)  # the last one is a supervisor
SUPERVISOR = 2


class Ownership(RuleBasedStateMachine):
    """One case, three people, a clock, and what the rules say in a few plain lines."""

    databases: ClassVar[Iterator[Path]]

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        url = f"sqlite:///{next(self.databases)}"
        self.app = application.build(configuration.load(database_url=url, secret_key="k" * 32), self.clock)
        self.people = [
            cases.person(self.app, name, role)
            for name, role in (("Ada", Role.OPERATOR), ("Bob", Role.OPERATOR), ("Sue", Role.SUPERVISOR))
        ]
        # Without a promise: that one was broken would be on record too.
        self.case = cases.case(self.app, self.people[0], promise=False).id
        self.status, self.owner, self.ends_at = Status.PENDING, -1, self.clock.now

    def teardown(self) -> None:
        self.app.close()

    @rule(minutes=strategies.sampled_from([1, 7, 14, 15]))
    def time_passes(self, minutes: int) -> None:
        self.clock.forward(minutes=minutes)

    @rule(who=PEOPLE)
    def claim(self, who: int) -> None:
        held = self.status is Status.CLAIMED and not self.is_late
        if self.status is Status.RESOLVED:
            self.act("claim", who, errors.AlreadyResolved)
        elif held and self.owner != who:
            self.act("claim", who, errors.AlreadyClaimed)
        else:
            self.act("claim", who)
            self.status, self.owner, self.ends_at = Status.CLAIMED, who, self.clock.now + LEASE

    @rule(who=PEOPLE)
    def release(self, who: int) -> None:
        self.act("release", who, refused := self.refusal(who))
        if not refused:
            self.status, self.owner = Status.PENDING, -1

    @rule(who=PEOPLE)
    def resolve(self, who: int) -> None:
        refused = errors.AlreadyResolved if self.status is Status.RESOLVED else self.refusal(who)
        self.act("resolve", who, refused)
        if not refused:
            self.status = Status.RESOLVED

    @rule(who=PEOPLE)
    def note(self, who: int) -> None:
        mine = self.status is Status.CLAIMED and self.owner == who
        self.act("note", who, refused := errors.ClaimExpired if mine and self.is_late else None)
        if mine and not refused:
            self.ends_at = self.clock.now + LEASE

    @rule()
    def something_fails(self) -> None:
        with self.app.unit(SYSTEM) as unit:
            handoffs.need_person(unit, self.case, Reason.EFFECT_FAILED, "The provider said no.")
        if self.status is Status.RESOLVED:
            self.status, self.owner = Status.PENDING, -1

    @invariant()
    def the_row_is_what_the_model_says(self) -> None:
        row = self.row()
        owner = self.people[self.owner].id if self.owner >= 0 else None
        assert (row["status"], row["claimed_by"]) == (self.status, owner)
        assert row["claim_expires_at"] == (self.ends_at if self.status is Status.CLAIMED else None)
        assert (row["resolved_by"] is not None) is (self.status is Status.RESOLVED)

    @property
    def is_late(self) -> bool:
        return self.clock.now >= self.ends_at

    def refusal(self, who: int) -> type[errors.Conflict] | None:
        """Why this person may not give the case back."""
        if self.status is not Status.CLAIMED:
            return errors.NotClaimed
        if self.owner == who:
            return errors.ClaimExpired if self.is_late else None
        return None if who == SUPERVISOR else errors.NotOwner

    def act(self, verb: str, who: int, refused: type[errors.Conflict] | None = None) -> None:
        """Let somebody act: refused means nothing changed, done means there is an entry more."""
        before, entries = self.row(), self.count_entries()
        expected = pytest.raises(refused) if refused else nullcontext()
        with expected, self.app.unit(self.people[who]) as unit:
            self.call(unit, verb)
        assert self.count_entries() == entries + (not refused)
        if refused:
            assert self.row() == before

    def call(self, unit: Unit, verb: str) -> None:
        match verb:
            case "claim":
                ownership.claim(unit, self.case, lease=LEASE)
            case "release":
                ownership.release(unit, self.case)
            case "resolve":
                handoffs.resolve(unit, self.case, Outcome.ANSWERED, "")
            case "note":
                conversation.note(unit, self.case, "A note.", lease=LEASE)

    def row(self) -> dict[str, Any]:
        with self.app.view() as view:
            return dict(view.session.execute(select(tables.Handoff.__table__)).mappings().one())

    def count_entries(self) -> int:
        with self.app.view() as view:
            return view.session.scalar(select(func.count()).select_from(tables.AuditEntry)) or 0


def test_a_case_moves_as_the_plain_model_says(sqlite_template: Path, tmp_path: Path) -> None:
    class Here(Ownership):
        databases = (Path(shutil.copy(sqlite_template, tmp_path / f"{number}.db")) for number in itertools.count())

    limits = settings(max_examples=50, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Here, settings=limits)
