"""Many who approve in the same moment what only some of can be approved, and what comes of it."""

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from flowops import app as application
from flowops import errors
from flowops import settings as configuration
from flowops.app import App
from flowops.domain.access import Actor
from flowops.domain.effects import Status
from flowops.domain.facts import Account, Invoice, Plan
from flowops.domain.money import Money
from flowops.storage import tables
from tests import cases, world
from tests.conftest import Clock

PEOPLE = 64
KINDS = ("by many for one customer", "by one for many customers", "by both", "by policy and people")
Refusal = tuple[str, str | None]  # the effect, and who tried to approve it, unless policy did
Call = Callable[[], Refusal | None]
_NUMBERS = count()


def open_app(url: str) -> tuple[App, Clock]:
    """An app under a clock that stands still, where a proposal can wait for a month."""
    clock = Clock()
    settings = configuration.load(database_url=url, secret_key="k" * 32, proposal_expiry="60d")
    return application.build(settings, clock), clock


def rush(app: App, clock: Clock, kind: str, dice: random.Random) -> dict[str, Any]:
    """Sixty-four approvals at once around a cap: how many there were, how many were had, and what was wrong with it."""
    bot = world.service(app, f"bot {next(_NUMBERS)}")
    amounts = [10_00] * PEOPLE if kind == KINDS[3] else [dice.randint(1_00, 90_00) for _ in range(PEOPLE)]
    per = ["operator"] if kind == KINDS[1] else ["customer", "operator"] if kind == KINDS[2] else ["customer"]
    limit = _limit(dice, amounts)
    caps = [{"kind": "refund", "per": each, "window": "30d", **limit} for each in per]
    capped = replace(app, settings=app.settings.model_copy(update={"caps": tuple(map(_cap, caps))}))
    customers = [f"customer {next(_NUMBERS)}" for _ in range(8 if kind == KINDS[1] else 1)]
    people = [cases.person(app, f"Person {next(_NUMBERS)}") for _ in range(2 if kind == KINDS[2] else PEOPLE)]
    people = people[:1] if kind == KINDS[1] else people
    asked = [_asked(dice.choice(customers), amount) for amount in amounts]
    _know(app, clock, customers)
    by_policy = PEOPLE // 2 if kind == KINDS[3] else 0
    effects = [world.proposed(capped, bot, **each) for each in asked[by_policy:]]
    clock.forward(days=8)  # so that there were no cases lately, and policy may approve
    calls = [_receiving(capped, bot, each) for each in asked[:by_policy]]
    calls += [_approving(capped, dice.choice(people), effect) for effect in effects]
    dice.shuffle(calls)
    faults, refused = _at_once(calls)
    approved, wrong = _judge(app, bot, refused, caps)
    return {"approvals": len(calls), "approved": approved, "faults": faults + wrong}


def _limit(dice: random.Random, amounts: Sequence[int]) -> dict[str, Any]:
    """A number of effects or an amount that some of them fit in."""
    if dice.random() < 0.5:
        return {"count": dice.randint(0, len(amounts) // 4)}
    return {"money": {"amount": dice.randint(0, sum(amounts) // 4), "currency": "EUR"}}


def _cap(cap: dict[str, Any]) -> configuration.CapSetting:
    return configuration.CapSetting.model_validate(cap)


def _asked(customer: str, amount: int) -> dict[str, Any]:
    params = {"money": {"amount": amount, "currency": "EUR"}, "invoiceId": f"invoice of {customer}"}
    return {"customer_id": customer, "params": params}


def _know(app: App, clock: Clock, customers: Sequence[str]) -> None:
    """Let the records know these customers, and an invoice of each that was paid just now."""
    paid, total = clock.now, Money(amount=1_000_000, currency="EUR")
    for customer in customers:
        invoice = f"invoice of {customer}"
        since = paid - timedelta(days=400)
        account = Account(
            id=customer, email="c@example.com", name="C", plan=Plan.PRO, status="active", created_at=since
        )
        known = {"id": invoice, "customer_id": customer, "status": "paid", "total": total, "refundable": total}
        app.sandbox.put([account], [Invoice.model_validate(known | {"paid_at": paid})])


def _receiving(app: App, bot: Actor, asked: dict[str, Any]) -> Call:
    def call() -> Refusal | None:
        request = world.receive(app, bot, **asked)
        return None if request.outcome == "approved" else (world.effect_of(app, request).id, None)

    return call


def _approving(app: App, who: Actor, effect: tables.Effect) -> Call:
    def call() -> Refusal | None:
        try:
            world.approve(app, who, effect)
        except errors.CapReached:
            return effect.id, who.id
        return None

    return call


def _at_once(calls: Sequence[Call]) -> tuple[list[str], list[Refusal]]:
    """What went wrong, and what was refused."""
    ready, faults, refused = threading.Barrier(len(calls)), list[str](), list[Refusal]()

    def run(call: Call) -> None:
        ready.wait()
        try:
            if refusal := _patiently(call):
                refused.append(refusal)
        except errors.FlowOpsError as error:
            faults.append(f"{type(error).__name__}: {error}")

    with ThreadPoolExecutor(len(calls)) as threads:
        list(threads.map(run, calls))
    return faults, refused


def _patiently(call: Call) -> Refusal | None:
    """Once more when it was never begun, because too many waited for their turn; a deadlock is a fault."""
    for _ in range(30):
        try:
            return call()
        except errors.Unavailable as busy:
            if not re.search(r"busy for \d+ s", str(busy)):
                raise
    return call()


def _judge(app: App, bot: Actor, refused: Sequence[Refusal], caps: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """How many are approved; whose cap is exceeded, and who was refused although there is room to this moment."""
    with app.view() as view:
        row = tables.Effect
        rows = {each.id: each for each in view.session.scalars(select(row).where(row.proposed_by == bot.id))}
        yes = tables.Approval
        given = view.session.execute(select(yes.user_id, yes.effect_id).where(yes.effect_id.in_(rows))).all()
    approved = [each for each in rows.values() if each.status is Status.APPROVED]
    by_person = [(user_id, rows[effect_id]) for user_id, effect_id in given if rows[effect_id] in approved]
    by_customer = [(str(each.customer_id), each) for each in approved]
    faults = list[str]()
    fitting = set(refused)
    for cap in caps:
        most = cap["count"] if "count" in cap else cap["money"]["amount"]
        held = Counter[str]()
        for subject, effect in by_customer if cap["per"] == "customer" else by_person:
            held[subject] += _size(cap, effect)
        faults += [f"{subject} has {much} of {most}" for subject, much in held.items() if much > most]
        for effect_id, who in refused:
            subject = str(rows[effect_id].customer_id if cap["per"] == "customer" else who)
            if held[subject] + _size(cap, rows[effect_id]) > most:
                fitting.discard((effect_id, who))
    faults += [f"{rows[effect_id].amount} was refused although there is room" for effect_id, _ in fitting]
    return len(approved), faults


def _size(cap: dict[str, Any], effect: tables.Effect) -> int:
    return 1 if "count" in cap else int(effect.amount or 0)
