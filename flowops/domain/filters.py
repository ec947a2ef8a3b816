"""What a list of cases can be narrowed and ordered by: a value per filter, or filters and words typed into a line."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flowops import errors
from flowops.domain.handoffs import Priority, Reason, Status, Tier

WORDS = 10  # each is looked for in every message of every case


class Sort(StrEnum):
    """What comes first: the nearest deadline, the newest case, the most urgent, or the most risky.

    Among the equally urgent or risky it is the nearest deadline; then what has none, and last what is resolved.
    """

    DUE = "due"
    NEWEST = "-created"
    PRIORITY = "priority"
    RISK = "risk"


class Risk(StrEnum):
    """The assistant's opinion of a case, or that it has none."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    NONE = "none"


class Waiting(StrEnum):
    """Whether a case waits for an answer, or whose it waits for."""

    YES = "true"
    NO = "false"
    CUSTOMER = "customer"
    THIRD_PARTY = "third_party"


_Text = Annotated[str, Field(max_length=200)]
_Span = Annotated[str, Field(pattern=r"^[<>][0-9]{1,4}[mhd]$")]


class Filters(BaseModel):
    """What each case of a list has in common; None leaves it open.

    `customer` is our id or the one the caller gave; `due` compares the deadline with a moment from now on, and what is
    overdue lies before all of them.
    """

    model_config = ConfigDict(frozen=True)

    status: Status | None = None
    priority: Priority | None = None
    reason: Reason | None = None
    queue: _Text | None = None
    channel: _Text | None = None
    tier: Tier | None = None
    assignee: Annotated[_Text | None, Field(description="me, none, or somebody's id")] = None
    risk: Risk | None = None
    customer: Annotated[_Text | None, Field(description="the customer's id")] = None
    breached: bool | None = None
    waiting: Waiting | None = None
    due: Annotated[_Span | None, Field(description="<1h or >2d: before or after a moment from now on")] = None


ALL = Filters()
# In plain words where a pattern or a type would be named.
_READS = {"due": "it reads like due:<1h or due:>2d", "breached": "it is true or false"}
_ALIASES = {"owner": "assignee"}
_TYPED = re.compile(r'(?P<name>[A-Za-z]+):(?P<value>"[^"]*"|\S*)|"(?P<phrase>[^"]*)"|(?P<word>\S+)')


def read(given: Mapping[str, str]) -> Filters:
    """Filters from their names and values; raises Invalid for a value that a filter cannot have.

    >>> read({"status": "pending"}).status
    <Status.PENDING: 'pending'>
    >>> read({"status": "done"})
    Traceback (most recent call last):
    flowops.errors.Invalid: status cannot be 'done': input should be 'pending', 'claimed' or 'resolved'.
    """
    try:
        return Filters.model_validate(dict(given))
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        name, why = str(first["loc"][0]), first["msg"][0].lower() + first["msg"][1:]
        why = _READS.get(name, why)
        raise errors.Invalid(reason=f"{name} cannot be {given[name]!r}: {why}.") from None


def parse(line: str) -> tuple[Filters, list[str]]:
    """The filters and the plain words in a line somebody typed; quotes make one word of several, and of a filter.

    Raises Invalid for a filter that is there twice or cannot have its value, and for more than ten words.

    >>> filters, words = parse('owner:me due:<1h refund "charged twice"')
    >>> filters.assignee, filters.due, words
    ('me', '<1h', ['refund', 'charged twice'])
    >>> parse("https://example.com order:123")[1]
    ['https://example.com', 'order:123']
    """
    given: dict[str, str] = {}
    words: list[str] = []
    for found in _TYPED.finditer(line):
        name = _name(found["name"] or "")
        if name not in Filters.model_fields:
            plain = found["word"] or found[0].replace('"', "")  # quotes say that it is one word, and are none of it
            words.append(plain)
            continue
        if name in given:
            raise errors.Invalid(reason=f"{name}: is there twice, and a case has one. Name it once.")
        given[name] = found["value"].strip('"')
    words = [word for word in words if word.strip()]
    if len(words) > WORDS:
        raise errors.Invalid(reason=f"These are {len(words)} words. Look for at most {WORDS}, or put them in quotes.")
    return read(given), words


def span(due: str) -> timedelta:
    """How far from now the moment lies that `due` compares with.

    >>> span("<90m")
    datetime.timedelta(seconds=5400)
    """
    unit = {"m": "minutes", "h": "hours", "d": "days"}[due[-1]]
    return timedelta(**{unit: int(due[1:-1])})


def _name(typed: str) -> str:
    return _ALIASES.get(typed.lower(), typed.lower())
