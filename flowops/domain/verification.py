"""Holds what a request claims against the records, one named check per claim; decides nothing and never raises.

A check that does not apply is left out. One whose record is not known fails: what cannot be checked is not true.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from typing import Literal

from flowops import errors
from flowops.domain import effects, replies, tool_outputs
from flowops.domain.facts import Account, Check, Facts, Invoice, Payout, Record

FRESH = timedelta(minutes=5)  # a record older than this may have been overtaken by another refund
CLOCK_SKEW = timedelta(minutes=1)  # between us and ourselves: records are stamped by this product
# A tool's facts are conversation, not evidence, so a conversation of weeks is fine; after 30 days it is another matter.
TOOL_FRESH = timedelta(days=30)
TOOL_SKEW = timedelta(days=1)  # a tool that stamps local time as UTC is up to 14 hours ahead


def verify(facts: Facts) -> tuple[Check, ...]:
    """Every check that applies to these facts, passed or failed, in a fixed order."""
    return tuple(chain.from_iterable(check(facts) for check in CHECKS))


def accounts_answered(facts: Facts) -> Iterator[Check]:
    """The account gateway gave an answer of the agreed form."""
    yield from _answered(facts, "accounts", asked=True)


def billing_answered(facts: Facts) -> Iterator[Check]:
    """The billing gateway gave an answer of the agreed form, when the effect needs an invoice or a payout."""
    asked = _refund(facts) is not None or _release(facts) is not None
    yield from _answered(facts, "billing", asked=asked)


def records_fresh(facts: Facts) -> Iterator[Check]:
    """The records were fetched just now: at most 5 minutes ago, and not in the future."""
    if facts.records.account or facts.records.invoice or facts.records.payout:
        age = facts.now - facts.records.fetched_at
        fresh = -CLOCK_SKEW <= age <= FRESH
        yield _check("records_fresh", fresh, "fetched at most 5 minutes ago", f"fetched {_ago(age)}", "records")


def account_exists(facts: Facts) -> Iterator[Check]:
    """The accounts gateway knows the customer, and answered about this one."""
    customer, account = facts.asked.customer_id, facts.records.account
    actual = f"account {account.id}" if account else _absent(facts, "account")
    yield _check("account_exists", _is(account, customer), f"account {customer}", actual, "accounts")


def account_active(facts: Facts) -> Iterator[Check]:
    """The account is neither suspended nor closed."""
    status = account.status if (account := facts.records.account) else _absent(facts, "account")
    yield _check("account_active", status == "active", "active", status, "accounts")


def email_matches_account(facts: Facts) -> Iterator[Check]:
    """The e-mail given is the account's, in any case of letters."""
    yield from _matches(facts, "email_matches_account", facts.asked.email, lambda account: account.email)


def plan_matches_account(facts: Facts) -> Iterator[Check]:
    """The plan given is the account's; a plan nobody sells never is."""
    yield from _matches(facts, "plan_matches_account", facts.asked.plan, lambda account: account.plan)


def effect_well_formed(facts: Facts) -> Iterator[Check]:
    """The effect is of a known kind and its parameters are what this kind takes."""
    if facts.asked.kind is None:
        return
    try:
        effects.parse(facts.asked.kind, facts.asked.params)
        problem = None
    except errors.Invalid as wrong:
        problem = str(wrong)
    yield _check("effect_well_formed", not problem, "a known effect, well-formed", problem or "well-formed", "request")


def invoice_exists(facts: Facts) -> Iterator[Check]:
    """Billing knows the invoice, and answered about this one."""
    if refund := _refund(facts):
        yield _exists(facts, "invoice", facts.records.invoice, refund.invoice_id)


def invoice_belongs_to_customer(facts: Facts) -> Iterator[Check]:
    """The invoice is this customer's own."""
    if _refund(facts):
        yield _belongs(facts, "invoice", facts.records.invoice)


def invoice_state_allows_effect(facts: Facts) -> Iterator[Check]:
    """The invoice is paid and something of it can still be refunded, though no more than its total."""
    if _refund(facts):
        invoice = facts.records.invoice
        passed = (
            invoice is not None and invoice.status == "paid" and 0 < invoice.refundable.amount <= invoice.total.amount
        )
        state = f"{invoice.status}, {invoice.refundable} of {invoice.total} refundable" if invoice else None
        actual = state or _absent(facts, "invoice")
        yield _check("invoice_state_allows_effect", passed, "paid, with something refundable", actual, "billing")


