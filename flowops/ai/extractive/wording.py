"""How a value of the context is put into a sentence: bare where its form says what it is, else as a quotation."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from flowops.domain import commitments

Json = dict[str, Any]
Claim = tuple[str, str]  # a text and the JSON Pointer it rests on

QUOTE, SHORT, FIELDS = 220, 80, 360  # characters of a quotation, of one inside a longer text, of a list of fields

_LABEL = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")
_SLUG = re.compile(r"[a-z]{1,30}(?:[_.][a-z]{1,30}){0,5}")
_ID = re.compile(r"(?:[A-Za-z]{1,20}[-_]){0,3}[A-Za-z]{0,10}[0-9][A-Za-z0-9]{0,40}")
_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,10})?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d{1,9})?)?(Z|\+00:00)?")
_EMAIL = re.compile(r"[A-Za-z0-9._+]{1,60}@[A-Za-z0-9-]{1,60}(?:\.[A-Za-z0-9-]{1,30}){1,4}")
_SUM = re.compile(r"-?\d{1,20}(?:\.\d{1,3})? [A-Z]{3}")
_NAME = re.compile(r"[^\W\d_]{1,40}(?:[ '’-][^\W\d_]{1,40}){0,5}")


def words(text: str) -> re.Pattern[str]:
    r"""A pattern of whole words in any case of letters; `\s` and `.` join what belongs together."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(text.split())})(?!\w)", re.IGNORECASE)


_FIELD_RANK = [
    words(each)
    for each in (
        r".*\s?error result status state",
        r"(?:.*\s)?(?:amount|total|price|cost|fee|balance|money|refundable|paid|currency)",
        r"(?:.*\s)?(?:id|number|reference)",
        r"(?:.*\s)?(?:date|at|due|time)",
        r"(?:.*\s)?(?:name|email|plan|membership|cabin|type|reason|origin|destination)",
    )
]


def cited(claims: Iterable[Claim], most: int) -> list[Json]:
    """The first of these claims, each text once."""
    first: dict[str, str] = {}
    for text, source in claims:
        first.setdefault(text, source)
    return [{"text": text, "source": source} for text, source in islice(first.items(), most)]


def closed(text: str) -> str:
    """The text with a full stop, unless the quotation at its end brings one."""
    return text if text[-2] in ".!?…。！？" else f"{text}."


def quote(value: Any, limit: int = QUOTE) -> str:
    """The words of somebody, in quotation marks; what is cut off leaves an ellipsis."""
    said = " ".join(scalar(value).translate(dict.fromkeys(map(ord, "“”"), '"')).split())
    if len(said) > limit:
        said = said[:limit].rsplit(" ", 1)[0] + "…"
    return f"“{said}”" if said else "nothing"


def scalar(value: Any) -> str:
    """A scalar as grounding reads it; nothing for what is no scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""


def shown(value: Any) -> str:
    """A value as it can be shown: bare when its form says what it is, else in quotation marks."""
    if is_sum(value):
        return str(value["text"])
    text = scalar(value)
    if instant := _INSTANT.fullmatch(text):
        return f"{instant[1]} {instant[2]}{' UTC' if instant[3] else ''}"
    if isinstance(value, bool | int | float) or any(form.fullmatch(text) for form in (_ID, _NUMBER, _DAY, _EMAIL)):
        return text
    named = len(text) <= SHORT and all(
        word.isalpha() and (word.istitle() or word.isupper()) for word in text.split(" ")
    )
    return text if (named or _SLUG.fullmatch(text)) and not promises(text) else quote(text, SHORT)


def day(value: Any) -> str | None:
    """The day of an instant; None for anything else."""
    instant = _INSTANT.fullmatch(scalar(value))
    return instant[1] if instant else None


def bare(value: Any) -> str | None:
    """A line somebody wrote, to be said as our own words; None when it would promise, quote or read in another way."""
    text = scalar(value)
    plain = text == " ".join(text.split()) == unicodedata.normalize("NFKC", text) and not set(text) & set('"“”„«»|')
    return text if text and plain and not promises(text) else None


def name(value: Any) -> str | None:
    """What to call somebody in a greeting; None when it does not look like a name."""
    text = bare(value)
    return text if text and _NAME.fullmatch(text) and not text[0].islower() else None


def promises(text: str) -> bool:
    """Would the text, in our own words, say that something is done or will be?"""
    return any(commitments.read(re.sub("[_.]", " ", text)))


def is_sum(value: Any) -> bool:
    """Is this money that says what it is in words?"""
    return isinstance(value, dict) and isinstance(value.get("text"), str) and _SUM.fullmatch(value["text"]) is not None


def fields(value: Any) -> str:
    """The most telling fields of an object, one level down included, as `label: value; ...`."""
    listed = ""
    for label, text in sorted(_labelled(value, deep=True), key=lambda field: _rank(field[0])):
        if len(listed) + len(label) + len(text) + 4 <= FIELDS:
            listed += f"{'; ' if listed else ''}{label}: {text}"
    return listed


def bracketed(value: Any) -> str:
    """The most telling fields in brackets; nothing when there are none."""
    return f" ({listed})" if (listed := fields(value)) else ""


def _labelled(value: Any, *, deep: bool) -> Iterator[tuple[str, str]]:
    for key, inner in value.items() if isinstance(value, dict) else ():
        if not _LABEL.fullmatch(key) or promises(key):
            continue
        label = re.sub("(?<=[a-z])(?=[A-Z])|_+", " ", key).strip().lower()
        if is_sum(inner) or isinstance(inner, bool | int | float) or (isinstance(inner, str) and inner.strip()):
            yield label, shown(inner)
        elif isinstance(inner, list) and inner and all(isinstance(item, str | int) for item in inner[:6]):
            yield label, ", ".join(shown(item) for item in inner[:6])
        elif deep:
            yield from _labelled(inner, deep=False)


def _rank(label: str) -> int:
    return next((rank for rank, pattern in enumerate(_FIELD_RANK) if pattern.fullmatch(label)), len(_FIELD_RANK))
