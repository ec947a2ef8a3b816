"""What a generator may see: the parts of a case, cleaned and bounded, as one frozen JSON value with a hash.

What is cut when a case is too large, in this order and only until it fits: the metadata; the oldest of messages
and facts, whichever is older, but never the newest message; the parameters of effects, oldest first, then of the effect
asked for. Everything else (handoff, customer, records, verification, verdict, the state of effects) is never cut. What
is left out is counted under `omitted`.
"""

import hashlib
import math
from collections import Counter
from typing import Any

import rfc8785
from pydantic import ValidationError

from flowops import errors
from flowops.domain import money, statements

LIMIT = 256 * 1024  # bytes of canonical JSON
_NOTE = 128  # bytes kept free for `omitted`


def build(parts: dict[str, Any]) -> dict[str, Any]:
    """The context of a case, from its parts; the same parts give the same bytes.

    Text loses the characters nobody can see, and money outside the caller's own facts says what it is in words
    (`"text": "49.00 EUR"`), because minor units mislead. Raises `errors.Invalid` for a case too large even when cut.
    """
    context = {name: _clean(part, priced=name != "facts") for name, part in parts.items()}
    omitted = _cut(context)
    size = len(rfc8785.dumps(context))
    if size > LIMIT - _NOTE:
        raise errors.Invalid(
            reason=f"The case needs {size} bytes of context, {LIMIT} are allowed. Nothing was written."
        )
    return context | ({"omitted": dict(omitted)} if omitted else {})


def sha256(context: dict[str, Any]) -> str:
    """The hash of the context's RFC 8785 bytes: what an artifact names as its input."""
    return hashlib.sha256(rfc8785.dumps(context)).hexdigest()


def _clean(value: Any, *, priced: bool) -> Any:
    """A copy in which every text is visible and every number one that RFC 8785 can write."""
    if isinstance(value, str):
        return statements.visible(value)
    if isinstance(value, dict):
        copy = {statements.visible(name): _clean(inner, priced=priced) for name, inner in value.items()}
        return copy | _in_words(copy) if priced and copy.keys() == {"amount", "currency"} else copy
    if isinstance(value, list | tuple):
        return [_clean(inner, priced=priced) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value) if isinstance(value, int) and abs(value) > money.MAX_INTEGER else value


def _in_words(value: dict[str, Any]) -> dict[str, str]:
    try:
        return {"text": str(money.Money.model_validate(value))}
    except ValidationError:
        return {}


def _cut(context: dict[str, Any]) -> Counter[str]:
    """Take out of the context what is least needed until it fits; count what was taken."""
    omitted: Counter[str] = Counter()
    over = len(rfc8785.dumps(context)) + _NOTE - LIMIT

    def empty(holder: dict[str, Any], name: str) -> None:
        nonlocal over
        if over > 0 and holder.get(name):
            over -= len(rfc8785.dumps(holder[name])) - 2
            holder[name] = {}
            omitted[name] += 1

    request = context.get("request") or {}
    empty(request, "metadata")

    lists = {name: context.get(name) or [] for name in ("facts", "messages")}
    dated = [(item.get("at") or "", name, index) for name, items in lists.items() for index, item in enumerate(items)]
    gone: set[tuple[str, int]] = set()
    for _, name, index in sorted(dated):
        if over > 0 and (name, index) != ("messages", len(lists["messages"]) - 1):
            over -= len(rfc8785.dumps(lists[name][index]))
            gone.add((name, index))
            omitted[name] += 1
    for name, items in lists.items():
        if omitted[name]:
            context[name] = [item for index, item in enumerate(items) if (name, index) not in gone]

    for holder in (*(context.get("effects") or ()), request.get("effect") or {}):
        empty(holder, "params")
    return +omitted