def amount_within_refundable(facts: Facts) -> Iterator[Check]:
    """The amount is more than nothing and no more than what is left to refund."""
    if refund := _refund(facts):
        amount, invoice = refund.money, facts.records.invoice
        limit = invoice.refundable if invoice else None
        passed = limit is not None and amount.currency == limit.currency and 0 < amount.amount <= limit.amount
        expected = f"more than nothing, at most {limit or _absent(facts, 'invoice')}"
        yield _check("amount_within_refundable", passed, expected, str(amount), "billing")


def currency_matches_invoice(facts: Facts) -> Iterator[Check]:
    """The amount is in the currency of the invoice; nothing is converted."""
    if refund := _refund(facts):
        invoice, asked = facts.records.invoice, refund.money.currency
        known = {invoice.total.currency, invoice.refundable.currency} if invoice else set()
        expected = " and ".join(sorted(known)) or _absent(facts, "invoice")
        yield _check("currency_matches_invoice", known == {asked}, expected, asked, "billing")


def account_can_be_suspended(facts: Facts) -> Iterator[Check]:
    """There is an account to suspend: a closed one is beyond it, and one that is suspended already stays so."""
    if facts.asked.kind == "account_suspend":
        account = facts.records.account
        status = account.status if account else _absent(facts, "account")
        passed = _is(account, facts.asked.customer_id) and status == "active"
        yield _check("account_can_be_suspended", passed, "an active account of the customer", status, "accounts")


def payout_exists(facts: Facts) -> Iterator[Check]:
    """Billing knows the payout, and answered about this one."""
    if release := _release(facts):
        yield _exists(facts, "payout", facts.records.payout, release.payout_id)


def payout_belongs_to_customer(facts: Facts) -> Iterator[Check]:
    """The payout is this customer's own."""
    if _release(facts):
        yield _belongs(facts, "payout", facts.records.payout)


def payout_is_held(facts: Facts) -> Iterator[Check]:
    """The payout still waits: what was released or cancelled cannot be released."""
    if _release(facts):
        status = payout.status if (payout := facts.records.payout) else _absent(facts, "payout")
        yield _check("payout_is_held", status == "held", "held", status, "billing")


def amount_matches_payout(facts: Facts) -> Iterator[Check]:
    """The amount is that of the payout to the last unit, in its currency, and more than nothing."""
    if release := _release(facts):
        payout = facts.records.payout
        passed = payout is not None and release.money == payout.amount and release.money.amount > 0
        expected = str(payout.amount) if payout else _absent(facts, "payout")
        yield _check("amount_matches_payout", passed, expected, str(release.money), "billing")


def reply_says_what_is_known(facts: Facts) -> Iterator[Check]:
    """What a reply states is so; one check for each class of statements, as `flowops.domain.replies` tells them."""
    for found in replies.findings(facts):
        yield _check(found.check, found.supported, found.known, found.said, "reply")


def tool_outputs_well_formed(facts: Facts) -> Iterator[Check]:
    """What the tools said is JSON that every reader understands alike."""
    if tools := facts.asked.tools:
        wrong = next(((tool.source, defect) for tool in tools if (defect := tool_outputs.defect(tool.data))), None)
        source, actual = wrong or ("request", _count(len(tools), "well-formed output"))
        yield _check("tool_outputs_well_formed", wrong is None, "plain JSON", actual, source)


def tool_outputs_fresh(facts: Facts) -> Iterator[Check]:
    """What the tools said is at most 30 days old, and not from the future."""
    if tools := facts.asked.tools:
        ages = [(tool.source, facts.now - tool.at) for tool in tools]
        stale = next(((source, age) for source, age in ages if not -TOOL_SKEW <= age <= TOOL_FRESH), None)
        source, age = stale or ("request", max(age for _, age in ages))
        yield _check("tool_outputs_fresh", stale is None, "at most 30 days old", f"said {_ago(age)}", source)


