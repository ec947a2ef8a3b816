"""What a form and a text in it may be: URL-encoded UTF-8, as browsers send ours, so that nothing else can surprise."""

import re
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response
from fastapi.routing import APIRoute

from flowops import errors
from flowops.console import answer

_KIND = re.compile(r'application/x-www-form-urlencoded\s*(;\s*charset="?utf-8"?)?', re.IGNORECASE)

CARRIED = "typed-"  # how the names of fields begin that a form takes along
LONGEST = 20_000  # characters of a note, a reply or a reason
# The fields of all forms that hold what people write.
WRITTEN = {
    "subject": "Subject",
    "body": "Reply",
    "text": "Text",
    "notes": "Notes",
    "reason": "Reason",
    "duplicateOf": "Other case",
    "amount": "Amount",
    "invoiceId": "Invoice",
    "payoutId": "Payout",
}


class Route(APIRoute):
    """A route that refuses a body of another kind before anything reads it as a form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check the body, then handle the request."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            if body := await request.body():
                check(request.headers.get("content-type", ""), body)
            return await handle(request)

        return checked


def check(content_type: str, body: bytes) -> None:
    """Raise NotAForm for another content type or encoding, and Invalid for a form that is not in UTF-8.

    Surrogates are none either; a NUL was refused before, as in every request.

    >>> check("application/x-www-form-urlencoded", b"text=%C3%A9")
    >>> check("application/x-www-form-urlencoded", b"text=%E9")
    Traceback (most recent call last):
    flowops.errors.Invalid: The form is not in UTF-8. Nothing was changed.
    """
    if not _KIND.fullmatch(content_type):
        raise errors.NotAForm(given=content_type[:100] or "of no stated type")
    try:
        unquote_to_bytes(body.decode("ascii")).decode()
    except UnicodeDecodeError:
        raise errors.Invalid(reason="The form is not in UTF-8. Nothing was changed.") from None


def number(text: str) -> int:
    """The number a hidden field carries; 0 for anything else somebody sends.

    >>> number("12"), number("-1"), number("9" * 5000)
    (12, 0, 0)
    """
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


async def carried(request: Request) -> dict[str, str]:
    """What a form takes along that was typed in others."""
    sent = await request.form()
    return {name.removeprefix(CARRIED): str(text) for name, text in sent.items() if name.startswith(CARRIED)}


async def texts(request: Request) -> dict[str, str]:
    """What people wrote in a form, by what to call it, each cut to the longest there can be.

    Only fields known to hold such text: no password or token can be among them.
    """
    try:
        check(request.headers.get("content-type", ""), await request.body())
    except errors.Invalid:
        return {}
    sent = (await request.form()).multi_items()
    named = ((_name(field), lines(str(text))[:LONGEST]) for field, text in sent)
    return {name: text for name, text in named if name and text}


def _name(field: str) -> str | None:
    """What to call what somebody wrote in a field; None for everything else."""
    return answer.label(field.removeprefix(CARRIED)) if field.startswith(CARRIED) else WRITTEN.get(field)


def lines(text: str) -> str:
    """The text with the line ends people mean; a form sends CRLF."""
    return text.replace("\r\n", "\n").strip()


def unfit(text: str, when_empty: str) -> str | None:
    """What is wrong with a text that somebody had to write; None when nothing is.

    >>> unfit(" ", "Say why."), unfit("Mended.", "Say why.")
    ('Say why.', None)
    """
    if not text.strip():
        return when_empty
    return too_long(text) if len(lines(text)) > LONGEST else None


def too_long(text: str) -> str:
    """What to say of a text that is too long."""
    return f"{len(lines(text)):,} characters are too many; {LONGEST:,} is the most."
