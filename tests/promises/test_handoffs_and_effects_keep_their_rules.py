"""Whatever people, services, workers and time do to a case and its effects, both stay what a plain model says.

Every step is one call: it succeeds or is refused as the model expects. A refusal changes nothing; a success is on
record, and gives the case a new version when it changed something an operator sees.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from flowops import app as application
from flowops import settings as configuration
from flowops.actions import effects, execution, intake
from flowops.domain import effects as kinds
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.facts import Account, Asked, Invoice, Plan, Records
from flowops.domain.handoffs import Priority
from flowops.domain.money import Money
from flowops.storage.unit import Unit
from tests import cases, rules, verbs, world
from tests.conftest import NOW, Clock
from tests.promises.look import Seen, look

INVOICE, TOTAL = "inv_1", 100_000
REPLY = None
AMOUNTS = st.sampled_from([REPLY, 4_900, 30_000, 60_000, 60_000])
PEOPLE = dict.fromkeys(("Ada", "Bob"), Role.OPERATOR) | dict.fromkeys(("Sue", "Tom", "Una"), Role.SUPERVISOR)
PEOPLE["Max"] = Role.ADMIN
OWNER = "the owner"
WHO = st.sampled_from([OWNER, OWNER, OWNER, *PEOPLE])
PAUSE = st.sampled_from([0, 0, 5, 10, 600, 900, 3600])  # seconds
LEFT = st.sampled_from([None, None, None, TOTAL, 99_000, 10_000, 0])  # what billing says from now on; None: as before
SAYS = st.sampled_from([*["approve"] * 9, "decline", "cancel", "withdraw"])
ENDS = st.sampled_from(["done", "done", "failed", "put back", "lost"])
APPROVER = st.sampled_from(["Sue", "Tom", "Una"])
OFTEN = ["claim", "claim", "claim", "resolve", "resolve"]
VERB = st.sampled_from(
    [*OFTEN, "release", "reopen", "escalate", "note", "draft", "write", "wait", "resume", "assign", "prioritise"]
)
WHICH = st.integers(0, 3)  # one of the effects that fit best; 3 is any
MOSTLY = st.sampled_from([True, True, True, False])


def scene(name: str, **how: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.tuples(st.just(name), st.fixed_dictionaries(how))


WORK = scene("work", who=WHO, acts=st.lists(st.tuples(PAUSE, VERB), min_size=1, max_size=3), to=WHO)
SAID = st.lists(st.tuples(LEFT, WHO | APPROVER, SAYS), min_size=1, max_size=3)
DECIDE = scene("decide", said=SAID, which=WHICH, as_it_is=MOSTLY)
CARRY_OUT = scene("carry_out", which=WHICH, ends=ENDS, refundable=LEFT, in_time=MOSTLY)
PROPOSE = scene("propose", amount=AMOUNTS, by_bot=st.booleans())
SWEEP = scene("sweep", seconds=PAUSE | st.just(7 * 86_400))
SCENE = st.one_of(WORK, WORK, DECIDE, DECIDE, CARRY_OUT, PROPOSE, SWEEP)


class Rules(RuleBasedStateMachine):
    """One customer's request after another, each with a case and effects of its own, in one database."""

    app: ClassVar[application.App]
    clock: ClassVar[Clock]
    people: ClassVar[dict[str, Actor]]
    bot: ClassVar[Actor]
    numbers: ClassVar[Iterator[int]]

    @initialize(begin=st.sampled_from(["a case", "a proposal", "a proposal", "an approval"]), amount=AMOUNTS)
    def receive(self, begin: str, amount: int | None) -> None:
        """From a service: to be looked at, with or without an effect, or a refund so small that policy approves it."""
        self.customer, self.paid_at, self.refundable = f"customer {next(self.numbers)}", self.clock.now, TOTAL
        if begin == "an approval":
            amount = 4_900
        asked = Asked(
            channel="chat",
            customer_id=self.customer,
            escalate=begin != "an approval",
            kind=None if begin == "a case" else kind_of(amount),
            params={} if begin == "a case" else params_of(amount),
        )
        with self.app.unit(self.bot) as unit:
            incoming = intake.Incoming(asked, "default")
            request = intake.receive(unit, incoming, self.records(amount), self.app.policy, self.app.settings)
        self.request_id = request.id
        self.case: rules.Case | None = None if begin == "an approval" else rules.Case()
        self.effects: dict[str, rules.Effect] = {}
        self.called: set[str] = set()
        self.drafts = 0
        self.seen = look(self.app, self.request_id)
        for effect_id in self.seen.effects:
            effect = self.keep(effect_id, amount, self.bot)
            if begin == "an approval":
                effect.status, effect.needed, effect.execute_after = "approved", 0, self.clock.now
                effect.expires = self.clock.now + rules.CARRY_OUT

    @rule(scene=SCENE)
    def go_on(self, scene: tuple[str, dict[str, Any]]) -> None:
        """The scenes of a story are one rule: of several, each run would leave some out, and few would go deep."""
        name, how = scene
        if (name not in {"work", "propose"} or self.case) and (name not in {"decide", "carry_out"} or self.effects):
            getattr(self, name)(**how)

    # What people do to the case

    def work(self, who: str, acts: list[tuple[int, str]], to: str) -> None:
        """One person at it, with pauses; `to` is to whom they assign it."""
        actor, other = self.person(who), self.person(to)
        for seconds, verb in acts:
            self.clock.forward(seconds=seconds)
            self.act(actor, verb, other)

    def act(self, actor: Actor, verb: str, other: Actor) -> None:
        case, now = self.known, self.clock.now
        more: tuple[Any, ...] = ()
        match verb:
            case "resolve":
                waiting = any(effect.status in rules.OPEN for effect in self.effects.values())
                refused = case.resolve(actor, now, waiting_effects=waiting)
            case "prioritise":
                more = (Priority.HIGH if self.seen.case["priority"] is Priority.LOW else Priority.LOW,)
                refused = case.prioritise(actor, now)
            case "wait":
                more = (None if case.until else now + timedelta(hours=1),)
                refused = case.wait(actor, more[0], now)
            case "assign":
                refused, more = case.assign(actor, other, now), (other,)
            case "draft":
                refused, more = case.draft(actor, now), ("Dear Ada,", self.drafts)
                self.drafts += not refused
            case "write":
                actor, refused = self.bot, case.hear(now)
            case _:
                refused = getattr(case, verb)(actor, now)
        act: Callable[..., object] = getattr(verbs, verb)
        self.do(lambda: act(self.app, actor, self.case_id, *more), refused)

    # What people do to effects

    def propose(self, amount: int | None, by_bot: bool) -> None:
        if len(self.effects) == 3:
            return
        actor, before = self.bot if by_bot else self.person(OWNER), self.seen.effects
        refused = self.known.refuse_resolved() if by_bot else self.known.owned(actor, self.clock.now)
        asked = Asked(channel="chat", customer_id=self.customer, kind=kind_of(amount), params=params_of(amount))
        told = self.records(amount), self.app.policy, self.app.settings
        self.by(actor, lambda unit: effects.propose(unit, self.case_id, asked, *told), refused)
        for effect_id in self.seen.effects.keys() - before:
            self.keep(effect_id, amount, actor)

    def decide(self, said: list[tuple[int | None, str, str]], which: int, as_it_is: bool) -> None:
        """One person after another, upon what the records say just then, or upon what the effect is bound to."""
        effect_id, _ = self.pick(which, *rules.OPEN)
        for refundable, who, answer in said:
            self.change(refundable)
            if answer == "approve":
                self.approve(self.person(who), effect_id, as_it_is)
            else:
                self.refuse(self.bot if answer == "withdraw" else self.person(who), effect_id, answer)

    def approve(self, actor: Actor, effect_id: str, as_it_is: bool) -> None:
        effect, now = self.effects[effect_id], self.clock.now
        fresh, bound = self.content(effect.amount), effect.content
        seen = fresh if as_it_is else bound
        sha256 = self.hash(effect) if seen != bound else self.seen.effects[effect_id]["content_sha256"]
        refused = rules.late(self.case, actor, now) or effect.approve(actor, seen, fresh, now)
        if not refused and self.case:
            self.case.stay(actor, now)
        told = effects.Answer(sha256), self.records(effect.amount), self.app.policy, self.app.settings
        self.by(actor, lambda unit: effects.approve(unit, effect_id, *told), refused)

    def refuse(self, actor: Actor, effect_id: str, answer: str) -> None:
        effect, late = self.effects[effect_id], rules.late(self.case, actor, self.clock.now)
        refused = late or (effect.decline(actor) if answer == "decline" else effect.cancel(actor, self.clock.now))
        if not refused and self.case:
            if self.case.status == "resolved":
                self.need_person()
            self.case.stay(actor, self.clock.now)
        say = partial(effects.decline, reason="no") if answer == "decline" else effects.cancel
        self.by(actor, lambda unit: say(unit, effect_id, settings=self.app.settings), refused)

    # What everything else does

    def sweep(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)
        now, before = self.clock.now, self.seen
        if self.case:
            self.case.sweep(now)
        for effect in self.effects.values():
            if effect.status in {*rules.OPEN, "approved"} and effect.expires <= now:
                if effect.status == "approved":
                    self.need_person()
                effect.status = "expired"
        verbs.sweep(self.app, 1_000)
        with self.app.unit(SYSTEM) as unit:
            effects.expire_due(unit, 1_000)
        self.seen = look(self.app, self.request_id)
        if self.seen.shown != before.shown:
            self.check_record(before)

    def carry_out(self, which: int, ends: str, refundable: int | None, in_time: bool) -> None:
        """At the end of the undo window, or whenever; it may be lost on the way, also after the provider answered."""
        self.change(refundable)
        effect_id, effect = self.pick(which, "approved", "executing")
        if in_time and effect.can_be_called_back(self.clock.now):
            self.clock.forward(seconds=10)
        before, was = self.seen, effect.status
        calls = effect.start(self.content(effect.amount), self.clock.now)
        if effect.status in {"held", "expired"} and effect.status != was:
            self.need_person()
        with self.app.unit(SYSTEM) as unit:
            told = self.records(effect.amount), self.app.policy, self.app.settings
            assert world.begins(unit, effect_id, *told) is calls
        self.seen = look(self.app, self.request_id)
        if effect.status == was:
            assert self.seen == before
        else:
            self.check_record(before)
        if calls:
            if was != "executing":
                self.check_approvals(effect_id)
            self.call(effect_id, ends)

    def call(self, effect_id: str, ends: str) -> None:
        effect = self.effects[effect_id]
        if effect_id in self.called:
            ends = "lost" if ends == "lost" else "done"  # the provider says again what it said
        elif ends in {"done", "lost"}:
            self.called.add(effect_id)
            self.refundable -= effect.amount or 0
        if ends == "lost":
            return
        effect.status = {"done": "done", "failed": "failed", "put back": "approved"}[ends]
        if ends == "failed":
            self.need_person()
        self.by(SYSTEM, lambda unit: settle(unit, effect_id, ends))

    # What must be true at any time

    @invariant()
    def the_rows_are_what_the_model_says(self) -> None:
        assert (self.seen.case is None) is (self.case is None)
        if self.case:
            row, tier = self.seen.case, "supervisor" if self.case.needs_supervisor else "operator"
            assert (row["status"], row["tier"], row["claimed_by"]) == (self.case.status, tier, self.case.owner)
            assert (row["claim_expires_at"], row["wait_until"]) == (self.case.ends, self.case.until)
            assert (row["waiting_for"] is not None) is self.case.waits
            assert (row["resolved_by"] is not None) is (self.case.status == "resolved")
        for effect_id, effect in self.effects.items():
            row = self.seen.effects[effect_id]
            assert (row["status"], row["approvals_needed"]) == (effect.status, effect.needed)
            assert (row["execute_after"], row["expires_at"]) == (effect.execute_after, effect.expires)
            assert self.seen.approvers(effect_id) == effect.yes

    @invariant()
    def no_state_is_illegal(self) -> None:
        statuses = {row["status"] for row in self.seen.effects.values()}
        if (case := self.seen.case) is not None:
            assert case["status"] != "resolved" or statuses.isdisjoint(rules.OPEN)
            assert (case["status"] == "pending") is (case["claimed_by"] is None)
            assert case["status"] == "claimed" or case["claim_expires_at"] is case["waiting_for"] is None
        assert all(row["handoff_id"] for row in self.seen.effects.values() if row["status"] in {*rules.OPEN, "failed"})
        assert sum(effect.amount or 0 for effect in self.effects.values() if effect.status == "done") <= TOTAL

    def check_approvals(self, effect_id: str) -> None:
        """Enough different people who may have approved exactly what is carried out, or policy alone a small amount."""
        effect, row = self.effects[effect_id], self.seen.effects[effect_id]
        amount, yes = effect.amount or 0, self.seen.approvers(effect_id)
        assert row["content_sha256"] == self.hash(effect)
        if row["approvals_needed"] == 0:
            assert (row["revision"], row["proposed_by"], amount <= rules.AUTOMATIC) == (1, self.bot.id, True)
            return
        roles = [actor.role for actor in self.people.values() if actor.id in yes]
        assert len(roles) >= rules.people(effect.amount)
        assert set(roles) <= ({Role.SUPERVISOR} if amount > rules.OPERATOR else {Role.OPERATOR, Role.SUPERVISOR})
        assert amount < rules.TWO_PEOPLE or row["proposed_by"] not in yes

    # How it is told

    def by(self, actor: Actor, work: Callable[[Unit], object], refused: rules.Refused = None) -> None:
        def call() -> None:
            with self.app.unit(actor) as unit:
                work(unit)

        self.do(call, refused)

    def do(self, call: Callable[[], object], refused: rules.Refused = None) -> None:
        """Let somebody act: refused means nothing changed, done means it is on record."""
        before = self.seen
        if refused:
            with pytest.raises(refused) as told:
                call()
            assert (told.type, look(self.app, self.request_id)) == (refused, before)
        else:
            call()
            self.seen = look(self.app, self.request_id)
            self.check_record(before)

    def check_record(self, before: Seen) -> None:
        assert self.seen.entries > before.entries
        if before.case and self.seen.shown != before.shown:
            assert self.seen.case["version"] > before.case["version"]

    def keep(self, effect_id: str, amount: int | None, proposer: Actor) -> rules.Effect:
        content, expires = self.content(amount), self.clock.now + rules.DECIDE
        effect = rules.Effect(amount, proposer.id, content, rules.denied(content), expires, needed=rules.people(amount))
        self.effects[effect_id] = effect
        return effect

    def change(self, refundable: int | None) -> None:
        self.refundable = self.refundable if refundable is None else refundable

    def need_person(self) -> None:
        self.case = self.case or rules.Case()
        self.case.need_person(self.clock.now)

    def pick(self, which: int, *statuses: str) -> tuple[str, rules.Effect]:
        every = list(self.effects.items())
        fit = [each for each in every if each[1].status in statuses and which < 3]
        return (fit or every)[which % len(fit or every)]

    def hash(self, effect: rules.Effect) -> str:
        """What an approval would be bound to by what the records say just now."""
        return kinds.content_sha256(kind_of(effect.amount), params_of(effect.amount), self.records(effect.amount))

    def content(self, amount: int | None) -> rules.Content:
        return amount, None if amount is None else self.refundable

    def records(self, amount: int | None) -> Records:
        now = self.clock.now
        account = Account(
            id=self.customer, email="a@example.com", name="A", plan=Plan.PRO, status="active", created_at=NOW
        )
        total, left = (Money(amount=amount, currency="EUR") for amount in (TOTAL, self.refundable))
        invoice = Invoice(
            id=INVOICE, customer_id=self.customer, status="paid", total=total, refundable=left, paid_at=self.paid_at
        )
        return Records(account=account, invoice=None if amount is None else invoice, fetched_at=now)

    @property
    def known(self) -> rules.Case:
        assert self.case
        return self.case

    @property
    def case_id(self) -> str:
        return str(self.seen.case["id"])

    def person(self, who: str) -> Actor:
        """Whoever owns the case, or did when it was swept, is Ada if there is nobody."""
        last = who == OWNER and self.case and (self.case.owner or self.case.swept)
        known = {actor.id: actor for actor in self.people.values()}
        return known[last] if last else self.people.get(who, self.people["Ada"])


