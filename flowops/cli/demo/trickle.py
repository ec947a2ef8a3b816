"""Keeps the demonstration alive: new requests come in now and then, and customers answer who was asked something."""

import random
import re
import threading
import unicodedata
from functools import partial
from itertools import count
from typing import Any

from flowops.app import App
from flowops.cli.demo import acts, cases, seed, world
from flowops.domain.access import Actor
from flowops.domain.facts import Plan
from flowops.domain.filters import Filters, Waiting
from flowops.domain.money import Money
from flowops.queries import handoffs
from flowops.workers import loop

GAP = (20.0, 40.0)  # seconds from one thing to the next
ANSWERS = 0.2  # how often it is an answer, as long as somebody waits for one
PRICES = (9, 12, 29, 49, 79, 120, 190, 240, 390, 620)


def run(
    app: App, people: dict[str, Actor], stop: threading.Event, *, gap: tuple[float, float] = GAP, dice: int = seed.DICE
) -> None:
    """Let something come in every few seconds until `stop` is set; the same things in the same order for one `dice`."""
    rolls = random.Random(dice)
    for number in count(1):
        if stop.wait(rolls.uniform(*gap)):
            return
        loop.survives(partial(happen, app, people, rolls, number))


def happen(app: App, people: dict[str, Actor], dice: random.Random, number: int) -> None:
    """Let a customer answer whom somebody waits for, or else a new one ask for something."""
    with app.view() as view:
        waiting = handoffs.search(view, Filters(waiting=Waiting.CUSTOMER)).items
    if waiting and dice.random() < ANSWERS:
        case = dice.choice(waiting).handoff
        answer = dice.choice(cases.read("trickle")["answers"])
        acts.write(app, people[world.BOTS[case.queue]], case.id, "customer", answer)
    else:
        seed.receive(app, people, invent(app, dice, number))


def invent(app: App, dice: random.Random, number: int) -> cases.Case:
    """One of the requests, of a customer who was never here before."""
    told = cases.read("trickle")
    template = dict(told["cases"][number * 7 % len(told["cases"])])  # each once before any again, the trades mixed
    customer, invoice = f"cust_{1000 + number}", f"inv_{1000 + number}"
    name = f"{dice.choice(told['first'])} {dice.choice(told['last'])}"
    price = Money(amount=dice.choice(PRICES) * 100, currency=template.pop("currency", "EUR"))
    today = app.now()
    account = cases.Customer(customer, _address(name), name, Plan.PRO, "active", dice.randrange(5, 900))
    bill = cases.Bill(invoice, customer, "paid", price.amount, price.amount, price.currency, dice.randrange(1, 45))
    app.sandbox.put([account.account(today)], [bill.invoice(today)])
    if reason := template.pop("refund", None):
        template["refund"] = (price.amount, price.currency, invoice, reason)
    words = {"city": dice.choice(told["cities"]), "order": dice.randrange(10_000, 99_999)}
    filled = _fill(template, {**words, "money": price, "invoice": invoice})
    return cases.Case.model_validate({"key": f"trickle-{number}", "ago": "0s", "customer": customer, **filled})


def _fill(value: Any, words: dict[str, Any]) -> Any:
    """The template with these words in its texts."""
    match value:
        case str():
            return value.format_map(words)
        case dict():
            return {name: _fill(inner, words) for name, inner in value.items()}
        case list() | tuple():
            return [_fill(inner, words) for inner in value]
    return value


def _address(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.lower().replace(" ", "."))
    return re.sub("[^a-z.]", "", letters) + "@example.com"
