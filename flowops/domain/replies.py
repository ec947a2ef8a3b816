"""What a reply says that somebody can hold it to, and whether anything we know supports it. It decides nothing.

Read are, in the subject and the body: amounts with a currency; ids of invoices and payouts, by their form or after
such a word; dates, of a day or a month; the plan somebody is said to have; and commitments (`commitments`). Each must
be in the records, in an effect of the case that somebody stands for, or in what the customer wrote themselves.

Not read are bare numbers and counts ("3 to 5 business days"), percentages, times, weekdays, number words, ids of other
things, "20 may" in small letters, what other plans offer, and commitments under a condition or told as somebody's wish.
Days are those of UTC. The title of the case, which heads a reply without a subject, is its caller's.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Set
from datetime import datetime
from decimal import Context, Decimal
from typing import NamedTuple

from flowops.domain import commitments, effects, statements
from flowops.domain.facts import Deed, Facts, Invoice, Plan
from flowops.domain.money import EXPONENTS, Money
from flowops.domain.statements import Reading, Statement

SHOWN = 3  # of what is known, to set beside what is not
_NAMED = re.compile(
    r"\b(?:invoices?|bills?|payouts?)(?:\s+(?:no\.?|number|id|reference))?\s*[:#]?\s*[(\[“\"'`]?$", re.IGNORECASE
)
_FORM = re.compile(r"([^\W\d]+[-_#/]?)\d", re.IGNORECASE)
_USUAL = re.compile(r"(?:inv|invoice|payout)[-_#/]?\d", re.IGNORECASE)
_PLANS = "|".join(Plan)
_PLAN = re.compile(
    rf"\b(?P<before>{_PLANS})[\s-]+(?:plan|subscription|tier|membership|account)\b"
    rf"|\bplan(?:\s+is|:)?\s+(?:now\s+|currently\s+|still\s+)?(?:the\s+)?[“\"'`]?(?P<after>{_PLANS})\b"
    rf"|\byou(?:'re|\s+are|\s+were|r\s+account\s+is)\s+(?:now\s+|currently\s+|still\s+)?on\s+(?:the\s+|our\s+)?"
    rf"(?P<on>{_PLANS})\b",
    re.IGNORECASE,
)
_YOURS = re.compile(r"\b(?:you|your|yours|you're|you've)\b", re.IGNORECASE)
_ANOTHER = re.compile(
    r"\b(?:upgrade|downgrade|switch|change|move|if|could|would|can|may|might|offer|compared?|than|other|another)\b",
    re.IGNORECASE,
)
_VERB = re.compile(r"^\d+ (?:may|march)$|^(?:may|march) \d+$")  # "no more than 20 may arrive"
_STOP = re.compile(r"[.!?](?=\s)|\n")


class Finding(NamedTuple):
    """One class of statements, whether all of them are supported, and what to tell of it when they are not."""

    check: str
    supported: bool
    known: str
    said: str


def findings(facts: Facts) -> Iterator[Finding]:
    """What the reply says, class by class; nothing of a class it says nothing of, and of another kind of effect."""
    reply = facts.effect
    if isinstance(reply, effects.Reply):
        text = _text(reply)
        said, known = list(statements.read(text)), _Known(facts)
        sums = sorted(known.sums, key=lambda each: each[1].split()[-1] not in text)  # those it speaks of first
        yield from _about("reply_amounts_are_known", "amount", [s for s in said if s.is_sum], known.covers, sums)
        ids = [s for s in said if _is_record(s, text, known.forms)]
        yield from _about("reply_ids_are_known", "invoice or payout", ids, known.names, known.ids)
        dates = [s for s in said if s.is_date and not _VERB.search(s.raw)]
        yield from _about("reply_dates_are_known", "date", dates, known.covers, known.days)
        yield from _plan(text, facts)
        yield from _promises(text, known)


def needs_billing(kind: str | None, params: dict[str, object]) -> bool:
    """Does the reply say something of which billing may know whether it is so? Of all others nobody need ask it."""
    reply = effects.read(kind, params)
    if not isinstance(reply, effects.Reply):
        return False
    text = _text(reply)
    says = any(
        s.is_sum or (s.is_date and not _VERB.search(s.raw)) or _may_be_record(s, text) for s in statements.read(text)
    )
    return says or any(not said.supposed for said in commitments.read(text))


def mentions(texts: Iterable[str], most: int) -> tuple[str, ...]:
    """The amounts, dates and ids of these texts as they are written, each once, the first of them."""
    found: dict[str, None] = {}
    for text in map(statements.plain, texts):
        for said in statements.read(text):
            if said.is_sum or said.is_date or said.is_id or _may_be_record(said, text):
                found.setdefault(said.raw)
                if len(found) >= most:
                    return tuple(found)
    return tuple(found)


def _text(reply: effects.Reply) -> str:
    return statements.plain(f"{reply.subject or ''}\n{reply.body}")


class _Known:
    """What a reply in these facts may say."""

    def __init__(self, facts: Facts) -> None:
        records, case = facts.records, facts.case
        self.account = records.account
        self.invoices: dict[str, Invoice] = {invoice.id: invoice for invoice in records.invoices}
        if records.invoice and records.invoice.customer_id == facts.asked.customer_id:
            self.invoices[records.invoice.id] = records.invoice
        self.payout = records.payout
        self.deeds = tuple(deed for deed in (case.deeds if case else ()) if deed.status in commitments.AGREED)
        own = mentions((m.text for m in facts.asked.messages if m.role == "customer"), 200)
        self.written = (*own, *(case.mentioned if case else ()))
        self.sums = list(dict.fromkeys(self._sums()))
        self.ids = list(dict.fromkeys(self._ids()))
        self.days = [(instant.date().isoformat(), what) for instant, what in self._instants(facts)]
        self.forms = frozenset(form[1].casefold() for id, _ in self.ids if (form := _FORM.match(id)))
        told = {reading for text in self.written for said in statements.read(text) for reading in said.readings}
        amounts = {_reading(money) for money, _ in self._money()}
        dates = {("date", day) for day, _ in self.days}
        self.readings = {wide for reading in told | amounts | dates for wide in statements.widen(reading)}

    def covers(self, said: Statement) -> bool:
        return any(
            reading in self.readings for reading in said.readings if reading[0] != "number" and reading[0] != "text"
        )

    def names(self, said: Statement) -> bool:
        return said.raw.casefold() in {id.casefold() for id, _ in self.ids} | {each.casefold() for each in self.written}

    def _sums(self) -> Iterator[tuple[str, str]]:
        yield from ((str(money), what) for money, what in self._money())

    def _money(self) -> Iterator[tuple[Money, str]]:
        for deed in self.deeds:
            if deed.money:
                yield deed.money, f"the {deed.status} {deed.kind}"
        yield from ((total, "all of them") for total in _totals(self.deeds))
        for invoice in self.invoices.values():
            yield invoice.total, invoice.id
            yield invoice.refundable, f"refundable of {invoice.id}"
            back = invoice.total.amount - invoice.refundable.amount
            if back > 0 and invoice.total.currency == invoice.refundable.currency:
                yield Money(amount=back, currency=invoice.total.currency), f"not refundable of {invoice.id}"
        if self.payout:
            yield self.payout.amount, self.payout.id

    def _ids(self) -> Iterator[tuple[str, str]]:
        yield from ((id, f"the {deed.kind}") for deed in self.deeds for id in deed.ids)
        yield from ((id, "billing") for id in self.invoices)
        if self.payout:
            yield self.payout.id, "billing"

    def _instants(self, facts: Facts) -> Iterator[tuple[datetime, str]]:
        yield from ((deed.at, f"the {deed.kind}") for deed in self.deeds)
        yield from ((i.paid_at, f"{i.id} paid") for i in self.invoices.values() if i.paid_at)
        if self.payout:
            yield self.payout.created_at, self.payout.id
        if self.account:
            yield self.account.created_at, "the account made"
        yield facts.now, "today"
        yield from ((at, "the case") for at in (facts.case.at if facts.case else ()))
        yield from ((message.at, "the case") for message in facts.asked.messages)


def _about(
    check: str, what: str, said: list[Statement], supports: Callable[[Statement], bool], known: list[tuple[str, str]]
) -> Iterator[Finding]:
    if said:
        wrong = [statement.raw for statement in said if not supports(statement)]
        once = dict(reversed(known))
        first = [(value, once.pop(value)) for value, _ in known if value in once]
        beside = ", ".join(f"{value} ({where})" for value, where in first[:SHOWN])
        rest = f" and {len(first) - SHOWN} more" if len(first) > SHOWN else ""
        known_of = f"the records know {beside}{rest}" if known else f"the records know no such {what}"
        told = ", ".join(dict.fromkeys(wrong or [statement.raw for statement in said]))
        yield Finding(check, not wrong, known_of, f"the reply says {told}")


def _is_record(said: Statement, text: str, forms: Set[str]) -> bool:
    """Does this name an invoice or a payout: by a form such ids have, or because the word stands before it?"""
    if said.is_sum or said.is_date:
        return False
    if said.is_id and (_USUAL.match(said.raw) or ((form := _FORM.match(said.raw)) and form[1].casefold() in forms)):
        return True
    is_number = any(unit == "number" for unit, _ in said.readings) and said.raw.isdigit()
    return (said.is_id or is_number) and _NAMED.search(text, max(0, said.at - 40), said.at) is not None


def _may_be_record(said: Statement, text: str) -> bool:
    """Could this be such an id, as far as its form says without knowing any?"""
    is_address = "@" in said.raw or "://" in said.raw
    return _is_record(said, text, frozenset()) or (said.is_id and not is_address and _FORM.match(said.raw) is not None)


def _plan(text: str, facts: Facts) -> Iterator[Finding]:
    """The plan the reader is said to have; what others cost or offer is another matter."""
    said = []
    for found in _PLAN.finditer(text):
        start = max((stop.end() for stop in _STOP.finditer(text, 0, found.start())), default=0)
        stop = _STOP.search(text, found.end())
        sentence = text[start : stop.end() if stop else len(text)]
        if _YOURS.search(sentence) and not _ANOTHER.search(sentence) and not sentence.rstrip().endswith("?"):
            said.append((found["before"] or found["after"] or found["on"]).casefold())
    if said:
        plan = facts.account.plan if facts.account else None
        wrong = [each for each in said if each != plan]
        known = f"the account has the plan {plan}" if plan else "the account is not known"
        told = ", ".join(dict.fromkeys(wrong or said))
        yield Finding("reply_plan_is_the_accounts", not wrong, known, f"the reply says the plan is {told}")


def _promises(text: str, known: _Known) -> Iterator[Finding]:
    """What is said to be done or to come, each with something behind it that fits what its sentence says of it."""
    made = [said for said in commitments.read(text) if not said.supposed]
    if made:
        wrong = [said for said in made if not _is_kept(said, text, known)]
        first = wrong[0] if wrong else made[0]
        yield Finding("reply_promises_are_kept", not wrong, _standing(first, known.deeds), _promise(first))


def _is_kept(said: commitments.Commitment, text: str, known: _Known) -> bool:
    """Does an effect stand behind it, or, of what is said to be done, a record that the reply names?"""
    in_it = list(statements.read(said.sentence))
    sums = {reading for each in in_it if each.is_sum for reading in each.readings}
    ids = {each.raw.casefold() for each in in_it if _is_record(each, said.sentence, known.forms)}
    total = _totals(known.deeds)

    def fits(amounts: Iterable[Money], names: Iterable[str]) -> bool:
        wide = {reading for money in amounts for reading in statements.widen(_reading(money))}
        return (not sums or not sums.isdisjoint(wide)) and (
            not ids or not ids.isdisjoint(name.casefold() for name in names)
        )

    deeds = [
        {"kind": deed.kind, "status": deed.status}
        for deed in known.deeds
        if fits([*([deed.money] if deed.money else []), *total], deed.ids)
    ]
    states: set[str] = {i.status for i in known.invoices.values() if i.id in text and fits([i.total], [i.id])}
    if known.account and not sums and not ids:
        states.add(known.account.status)
    return commitments.is_backed(said, deeds, states if said.done else frozenset())


def _totals(deeds: Iterable[Deed]) -> list[Money]:
    """What several refunds, or several releases, come to in each currency."""
    sums: dict[tuple[str, str], list[int]] = {}
    for deed in deeds:
        if deed.money:
            sums.setdefault((deed.kind, deed.money.currency), []).append(deed.money.amount)
    return [Money(amount=sum(parts), currency=code) for (_, code), parts in sums.items() if len(parts) > 1]


_DEEDS = {
    "": "effect",
    "refund": "refund",
    "payout_release": "release",
    "account_suspend": "suspension",
}


def _promise(said: commitments.Commitment) -> str:
    what = _DEEDS.get(said.kind)
    if what is None or not said.kind:
        return f"the reply says “{said.word}”"
    return f"the reply says the {what} {'was made' if said.done else 'will be made'} (“{said.word}”)"


def _standing(said: commitments.Commitment, deeds: Iterable[Deed]) -> str:
    what = _DEEDS.get(said.kind)
    if what is None:
        return "nothing of this case stands behind it"
    known = [
        f"{f'of {each.money} ' if each.money else ''}is {each.status}"
        for each in deeds
        if each.kind.startswith(said.kind)
    ]
    return f"the {what} of this case {', another '.join(known)}" if known else f"no {what} of this case is approved"


def _reading(money: Money) -> Reading:
    major = Decimal(money.amount).scaleb(-EXPONENTS[money.currency], Context(prec=64))
    return money.currency, statements.number(str(major))
