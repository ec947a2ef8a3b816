"""Tries to bend approvals: people, time, records and rights do whatever comes to mind, and a judge watches.

The judge keeps a journal of its own and reads nothing of what the product counts. It holds every approval that was
taken and every effect that was begun against the rules as docs/approvals.md tells them.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import bindparam, select

from flowops import app as application
from flowops import errors
from flowops import settings as configuration
from flowops.actions import effects, execution, intake, links, operators, ownership
from flowops.domain import effects as kinds
from flowops.domain import events
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.facts import Account, Asked, Invoice, Plan, Records
from flowops.domain.interests import Link
from flowops.domain.money import Money
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests import cases, world
from tests.bent.judging import (
    ALIVE,
    CAPS,
    DAY,
    DECIDE,
    EMAILS,
    GOOD_FOR,
    LIMITS,
    LINKED,
    PEOPLE,
    TOTAL,
    UNDO,
    Person,
    Put,
)
from tests.bent.scenes import AMOUNT, SCENE
from tests.conftest import NOW, Clock

ROW = select(tables.Effect.status, tables.Effect.handoff_id, tables.Effect.content_sha256).where(
    tables.Effect.id == bindparam("id")
)


class Bending(RuleBasedStateMachine):
    """One customer after another, each with a case and effects, among people who stay."""

    app: ClassVar[application.App]
    clock: ClassVar[Clock]
    bot: ClassVar[Actor]
    people: ClassVar[dict[str, Person]]
    numbers: ClassVar[Iterator[int]]
    counted: ClassVar[dict[str, int]]

    @initialize(amount=AMOUNT, email=st.sampled_from(EMAILS), currency=st.sampled_from(["EUR", "EUR", "USD"]))
    def receive(self, amount: int | None, email: str, currency: str) -> None:
        """A request that waits for people, or a refund so small that policy alone approves it."""
        self.clock.forward(hours=25)
        self.restore()
        self.customer, self.currency, self.refundable = f"customer {next(self.numbers)}", currency, TOTAL
        self.email, self.paid_at, self.mine = email, self.clock.now, list[Put]()
        is_small = amount == 49_00 and currency == "EUR"
        asked = Asked(
            channel="chat",
            customer_id=self.customer,
            escalate=not is_small,
            kind=self.kind(amount),
            params=self.params(amount),
        )
        with self.app.unit(self.bot) as unit:
            incoming = intake.Incoming(asked, "default")
            request = intake.receive(unit, incoming, self.records(amount), self.app.policy, self.app.settings)
        effect = world.effect_of(self.app, request)
        self.case = effect.handoff_id
        made = self.keep(effect, amount)
        if effect.status is kinds.Status.APPROVED:
            assert is_small
            made.by_policy, made.approved_at = True, self.clock.now

    @rule(scene=SCENE)
    def go_on(self, scene: tuple[str, dict[str, Any]]) -> None:
        """All scenes are one rule: of several, each example would leave some out."""
        name, how = scene
        getattr(self, name)(**how)

    # What people do

    def propose(self, amount: int | None, who: str) -> None:
        """Another one, which has nothing to do with what was approved of the first."""
        self.case = self.case or self.row(self.mine[0]).handoff_id
        if self.case is None or len(self.mine) == 3:
            return
        case, actor = self.case, self.bot if who == "bot" else self.people[who].actor
        if who != "bot":
            self.does(actor, lambda unit: ownership.assign(unit, case, str(actor.id)))
        asked = Asked(channel="chat", customer_id=self.customer, kind=self.kind(amount), params=self.params(amount))
        told = self.records(amount), self.app.policy, self.app.settings
        made: list[tables.Effect] = []
        if self.does(actor, lambda unit: made.append(effects.propose(unit, case, asked, *told))):
            self.keep(made[0], amount)

    def approve(self, who: str, which: int, seen: str) -> None:
        """With the hash of what the records say now, of what the effect is bound to, or of what it was at first."""
        if put := self.pick(which, *kinds.OPEN):
            self.say_yes(self.people[who], put, seen)

    def approve_together(
        self,
        many: list[str],
        which: int,
        enough: int,
        twice: bool,
        amount: int | None,
        by: str,
        then: str,
        meanwhile: Role | str | None,
    ) -> None:
        """Several in a row, or one of them twice: without them large effects would hardly ever be approved.

        And perhaps one of them may no more when it is to begin.
        """
        put = self.pick(which, *kinds.OPEN)
        if put is None:
            self.propose(amount, by)
            put = self.mine[-1]
        for who in ([many[0]] if twice else []) + many[:enough]:
            if not self.say_yes(self.people[who], put, "now"):
                break
        if then != "no" and self.row(put).status is kinds.Status.APPROVED:
            if meanwhile != "nothing" and put.yes:
                self.change_a_person(min(put.yes), meanwhile)
            self.clock.forward(hours=24 if then == "late" else 0)
            self.begin(put, in_time=True, ends="done")

    def spend(self, amounts: list[int], many: list[str], hours: float) -> None:
        """One refund after the other by the same people, up to what the caps leave and beyond."""
        for amount in amounts:
            known = len(self.mine)
            self.propose(amount, "bot")
            if len(self.mine) == known:
                return
            for who in many[:4]:
                if not self.say_yes(self.people[who], self.mine[-1], "now"):
                    break
            self.clock.forward(hours=hours)
        for put in self.mine:
            if self.row(put).status is kinds.Status.APPROVED:
                self.begin(put, in_time=True, ends="done")

    def say_yes(self, person: Person, put: Put, seen: str) -> bool:
        """Does it wait for more?"""
        if person.is_disabled:
            return True  # they cannot sign in
        before, fresh = self.row(put), self.hash(put)
        sha256 = {"now": fresh, "bound": before.content_sha256, "first": put.content}[seen]
        told = effects.Answer(sha256), self.records(put.amount), self.app.policy, self.app.settings
        made: list[tables.Effect] = []
        if not self.does(person.actor, lambda unit: made.append(effects.approve(unit, put.id, *told))):
            return before.status in kinds.OPEN and self.amount_fits(put)
        now = self.clock.now
        assert before.status in kinds.OPEN, f"approved while {before.status}"
        assert not put.is_over, "approved after its end"
        assert now < put.expires, "approved after it expired"
        assert sha256 == fresh, "approved what was not shown"
        assert self.amount_fits(put), "approved against the records"
        assert person.role in put.roles, f"approved by a {person.role}"
        assert not person.keeps_out(self.customer, self.email), "approved in spite of a conflict"
        assert not (put.is_large and put.proposer == person.id), "approved by who proposed it"
        if put.content != fresh:
            put.content, put.yes, put.email = fresh, {}, self.email
        assert person.name not in put.yes, "approved twice by one person"
        put.yes[person.name] = now
        self.counted["approvals"] += 1
        if made[0].status is kinds.Status.APPROVED:
            put.approved_at, put.by_policy = now, False
            put.by = self.judge_people(put)
            self.judge_caps()
        return made[0].status in kinds.OPEN

    def refuse(self, who: str, which: int, how: str) -> None:
        """Then it is over, whatever was or will be approved."""
        person, put = self.people[who], self.pick(which, *kinds.OPEN, kinds.Status.APPROVED)
        if person.is_disabled or put is None:
            return
        given: dict[str, Any] = {"settings": self.app.settings} | ({"reason": "no"} if how == "decline" else {})
        if self.does(person.actor, lambda unit: getattr(effects, how)(unit, put.id, **given)):
            if how == "decline":
                assert person.role in put.roles
                # Whoever says no is not shown the records: they are held against the address that was read.
                assert not person.keeps_out(self.customer, put.email)
            put.is_over = True

    # What becomes of the world

    def change_the_records(self, left: int, email: str | None) -> None:
        """And perhaps back again."""
        self.refundable, self.email = left, email or self.email

    def change_a_person(self, who: str, role: Role | str | None) -> None:
        """Another role, or no access, or something to do with the customer."""
        person = self.people[who]
        if role == "a link":
            person.customers.add(self.customer)
            self.does(SYSTEM, lambda unit: links.add(unit, person.id, Link.CUSTOMER, self.customer))
        elif role is None:
            person.is_disabled = True
            self.does(SYSTEM, lambda unit: operators.disable(unit, person.id))
        else:
            person.role = Role(role)
            self.does(SYSTEM, lambda unit: operators.change_role(unit, person.id, Role(str(role))))

    def wait(self, seconds: int, sweeps: bool) -> None:
        """Perhaps until it expired, be it that nobody noticed."""
        self.clock.forward(seconds=seconds)
        if sweeps:
            self.does(SYSTEM, lambda unit: effects.expire_due(unit, 1000))
            for put in self.mine:
                put.is_over = put.is_over or self.row(put).status is kinds.Status.EXPIRED

    def carry_out(self, which: int, in_time: bool, ends: str) -> None:
        """When the undo window is over, or too early, or for the second time."""
        put = self.pick(which, kinds.Status.APPROVED, kinds.Status.EXECUTING)
        if put is not None:
            self.begin(put, in_time, ends)

    def begin(self, put: Put, in_time: bool, ends: str) -> None:
        self.clock.forward(seconds=10 if in_time else 0)
        was, told = self.row(put).status, (self.records(put.amount), self.app.policy, self.app.settings)
        with self.app.unit(SYSTEM) as unit:
            calls = world.begins(unit, put.id, *told)
        now = self.row(put).status
        if now is kinds.Status.HELD and was is not now:
            put.content, put.expires, put.yes, put.by_policy = self.hash(put), self.clock.now + DECIDE, {}, False
            put.email = self.email
        put.is_over = put.is_over or now is kinds.Status.EXPIRED
        if not calls:
            return
        if was is not kinds.Status.EXECUTING:
            self.judge(put)
        if ends == "put back":
            self.does(SYSTEM, lambda unit: execution.put_back(unit, put.id, "nobody there"))
        elif ends == "done":
            self.does(SYSTEM, lambda unit: execution.finish(unit, put.id, "a receipt", unit.now))

    # The judge

    def judge(self, put: Put) -> None:
        """Something was begun: was it approved, as it is, by enough people who might, in time, and never refused?"""
        self.counted["executed"] += 1
        assert not put.is_over, "carried out after its end"
        assert put.approved_at is not None, "carried out without an approval"
        assert self.clock.now < put.approved_at + GOOD_FOR, "carried out on an old approval"
        assert put.by_policy or self.clock.now >= put.approved_at + UNDO, "carried out while it could be called back"
        assert put.content == self.hash(put), "carried out what was not approved"
        assert self.amount_fits(put), "carried out against the records"
        self.judge_people(put)

    def judge_people(self, put: Put) -> set[str]:
        """Who of those who approved it may still."""
        if put.by_policy:
            assert put.proposer == self.bot.id
            assert (put.amount or TOTAL) <= LIMITS[put.currency]["automatic"]
            return set()
        people = (self.people[name] for name in put.yes)
        able = [each for each in people if each.role in put.roles and not each.is_disabled]
        able = [each for each in able if not each.keeps_out(self.customer, self.email)]
        able = [each for each in able if not (put.is_large and each.id == put.proposer)]
        assert len(able) >= put.needed, f"{len(able)} of {put.needed} who might approve"
        return {each.name for each in able}

    def judge_caps(self) -> None:
        """Between two examples more time passes than the window of people lasts, and each has a customer of its own."""
        refunds = [put for put in self.mine if put.amount and self.row(put).status in ALIVE]
        euros = [put.amount or 0 for put in refunds if put.currency == "EUR" and self.is_within(put, 30 * DAY)]
        assert sum(euros) <= 900_00
        for name in self.people:
            assert len([put for put in refunds if name in put.by and self.is_within(put, DAY)]) <= 2, name

    def is_within(self, put: Put, window: timedelta) -> bool:
        return put.approved_at is not None and self.clock.now - put.approved_at < window

    # How it is told

    def does(self, actor: Actor, work: Callable[[Unit], object]) -> bool:
        """Was it done? A refusal is as good."""
        try:
            with self.app.unit(actor) as unit:
                work(unit)
        except errors.FlowOpsError:
            return False
        return True

    def keep(self, effect: tables.Effect, amount: int | None) -> Put:
        expires = self.clock.now + DECIDE
        made = Put(effect.id, amount, self.currency, effect.proposed_by, effect.content_sha256, expires, self.email)
        assert made.content == self.hash(made)
        self.mine.append(made)
        return made

    def restore(self) -> None:
        """Give everybody back what the last example took from them."""
        changed = [(name, one) for name, one in self.people.items() if one.is_disabled or one.role is not PEOPLE[name]]
        if not changed:
            return
        with self.app.unit(SYSTEM) as unit:
            for name, person in changed:
                user = unit.session.get_one(tables.User, person.id)
                unit.record(events.RoleChanged(user_id=user.id, before=user.role, after=PEOPLE[name]))
                user.role, user.disabled_at = PEOPLE[name], None
                person.role, person.is_disabled = PEOPLE[name], False

    def pick(self, which: int, *statuses: kinds.Status) -> Put | None:
        """One of those of these statuses, if there is one; 3 is any."""
        fit = [put for put in self.mine if which == 3 or self.row(put).status in statuses]
        return fit[which % len(fit)] if fit else None

    def row(self, put: Put) -> Any:
        """What the database says of an effect: its status, its case and its hash."""
        with self.app.database.reading() as connection:
            return connection.execute(ROW, {"id": put.id}).one()

    def hash(self, put: Put) -> str:
        """What an approval would be bound to by what the records say just now."""
        return kinds.content_sha256(self.kind(put.amount), self.params(put.amount), self.records(put.amount))

    def amount_fits(self, put: Put) -> bool:
        return put.amount is None or put.amount <= self.refundable

    def kind(self, amount: int | None) -> str:
        return "reply" if amount is None else "refund"

    def params(self, amount: int | None) -> dict[str, Any]:
        if amount is None:
            return {"body": "We are looking into it."}
        return {"money": {"amount": amount, "currency": self.currency}, "invoiceId": "inv_1"}

    def records(self, amount: int | None) -> Records:
        account = Account(id=self.customer, email=self.email, name="C", plan=Plan.PRO, status="active", created_at=NOW)
        total, left = (Money(amount=each, currency=self.currency) for each in (TOTAL, self.refundable))
        known = {"id": "inv_1", "customer_id": self.customer, "status": "paid", "paid_at": self.paid_at}
        invoice = Invoice.model_validate(known | {"total": total, "refundable": left})
        return Records(account=account, invoice=None if amount is None else invoice, fetched_at=self.clock.now)


def bend(url: str, number: int | None, examples: int) -> dict[str, int]:
    """So many examples in one database, the same for the same number; how many approvals and executions there were."""
    clock = Clock()
    limits = {"refund": LIMITS}
    app = application.build(configuration.load(database_url=url, secret_key="k" * 32, limits=limits, caps=CAPS), clock)
    people = {}
    for name, role in PEOPLE.items():
        actor = cases.person(app, name, role)
        people[name] = Person(str(actor.id), name, role)
    with app.unit(SYSTEM) as unit:
        for name, domain in LINKED.items():
            links.add(unit, people[name].id, Link.DOMAIN, domain)
    counted = {"examples": 0, "approvals": 0, "executed": 0}
    shared = {"app": app, "clock": clock, "bot": world.service(app), "people": people, "counted": counted}
    machine = type("Bent", (Bending,), shared | {"numbers": itertools.count()})
    how = settings(
        max_examples=examples,
        stateful_step_count=6,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
        database=None,
        derandomize=False,
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(machine if number is None else seed(number)(machine), settings=how)
    app.close()
    return counted | {"examples": examples}
