"""What a person can have to do with a customer, so that somebody else must act for that customer."""

import re
from collections.abc import Iterable
from enum import StrEnum

from flowops import errors


class Link(StrEnum):
    """By what a person is linked: a customer's id, an e-mail address, or a domain and everything below it."""

    CUSTOMER = "customer"
    EMAIL = "email"
    DOMAIN = "domain"


def addresses(*emails: str | None) -> tuple[str, ...]:
    """These addresses as they are compared: each once, in small letters, without the dot of a root.

    >>> addresses("Ada@Example.com", None, "ada@example.com. ")
    ('ada@example.com',)
    """
    plain = (email.strip().lower().rstrip(".") for email in emails if email)
    return tuple(dict.fromkeys(email for email in plain if email))


def domains(emails: Iterable[str]) -> tuple[str, ...]:
    """Every domain that addresses lie in: that after the @, and those above it.

    >>> domains(["ada@mail.example.com"])
    ('mail.example.com', 'example.com', 'com')
    """
    found: dict[str, None] = {}
    for email in emails:
        domain = email.rpartition("@")[2]
        while domain:
            found[domain] = None
            domain = domain.partition(".")[2]
    return tuple(found)


def normal(kind: Link, value: str) -> str:
    """What is kept of a link. Raises Invalid for what is none.

    >>> normal(Link.DOMAIN, "@Example.com"), normal(Link.CUSTOMER, "cust_A1")
    ('example.com', 'cust_A1')
    """
    value = value.strip()
    match kind:
        case Link.CUSTOMER:
            is_one, what = 0 < len(value) <= 200 and value.isprintable(), "a customer's id has 1 to 200 characters"
        case Link.EMAIL:
            value = value.lower().rstrip(".")
            is_one = re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,255}", value) is not None
            what = "an e-mail address reads like ada@example.com"
        case Link.DOMAIN:
            value = value.lower().removeprefix("@").rstrip(".")
            is_one = len(value) <= 253 and re.fullmatch(r"[\w-]+(\.[\w-]+)+", value) is not None
            what = "a domain reads like example.com"
    if not is_one:
        raise errors.Invalid(reason=f"{value[:60]!r} is none: {what}. Nothing was changed.")
    return value
