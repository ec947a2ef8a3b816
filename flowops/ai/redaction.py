"""Puts placeholders in place of what identifies people before a provider sees a context, and takes them out again.

E-mail addresses (also spelt out), telephone numbers, card numbers (ISO/IEC 7812, by their check digit), IBANs (ISO
13616, by their check digits) and what a deployment's own patterns find. The same text has the same placeholder
throughout one context, so that a model can still tell one customer from another. Looking too closely costs little here:
what is replaced for nothing comes back as it was.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

_LETTERS = r"[^\W\d_]"
_AT = r"(?:[@\uff20\ufe6b]|\s*(?:\(at\)|\[at\]|\{at\})\s*|\s+at\s+)"
_DOT = r"(?:\.|\s*(?:\(dot\)|\[dot\]|\{dot\})\s*|\s+dot\s+)"
_WORD = r"[^\s@.,;:<>()\[\]{}\"'/\\|]+"
# A quoted local part is rare and legal; a bare "at" counts only where a spelt-out "dot" follows.
_EMAIL = re.compile(
    rf"""(?:"[^"\n]{{1,64}}"|[^\s@,;:<>()\[\]{{}}"|\\]{{1,64}})[@\uff20\ufe6b](?:\[[\d.:a-f]+\]|{_WORD}(?:\.{_WORD})+)"""
    rf"|[\w.+-]{{1,64}}{_AT}{_WORD}(?:{_DOT}{_WORD})*?(?:\s*(?:\(dot\)|\[dot\]|\{{dot\}})\s*|\s+dot\s+){_LETTERS}{{2,}}"
    rf"|[\w.+-]{{1,64}}\s*(?:\(at\)|\[at\]|\{{at\}})\s*{_WORD}(?:{_DOT}{_WORD})+",
    re.IGNORECASE,
)
_GAP = r"[ \u00a0\u202f.\-\u2010-\u2013/]?"
_IBAN = re.compile(rf"(?<![A-Z0-9])[A-Z]{{2}}{_GAP}\d{{2}}(?:{_GAP}[A-Z0-9]){{11,30}}(?![A-Z0-9])", re.IGNORECASE)
_CARD = re.compile(rf"(?<!\d)\d(?:{_GAP}\d){{11,18}}(?!\d)")
_BETWEEN = r"[ \u00a0\u202f.\-\u2010-\u2013/()]{0,3}"
_ABROAD = re.compile(rf"(?<![\w.,])(?:\+|\(\+)\d(?:{_BETWEEN}\d){{6,14}}(?!\d)")  # with the country
_PHONE = re.compile(
    rf"(?<![\w.,])00\d(?:{_BETWEEN}\d){{6,14}}(?!\d)"  # and dialled as from Europe
    rf"|(?<![\w.,+\-])(?<!\d:)\(?0\d{{1,5}}\)?(?:{_BETWEEN}\d){{4,11}}(?!\d)"  # with the trunk prefix
    rf"|(?<![\w.,+\-])\(?\d{{3}}\)?[ .\-\u2010-\u2013]\d{{3}}[ .\-\u2010-\u2013]\d{{4}}(?!\d)"  # as in North America
)
_DATE = re.compile(r"\(?0?\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?!\d)")
_CALLED = re.compile(r"phone|mobile|\btel|fax", re.IGNORECASE)  # a member that holds a telephone number


class _Kind(NamedTuple):
    """Something to replace; `measure` says how much of what the pattern finds is one, 0 when none of it is."""

    name: str
    pattern: re.Pattern[str]
    measure: Callable[[str], int]


class Redacted(NamedTuple):
    """A context with placeholders in it, and what each of them stands for."""

    context: dict[str, Any]
    originals: Mapping[str, str]

    def restore(self, value: Any) -> Any:
        """What was written about the redacted context, with the originals in it again; pointers keep being pointers."""
        if not self.originals:
            return value
        found = re.compile("|".join(map(re.escape, self.originals)))

        def restored(value: Any, name: str = "") -> Any:
            if isinstance(value, str):
                return found.sub(lambda match: _escaped(self.originals[match[0]], name), value)
            if isinstance(value, dict):
                return {restored(key): restored(inner, key) for key, inner in value.items()}
            return [restored(inner, name) for inner in value] if isinstance(value, list) else value

        return restored(value)

    def hide(self, text: str) -> str:
        """A text of ours about the same case, with the placeholders in it that a provider knows."""
        for made, original in sorted(self.originals.items(), key=lambda each: -len(each[1])):
            text = text.replace(original, made)
        return text


def redact(context: dict[str, Any], patterns: Iterable[str] = ()) -> Redacted:
    """A copy of the context of the same structure in which nobody is named by what identifies them.

    `patterns` are regular expressions of a deployment's own; what they find is called PRIVATE. Placeholders read
    `[EMAIL-1]`, and never like anything that stands in the context.

    >>> redacted = redact({"text": "Write to a@example.com or call +49 30 1234567."})
    >>> redacted.context
    {'text': 'Write to [EMAIL-1] or call [PHONE-1].'}
    >>> redacted.restore({"body": "We write to [EMAIL-1]."})
    {'body': 'We write to a@example.com.'}
    """
    kinds = [_Kind("PRIVATE", re.compile(pattern), len) for pattern in patterns] + _KINDS
    taken = {text for text in _texts(context) for text in re.findall(r"\[[A-Z]+-\d+\]", text)}
    given: dict[tuple[str, str], str] = {}
    last: dict[str, int] = {}

    def placeholder(kind: str, text: str) -> str:
        if (kind, text) not in given:
            while True:
                last[kind] = last.get(kind, 0) + 1
                if (made := f"[{kind}-{last[kind]}]") not in taken:
                    break
            given[kind, text] = made
        return given[kind, text]

    def redacted(text: str, name: str) -> str:
        if _CALLED.search(name) and len(_digits(text)) >= _SHORTEST:
            return placeholder("PHONE", text)
        parts = [(text, False)]  # and whether it is a placeholder, in which nothing more is looked for
        for kind in kinds:
            parts = [each for part in parts for each in ([part] if part[1] else _split(part[0], kind, placeholder))]
        return "".join(text for text, _ in parts)

    copy = _mapped(context, redacted)
    return Redacted(copy, {made: text for (_, text), made in given.items()})


def _split(text: str, kind: _Kind, placeholder: Callable[[str, str], str]) -> Iterator[tuple[str, bool]]:
    end = at = 0
    while found := kind.pattern.search(text, at):
        at = found.start() + 1  # another one may begin within what is none
        if size := kind.measure(found[0]):
            yield text[end : found.start()], False
            yield placeholder(kind.name, found[0][:size]), True
            end = at = found.start() + size
    yield text[end:], False


def _mapped(value: Any, change: Callable[[str, str], str], name: str = "") -> Any:
    if isinstance(value, str):
        return change(value, name)
    if isinstance(value, dict):
        return {change(key, ""): _mapped(inner, change, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, change, name) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):  # tools write numbers of cards without quotation marks
        text = change(str(value), name)
        return value if text == str(value) else text
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _escaped(text: str, name: str) -> str:
    """In a JSON Pointer (RFC 6901) two characters are written in another way."""
    return text.replace("~", "~0").replace("/", "~1") if name == "source" else text


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdecimal())


def _email(text: str) -> int:
    return len(text.rstrip(".!?"))  # the end of a sentence is none of its


def _card(text: str) -> int:
    """By the check digit (ISO/IEC 7812-1, annex B)."""
    return _longest(text, 12, _ends_well)


def _ends_well(digits: str) -> bool:
    numbers = [int(each) for each in reversed(digits)]
    doubled = [each * 2 - 9 * (each > 4) for each in numbers[1::2]]
    return any(numbers) and (sum(numbers[::2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> int:
    """By the two check digits (ISO 7064, MOD 97-10)."""
    return _longest(
        text, 15, lambda plain: int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1
    )


def _longest(text: str, least: int, is_one: Callable[[str], bool]) -> int:
    """How much of the text, up to the end of a word, is one by its letters and digits, of which it takes so many."""
    for end in range(len(text), 0, -1):
        plain = "".join(each for each in text[:end] if each.isalnum())
        if len(plain) < least:
            return 0
        ends = text[end - 1].isalnum() and not (end < len(text) and text[end].isalnum())
        if ends and is_one(plain):
            return end
    return 0


def _phone(text: str) -> int:
    return 0 if _DATE.match(text) or len(_digits(text)) < _SHORTEST else len(text)


_SHORTEST = 7  # digits of a telephone number
_KINDS = [
    _Kind("EMAIL", _EMAIL, _email),
    _Kind("IBAN", _IBAN, _iban),
    _Kind("PHONE", _ABROAD, _phone),  # before what may seem a card's number
    _Kind("CARD", _CARD, _card),
    _Kind("PHONE", _PHONE, _phone),
]
