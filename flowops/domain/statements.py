"""What a text states that can be looked up: numbers, money, dates, times, ids, addresses and names, each in one form.

It reads and judges nothing. It does not see number words ("two"), signs ("-5"), time zones, names in scripts without
capital letters, or names that are also everyday words ("Will", "May").
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Context, Decimal, InvalidOperation

from flowops.domain import money

Reading = tuple[
    str, str
]  # a type and the value in its one form: ("date", "2026-11-22"), ("EUR", "49"), ("text", "ada")

# Characters that take no room or no ink though Unicode does not class them as format characters.
_UNSEEN = {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
_UNSEEN |= {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}

_EXACT = Context(prec=64)
_SYMBOLS = {
    "$": ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD"),
    "€": ("EUR",),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
}
_CALENDAR = """
january february march april may june july august september october november december
monday tuesday wednesday thursday friday saturday sunday"""
_MONTHS, _DAYS = (names.split() for names in _CALENDAR.strip().splitlines())

_NUM = r"(?:\d{1,3}(?:[,.']\d{3}){1,9}(?:[.,]\d{1,2})?(?!\d)|\d{1,30}(?:[.,]\d{1,30})?)"
_MONTH = rf"(?:{'|'.join(f'{m[:3]}(?:{m[3:]})?' if m != 'may' else m for m in _MONTHS)}|sept)\b\.?"
_CODE = rf"(?:{'|'.join(sorted(money.EXPONENTS))})"
# Currencies as people write them out; of the codes only those that are no word in small letters.
_WORDS = {"euro": "€", "dollar": "$", "yen": "¥", "rupee": "₹", "eur": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF"}
_NAMED = r"(?i:euros?|dollars?|yen|rupees?|eur|usd|gbp|chf)"
_SYMBOL = f"[{''.join(_SYMBOLS)}]"

_TOKEN = re.compile(
    rf"""
      (?P<url>(?i:https?://|www\.)[^\s<>"“”]{{1,2000}})
    | (?P<email>[\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}})
    | (?<!\w)(?:
        (?P<iso>\d{{4}}-\d\d-\d\d)(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?)(?:\.\d{{1,9}})?(?:Z|[+-]\d\d:?\d\d)?)?(?![\w-])
      | (?i:(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m1>{_MONTH})(?:,?\s+(?P<y1>\d{{4}})(?!\w))?)
      | (?i:(?P<m2>{_MONTH})\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?!\w)(?:,?\s+(?P<y2>\d{{4}})(?!\w))?)
      | (?i:(?P<m3>{_MONTH})\s+(?P<y3>\d{{4}})(?!\w))
      | (?P<n1>\d{{1,2}})(?P<sep>[/.])(?P<n2>\d{{1,2}})(?P=sep)(?P<n3>\d{{4}}|\d\d)(?!\w|[./-]\w)
      | (?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?!\d)(?:\s?(?P<half>[AaPp])\.?[Mm]\b)?
      | (?P<hour12>\d{{1,2}})\s?(?P<half12>[AaPp])\.?[Mm]\b
      | (?P<code1>{_CODE})\s?(?P<sum1>{_NUM})(?!\w)
      | (?P<sum2>{_NUM})\s?(?P<code2>{_CODE}|{_NAMED})\b
      | (?P<sum3>{_NUM})\s?(?P<symbol3>{_SYMBOL})
      | (?P<percent>{_NUM})\s?(?:%|per\s?cent\b)
      | (?P<ordinal>\d{{1,9}})(?i:st|nd|rd|th)\b
      )
    | (?P<symbol4>{_SYMBOL})\s?(?P<sum4>{_NUM})(?!\w)
    | (?P<token>\w{{1,200}}(?:[-_./:@#,'’]\w{{1,200}}){{0,40}})
    """,
    re.VERBOSE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_OPENERS = frozenset(".!?:;\n–—•(|")

# Words that say nothing to be looked up, however they are written.
_PLAIN_WORDS = """
a about above according account action after again agent ai all already also although always am amount an and answer
any are as ask asked asks assistant at automation awaiting balance be because been before being below between billing
both but by call can cannot card case channel charge charged chat check checks claim claims compare complaint
confidence confirm contact conversation could customer customers data date deadline dear decide decision did difference
do does due duplicate during each either email error errors escalation every explain fact facts failed failure find
first for found from handoff has have he hello help her here hi his how however i id if in into invoice is issue it its
just key kind last later legal low may message missing money more most must my name need needs neither new next no none
not note nothing now of offer ok on once one only open operator or order other our outcome paid password payment
pending person phone plan please pm policy possible priority process re read reason record records reference refund
refundable regards reply request requested requests review risk rule second security see sent she should since sla so
some sorry source status still subscription summary supervisor support system tell thank thanks that the their them
then there these they third this those though ticket to today tool total two under unfortunately until urgent url user
utc verdict verification verify very wait waits want wanted wants was we were what when where whether which while who
why will with without would write writes wrote yes yet you your"""
_EVERYDAY = frozenset(_PLAIN_WORDS.split())


@dataclass(frozen=True)
class Statement:
    """One thing a text states: as written, every way to read it, and whether it is a word that opens a sentence."""

    raw: str
    readings: frozenset[Reading]
    opens: bool = False
    at: int = 0  # where the token begins in which it stands

    @property
    def is_id(self) -> bool:
        """Is this an id-like token: something with digits that is no number, date, time or sum?"""
        return ("text", self.raw.casefold()) in self.readings and any(c.isdigit() for c in self.raw)

    @property
    def is_sum(self) -> bool:
        """Is this money, with a currency?"""
        return any(unit in money.EXPONENTS or unit in _SYMBOLS for unit, _ in self.readings)

    @property
    def is_date(self) -> bool:
        """Is this a day or a month of the calendar, in whatever form?"""
        return any(unit == "date" for unit, _ in self.readings)


def visible(text: str) -> str:
    """The text without control, format and other characters a reader cannot see; every line break is one newline.

    >>> visible("re\\u200bfunded\\r\\nnow\\x00")
    'refunded\\nnow'
    """
    text = re.sub("\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or not (unicodedata.category(c) in _HIDDEN or ord(c) in _UNSEEN))


_HIDDEN = frozenset({"Cc", "Cf", "Cs"})


def plain(text: str) -> str:
    """The text as it is read: visible characters only, compatibility forms folded (NFKC), one kind of apostrophe."""
    return unicodedata.normalize("NFKC", visible(text)).replace("’", "'")


def read(text: str) -> Iterator[Statement]:
    """The statements of a text that is already `plain`.

    >>> [s.raw for s in read("Ada paid $49 for A-10442 on 22 Nov 2026, about 50 %.")]
    ['Ada', '$49', 'A-10442', '22 Nov 2026', '50 %']
    """
    for found in _TOKEN.finditer(text):
        yield from (replace(statement, at=found.start()) for statement in _stated(found, text))


def _stated(found: re.Match[str], text: str) -> Iterator[Statement]:
    """What one run of characters states."""
    if found["token"]:
        yield from _token(found["token"], text, found.start())
    elif found["url"] or found["email"]:
        yield _literal(found[0].rstrip(".,;:!?)]}'-*"))
    else:
        readings = frozenset(_typed(found))
        yield Statement(found[0].rstrip("."), readings) if readings else _literal(found[0])
        if found["clock"]:
            yield Statement(found["clock"], frozenset({("time", _clock(*found["clock"].split(":")))}))


def _literal(raw: str, *, opens: bool = False) -> Statement:
    return Statement(raw, frozenset({("text", raw.casefold())}), opens)


def _numeral(raw: str) -> Statement:
    return Statement(raw, frozenset(("number", amount) for amount in _numbers(raw)))


def _typed(found: re.Match[str]) -> Iterator[Reading]:
    """Every reading of a date, time, sum, percentage or ordinal; none when it only looks like one (31:99)."""
    get = found.groupdict().get
    with suppress(ValueError):
        if iso := get("iso"):
            yield "date", date.fromisoformat(iso).isoformat()
    for day, month, year in ((get("d1"), get("m1"), get("y1")), (get("d2"), get("m2"), get("y2"))):
        if month:
            yield from _date(year, 1 + [m[:3] for m in _MONTHS].index(month[:3].lower()), int(day or 0))
    if month := get("m3"):
        yield "date", f"{int(get('y3') or 0):04}-{1 + [m[:3] for m in _MONTHS].index(month[:3].lower()):02}"
    if last := get("n3"):
        year = last if len(last) == 4 else f"20{last}"
        first, second = int(get("n1") or 0), int(get("n2") or 0)
        yield from _date(year, second, first)
        if get("sep") == "/":
            yield from _date(year, first, second)
    hour, half = get("hour") or get("hour12"), get("half") or get("half12")
    if hour and (clock := _clock(hour, get("minute") or "00", get("second"), half)):
        yield "time", clock
    for n in "1234":
        if digits := get(f"sum{n}"):
            unit = get(f"code{n}") or get(f"symbol{n}") or ""
            unit = unit if unit in money.EXPONENTS else _WORDS.get(unit.lower().removesuffix("s"), unit)
            yield from ((unit, amount) for amount in _numbers(digits, unit))
    if digits := get("percent"):
        yield from (("%", amount) for amount in _numbers(digits))
    if digits := get("ordinal"):
        yield "number", number(digits)


def _date(year: str | None, month: int, day: int) -> Iterator[Reading]:
    with suppress(ValueError):
        known = date(int(year or 2000), month, day)  # 2000: a leap year, so that 29 February is a day
        yield "date", known.isoformat() if year else f"*-{known:%m-%d}"


def _clock(hour: str, minute: str, second: str | None = None, half: str | None = None) -> str:
    h = int(hour) % 12 + (12 if half in ("p", "P") else 0) if half else int(hour)
    valid = h < 24 and int(minute) < 60 and int(second or 0) < 60 and not (half and int(hour) > 12)
    return f"{h:02}:{int(minute):02}" + (f":{int(second):02}" if second else "") if valid else ""


def _numbers(digits: str, unit: str = "") -> list[str]:
    """Every way to read a numeral: "1,234" has thousands; "1.234" may have, and as a sum has but for mills."""
    marks = [c for c in digits if not c.isdigit()]
    if not marks:
        return [number(digits)]
    whole, mark, tail = digits.rpartition(marks[-1])
    whole = "".join(c for c in whole if c.isdigit())
    grouped, fraction = number(whole + tail), f"{whole}.{tail}"
    if len(marks) > 1:
        return [grouped if marks.count(mark) > 1 else number(fraction)]
    if len(tail) != 3 or whole.startswith("0") or (mark == "." and money.EXPONENTS.get(unit) == 3):
        return [number(fraction)]
    return [number(fraction), grouped] if mark == "." and not unit else [grouped]


def number(value: str | float) -> str:
    """The one form of a number: no sign, no exponent, no superfluous zeros.

    >>> number("049.50"), number(-1200), number(0.62)
    ('49.5', '1200', '0.62')
    """
    return format(_EXACT.normalize(_EXACT.abs(Decimal(str(value)))), "f")


def _token(raw: str, text: str, start: int) -> Iterator[Statement]:
    """A run of word characters: a number, several, an id, or words of which the capitalised are names."""
    parts = [part for part in re.split(r"[-_./:@#,'’]", raw) if part]
    if re.fullmatch(_NUM, raw):
        yield _numeral(raw)
    elif any(c.isdigit() for c in raw) or "_" in raw:
        pieces = raw.split(",") if "," in raw else re.split("[-/]", raw)
        if "," in raw or all(re.fullmatch(_NUM, piece) for piece in pieces):  # A-1,B-2 or 10-15
            for piece in pieces:
                yield from _token(piece, text, start)
        else:
            yield _literal(raw)
    elif "." in raw and all(len(part) > 1 for part in parts):
        yield _literal(raw)
    else:
        for found in _WORD.finditer(raw):
            word = re.sub("'s$", "", found[0])
            if any(c.isupper() for c in word) and word.casefold() not in _EVERYDAY:
                before = text[: start + found.start()].rstrip(" \t*_\"“'") if found.start() == 0 else "x"
                yield _literal(word, opens=not before or before[-1] in _OPENERS)


def widen(reading: Reading) -> Iterator[Reading]:
    """A reading and everything it makes true that says less: a full date covers its day, a sum its bare number.

    >>> sorted(widen(("EUR", "49")))
    [('EUR', '49'), ('number', '49'), ('text', 'eur'), ('€', '49')]
    """
    yield reading
    unit, value = reading
    if unit in money.EXPONENTS or unit in _SYMBOLS:
        yield "number", value
        if unit in _SYMBOLS:
            yield _SYMBOLS[unit][0], value
        else:
            yield "text", unit.lower()
            yield from ((symbol, value) for symbol, codes in _SYMBOLS.items() if unit in codes)
    elif unit == "%":
        yield "number", value
        yield "number", number(str(Decimal(value).scaleb(-2, _EXACT)))
    elif unit == "number":
        with suppress(InvalidOperation):
            if Decimal(value) <= 1:
                yield "%", number(str(Decimal(value).scaleb(2, _EXACT)))
    elif unit == "time":
        yield unit, value[:5]
        if len(value) == 5:
            yield unit, f"{value}:00"
    elif unit == "date":
        yield from _within(value)


def _within(value: str) -> Iterator[Reading]:
    year, month, *days = value.split("-")
    name = _MONTHS[int(month) - 1]
    yield from (("text", name), ("text", name[:3]))
    yield from (("number", number(day)) for day in days)
    if year == "*":
        return
    yield from (("number", number(year)), ("date", f"{year}-{month}"))
    for day in days:
        weekday = _DAYS[date.fromisoformat(value).weekday()]
        yield from (("date", f"*-{month}-{day}"), ("text", weekday), ("text", weekday[:3]))