def tool_output_matches_record(facts: Facts) -> Iterator[Check]:
    """What a tool said about the customer or the invoice is what the records say; one check per output.

    The rule for which values are about them is told in `flowops.domain.tool_outputs`. An output that says nothing
    about them is left out, and so are values whose record is not known: the checks of that record fail already.
    """
    refund, records = _refund(facts), facts.records
    for tool in facts.asked.tools:
        money = refund.money if refund else None
        said = list(tool_outputs.statements(tool.data, records.account, records.invoice, money))
        wrong = [each for each in said if not each.agrees]
        if wrong:
            first, more = wrong[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            expected, actual = f"{first.what} {first.known}", f"{first.what} {_short(first.said)}{more}"
        else:
            expected, actual = "what the records say", _count(len(said), "agreeing value")
        if said:
            yield _check("tool_output_matches_record", not wrong, expected, actual, tool.source)


CHECKS: tuple[Callable[[Facts], Iterator[Check]], ...] = (
    accounts_answered,
    billing_answered,
    records_fresh,
    account_exists,
    account_active,
    email_matches_account,
    plan_matches_account,
    effect_well_formed,
    invoice_exists,
    invoice_belongs_to_customer,
    invoice_state_allows_effect,
    amount_within_refundable,
    currency_matches_invoice,
    account_can_be_suspended,
    payout_exists,
    payout_belongs_to_customer,
    payout_is_held,
    amount_matches_payout,
    reply_says_what_is_known,
    tool_outputs_well_formed,
    tool_outputs_fresh,
    tool_output_matches_record,
)


def _check(name: str, passed: bool, expected: str, actual: str, source: str) -> Check:
    return Check(name=name, passed=passed, expected=_short(expected), actual=_short(actual), source=source)


def _answered(facts: Facts, gateway: Literal["accounts", "billing"], *, asked: bool) -> Iterator[Check]:
    trouble = facts.records.errors.get(gateway)
    if asked or trouble is not None:
        actual = "an answer" if trouble is None else trouble or "no reason given"
        yield _check("records_available", trouble is None, f"an answer from {gateway}", actual, gateway)


def _matches(facts: Facts, name: str, given: str | None, record: Callable[[Account], str]) -> Iterator[Check]:
    if given is not None:
        account = facts.records.account
        known = record(account) if account else _absent(facts, "account")
        passed = account is not None and given.strip().casefold() == known.casefold()
        yield _check(name, passed, known, given, "accounts")


def _refund(facts: Facts) -> effects.Refund | None:
    """What the request wants refunded; None when it asks for something else, or in a form that is none."""
    params = facts.effect
    return params if isinstance(params, effects.Refund) else None


def _release(facts: Facts) -> effects.PayoutRelease | None:
    """Which payout the request wants released; None as above."""
    params = effects.read(facts.asked.kind, facts.asked.params)
    return params if isinstance(params, effects.PayoutRelease) else None


def _exists(facts: Facts, name: Record, record: Invoice | Payout | None, id: str) -> Check:
    actual = f"{name} {record.id}" if record else _absent(facts, name)
    return _check(f"{name}_exists", _is(record, id), f"{name} {id}", actual, "billing")


def _belongs(facts: Facts, name: Record, record: Invoice | Payout | None) -> Check:
    customer = facts.asked.customer_id
    owner = record.customer_id if record else _absent(facts, name)
    return _check(f"{name}_belongs_to_customer", record is not None and owner == customer, customer, owner, "billing")


def _is(record: Account | Invoice | Payout | None, id: str) -> bool:
    return record is not None and record.id == id


def _absent(facts: Facts, record: Record) -> str:
    return f"no such {record}" if record in facts.records.missing else f"{record} not known"


def _ago(age: timedelta) -> str:
    """
    >>> _ago(timedelta(minutes=12)), _ago(timedelta(days=-3))
    ('12 minutes ago', '3 days in the future')
    """
    size = abs(age)
    units = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
    unit = next((unit for unit, length in units.items() if size >= 2 * length), "minute")
    return f"{_count(size // units[unit], unit)} {'ago' if age >= timedelta(0) else 'in the future'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _short(text: str) -> str:
    """The text on one line, cut where people stop reading, without what no database can store."""
    plain = " ".join(text.encode("utf-8", "replace").decode().replace("\0", "?").split())
    return plain if len(plain) <= 200 else f"{plain[:199]}…"
