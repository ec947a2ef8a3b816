"""Reads what a caller's tools said about the customer and the invoice; a tool output is a claim and proves nothing.

Which object speaks about whom:

- The customer: the output itself, objects reached from it through plain wrappers only (`result`, `user`, ...), the
  objects `customer` and `account` there, and any object whose own `id` is the customer's.
- The invoice: any object, however deep, that carries the invoice's id.
- Nobody we know: everything else, above all members of lists. A passenger's e-mail says nothing about the customer.

A bare `id` or `status` is read in objects that are the account or the invoice, not at the top, where it usually is
the tool's own. A status in words the record does not use ("available") cannot contradict it.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from flowops.domain.facts import Account, Invoice
from flowops.domain.money import EXPONENTS, MAX_INTEGER, Money

DEEPEST = 32  # levels; real tools stay far below, and deeper text is meant to exhaust whoever reads it

# Keys are compared without case and separators, so `customerId`, `customer_id` and `CustomerID` are one name.
_WRAPPERS = {"result", "data", "response", "output", "body", "payload", "user", "profile"}
_ACCOUNT = {"customer", "account"}
_ACCOUNT_ID = {"customerid", "accountid"}
_EMAIL = {"email", "emailaddress", "customeremail", "accountemail"}
_PLAN = {"plan", "planname", "customerplan", "accountplan"}
_ACCOUNT_STATUS = {"accountstatus", "customerstatus"}
_ACCOUNT_STATUSES = {"active", "suspended", "closed"}
_INVOICE_ID = {"id", "invoice", "invoiceid", "invoicenumber"}
_INVOICE_STATUS = {"status", "invoicestatus"}
_INVOICE_STATUSES = {"paid", "open", "void", "refunded"}
_TOTAL = {"total", "totalamount", "invoicetotal"}
_REFUNDABLE = {"refundable", "refundableamount", "amountrefundable"}
_AMOUNT = {"amount", "money", "invoiceamount", "amountpaid"}  # of the invoice, of what is left, or of what is asked for

_NUMBER = re.compile(
    r"(?P<before>[A-Za-z]{3}|[€$£])? ?"
    r"(?P<number>-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,16})(?:\.[0-9]{1,20})?(?:e[+-]?[0-9]{1,3})?)"
    r" ?(?P<after>[A-Za-z]{3})?"
)

Place = Literal["top", "account", "elsewhere"]


@dataclass(frozen=True)
class Statement:
    """One value an output states, beside what the record knows."""

    what: str
    said: str
    known: str
    agrees: bool


def statements(data: Any, account: Account | None, invoice: Invoice | None, asked: Money | None) -> Iterator[Statement]:
    """Everything the output says about these records; nothing about a record that is not known.

    An amount without a unit agrees when it is right in minor or in major units, and an `amount` beside an invoice id
    when it is the invoice's total, what is refundable, or what is asked for.

    >>> bill = Money(amount=4900, currency="EUR")
    >>> list(statements({"passengers": [{"email": "eve@example.com"}]}, None, None, bill))
    []
    """
    for place, found in _objects(data):
        if account and (place != "elsewhere" or _names(found, {"id"}, account.id)):
            yield from _about_account(found, account, bare=place == "account" or _names(found, {"id"}, account.id))
        if invoice and _names(found, _INVOICE_ID, invoice.id):
            yield from _about_invoice(found, invoice, asked)


def defect(data: Any) -> str | None:
    """What makes this something other than JSON that every reader understands alike (RFC 7493); None if nothing does.

    >>> defect({"total": float("nan")}), defect({"total": 49})
    ('a number that is not finite', None)
    """
    waiting: list[tuple[int, Any]] = [(1, data)]
    while waiting:
        depth, value = waiting.pop()
        if wrong := _wrong(value, depth):
            return wrong
        inner = (
            [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        )
        waiting.extend((depth + 1, each) for each in inner)
    return None


def _wrong(value: Any, depth: int) -> str | None:
    match value:
        case _ if depth > DEEPEST:
            return f"more than {DEEPEST} levels of nesting"
        case None | bool() | dict() | list() | tuple():
            return None
        case str():
            return "text that is not Unicode" if re.search("[\x00\ud800-\udfff]", value) else None
        case int():
            return None if abs(value) <= MAX_INTEGER else "an integer that is not exact everywhere"
        case float():
            return None if math.isfinite(value) else "a number that is not finite"
    return f"a {type(value).__name__}, which JSON does not have"


def _objects(data: Any) -> Iterator[tuple[Place, dict[Any, Any]]]:
    """Every object with its place, outer before inner; a loop, because callers choose the depth."""
    waiting: list[tuple[Place, Any]] = [("top", data)]
    while waiting:
        place, value = waiting.pop()
        inner: list[tuple[Place, Any]] = []
        if isinstance(value, dict):
            yield place, value
            inner = [(_inner(place, _key(key)), each) for key, each in value.items()]
        elif isinstance(value, list | tuple):
            inner = [("elsewhere", each) for each in value]
        waiting.extend(reversed(inner))


def _inner(place: Place, key: str) -> Place:
    if place != "top":
        return "elsewhere"
    return "top" if key in _WRAPPERS else "account" if key in _ACCOUNT else "elsewhere"


def _key(key: Any) -> str:
    return re.sub("[^a-z0-9]", "", key.lower()) if isinstance(key, str) else ""


def _names(found: dict[Any, Any], keys: set[str], id: str) -> bool:
    return any(value == id for key, value in found.items() if isinstance(value, str) and _key(key) in keys)


def _about_account(found: dict[Any, Any], account: Account, *, bare: bool) -> Iterator[Statement]:
    for name, value in found.items():
        key = _key(name)
        if not isinstance(value, str):
            continue
        if key in _ACCOUNT_ID or (bare and key == "id"):
            yield _text("account", value, account.id)
        elif key in _EMAIL:
            yield _text("e-mail", value, account.email, str.casefold)
        elif key in _PLAN:
            yield _text("plan", value, account.plan, str.casefold)
        elif (key in _ACCOUNT_STATUS or (bare and key == "status")) and value.casefold() in _ACCOUNT_STATUSES:
            yield _text("account status", value, account.status, str.casefold)


def _about_invoice(found: dict[Any, Any], invoice: Invoice, asked: Money | None) -> Iterator[Statement]:
    currency = next((value for key, value in found.items() if _key(key) == "currency"), None)
    for name, value in found.items():
        key = _key(name)
        if key in _TOTAL:
            yield from _amount("invoice total", value, currency, [invoice.total])
        elif key in _REFUNDABLE:
            yield from _amount("refundable amount", value, currency, [invoice.refundable])
        elif key in _AMOUNT:
            known = [invoice.total, invoice.refundable]
            yield from _amount("amount", value, currency, [*known, asked] if asked else known)
        elif not isinstance(value, str):
            continue
        elif key in _ACCOUNT_ID:
            yield _text("customer of the invoice", value, invoice.customer_id)
        elif key in _INVOICE_STATUS and value.casefold() in _INVOICE_STATUSES:
            yield _text("invoice status", value, invoice.status, str.casefold)
        elif key == "currency":
            yield _text("currency", value, invoice.total.currency, str.casefold)


def _text(what: str, said: str, known: str, alike: Callable[[str], str] = str) -> Statement:
    return Statement(what, said, known, alike(said.strip()) == alike(known.strip()))


def _amount(what: str, value: Any, currency: Any, known: list[Money]) -> Iterator[Statement]:
    """The statement a value makes when it reads as an amount; other forms say nothing that could be compared."""
    if isinstance(value, dict):
        parts = {_key(key): part for key, part in value.items()}
        value, currency = parts.get("amount"), parts.get("currency", currency)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or _wrong(value, 0):
        return
    read = _NUMBER.fullmatch(str(value).strip())
    if read is None:
        return
    code = read["after"] or read["before"] or currency
    agrees = any(
        _is(read["number"].replace(",", ""), code, money, exact=not isinstance(value, float)) for money in known
    )
    said = f"{value} {code}" if isinstance(code, str) and code is currency else str(value)
    yield Statement(what, said, " or ".join(dict.fromkeys(map(str, known))), agrees)


def _is(number: str, code: Any, money: Money, *, exact: bool) -> bool:
    """Is this the same money? Only a number without a decimal point can be meant in minor units."""
    if isinstance(code, str) and code.isalpha() and code.upper() != money.currency:
        return False
    major = Decimal(money.amount).scaleb(-EXPONENTS[money.currency])
    return Decimal(number) == major or (exact and "." not in number and Decimal(number) == money.amount)