def kind_of(amount: int | None) -> str:
    return "reply" if amount is None else "refund"


def params_of(amount: int | None) -> dict[str, Any]:
    if amount is None:
        return {"body": "We are looking into it."}
    return {"money": {"amount": amount, "currency": "EUR"}, "invoiceId": INVOICE}


def settle(unit: Unit, effect_id: str, ends: str) -> None:
    match ends:
        case "done":
            execution.finish(unit, effect_id, "a receipt", unit.now)
        case "failed":
            execution.fail(unit, effect_id, "no")
        case _:
            execution.put_back(unit, effect_id, "nobody there")


QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,), database=None)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(4))
def test_many_stories_end_as_the_plain_model_says(part: int, sqlite_template: Path, tmp_path: Path) -> None:
    """A thousand stories, in parts that each begin with an empty database; a build tells the same ones every time."""
    url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'flowops.db')}"
    clock = Clock()
    app = application.build(configuration.load(database_url=url, secret_key="k" * 32), clock)
    Rules.app, Rules.clock, Rules.bot, Rules.numbers = app, clock, world.service(app), itertools.count()
    Rules.people = {name: cases.person(app, name, role) for name, role in PEOPLE.items()}
    told = seed(part)(type(f"Part{part}", (Rules,), {})) if "CI" in os.environ else Rules
    how = settings(QUIET, max_examples=250, stateful_step_count=8, derandomize=False, report_multiple_bugs=False)
    run_state_machine_as_test(told, settings=how)
    app.close()
