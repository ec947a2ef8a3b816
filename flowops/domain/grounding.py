"""Whether every fact an artifact states is found in the context it was given. Code, no model, no guessing.

A text that cites a JSON Pointer is held against the value there and nothing else; a text that cites nothing, against
the whole context. Numbers, money, dates, times, percentages, ids, e-mail addresses, URLs and capitalised names must be
covered after both sides are brought to one form, and may say less than the source ("22 Nov" of a full date) but never
more. What stands in double quotation marks must be there word for word, and is then reported speech: it commits to
nothing. A commitment in the artifact's own words needs an effect, or a record that holds this very word.

What it cannot catch: paraphrase ("is angry", "paid twice"), a true quotation out of context, a true fact in the wrong
place of a text that cites nothing, number words and signs, look-alike letters, and a lone name that opens a sentence
when the context writes the same word in lower case.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Context, Decimal
from typing import Any

from flowops.domain import artifacts, commitments, money, statements

# Where a whole value such as "refunded" is a state that a system of record (or, cited, a tool) reports. What people
# wrote, and what was asked for, is never in this list.
_RECORDED = ("/records/",)
_REPORTED = ("/records/", "/facts/", "/effects/")

_QUOTE = re.compile(r'“([^“”]*)”|"([^"]*)"')
_EDGES = re.compile(r"^(?:…|\.\.\.)?\s*|\s*(?:…|\.\.\.)?\s*$")
_MARKS = str.maketrans("“”„«»‘’", '"""""\'\'')


@dataclass(frozen=True)
class Finding:
    """One text, the source it cites, whether it is grounded, and what is not when it is not."""

    text: str
    source: str | None
    ok: bool
    why: str | None


@dataclass(frozen=True)
class Grounding:
    """The findings for one artifact; it passes when every text is grounded."""

    passed: bool
    claims: tuple[Finding, ...]

    def dump(self) -> dict[str, Any]:
        """This value as JSON types, as clients see it."""
        return {"passed": self.passed, "claims": [asdict(claim) for claim in self.claims]}


def check(context: Mapping[str, Any], claims: Iterable[artifacts.Claim]) -> Grounding:
    """Hold every text against its source; total: hostile claims are ungrounded, never an error.

    >>> context = {"records": {"invoice": {"total": {"amount": 4900, "currency": "EUR"}}}}
    >>> check(context, [("The invoice is 49.00 EUR.", "/records/invoice")]).passed
    True
    >>> check(context, [("The invoice is $49.", "/records/invoice")]).claims[0].why
    'not in the source: $49'
    """
    case = _Case(context)
    findings = tuple(case.judge(text, source) for text, source in claims)
    return Grounding(all(finding.ok for finding in findings), findings)


def resolve(document: Any, pointer: str) -> Any:
    """The value a JSON Pointer (RFC 6901) leads to; LookupError when it leads nowhere.

    >>> resolve({"a/b": [{"m~n": 8}]}, "/a~1b/0/m~0n")
    8
    """
    if pointer and not pointer.startswith("/"):
        raise LookupError(pointer)
    value = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if re.search("~(?![01])", step):
            raise LookupError(pointer)
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and re.fullmatch("0|[1-9][0-9]{0,8}", name) and int(name) < len(value):
            value = value[int(name)]
        else:
            raise LookupError(pointer)
    return value


class _Case:
    """One context, read as far as its claims need it."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self.context = context
        self.whole = _Evidence("", context, _RECORDED)
        self.cited: dict[str, _Evidence] = {}

    def judge(self, text: str, source: str | None) -> Finding:
        try:
            evidence, place = (self.whole, "context") if source is None else (self.evidence(source), "source")
        except LookupError:
            return Finding(text, source, ok=False, why="the source does not exist in the context")
        why = "; ".join(f"{what} {place}: {', '.join(found)}" for what, found in self.missing(text, evidence) if found)
        return Finding(text, source, ok=not why, why=why or None)

    def evidence(self, pointer: str) -> "_Evidence":
        if pointer not in self.cited:
            value, parent = resolve(self.context, pointer), pointer.rpartition("/")[0]
            if not pointer:  # the whole context supports anything, so citing it says nothing
                raise LookupError(pointer)
            if parent and _sum(around := resolve(self.context, parent)) and pointer.endswith(("/amount", "/currency")):
                value = around  # minor units mean nothing without their currency
            self.cited[pointer] = _Evidence(pointer, value, _REPORTED)
        return self.cited[pointer]

    def missing(self, text: str, evidence: "_Evidence") -> Iterator[tuple[str, list[str]]]:
        quotes = [found[1] or found[2] or "" for found in _QUOTE.finditer(text)]
        yield "not word for word in the", [f"“{quote}”" for quote in quotes if not evidence.holds_words(quote)]

        own = statements.plain(_QUOTE.sub(" | ", text))
        stated = list(statements.read(own))
        yield "not in the", [s.raw for s in stated if not (evidence.covers(s) or self.is_ordinary(s))]

        for name in (s.raw for s in stated if s.is_id):  # it was looked up, and the words inside it promise nothing
            own = own.replace(name, "|")
        effects = self.context.get("effects") or ()
        unbacked = [c.word for c in commitments.read(own) if not commitments.is_backed(c, effects, evidence.states)]
        yield "a commitment without an effect or record in the", unbacked

    def is_ordinary(self, statement: statements.Statement) -> bool:
        """Is this the first word of a sentence, and one the context also writes in lower case?"""
        return statement.opens and statement.raw in self.whole.ordinary


class _Evidence:
    """Everything one value supports."""

    def __init__(self, pointer: str, value: Any, recorded: tuple[str, ...]) -> None:
        leaves = list(_leaves(value, pointer))
        texts = [statements.plain(text) for _, text in leaves]
        self.spoken = "\n".join(_spoken(text) for path, text in leaves if path is not None)
        self.words = "\n".join(texts).casefold()
        self.states = {text.casefold() for path, text in leaves if path is not None and path.startswith(recorded)}
        self.ordinary = {
            word.capitalize() for word in re.findall(r"(?<!\w)[^\W\d_]+(?!\w)", "\n".join(texts)) if word.islower()
        }
        self.readings = {
            wide
            for readings in (*(s.readings for text in texts for s in statements.read(text)), *_sums(value))
            for reading in readings
            for wide in statements.widen(reading)
        }

    def covers(self, statement: statements.Statement) -> bool:
        return not self.readings.isdisjoint(statement.readings) or any(
            unit == "text" and _stands_in(value, self.words) for unit, value in statement.readings
        )

    def holds_words(self, quote: str) -> bool:
        """Is this there word for word? Space, case, the shape of quotation marks and a closing ellipsis are free."""
        return _stands_in(_spoken(_EDGES.sub("", quote)), self.spoken, cut=quote.rstrip().endswith(("…", "...")))


def _spoken(text: str) -> str:
    return " ".join(statements.visible(text).translate(_MARKS).casefold().split())


def _stands_in(part: str, text: str, *, cut: bool = False) -> bool:
    """Does `part` stand in the text as whole words? A part that was cut may end inside a word."""
    before = r"(?<!\w)" if re.match(r"\w", part) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", part) and not cut else ""
    return re.search(before + re.escape(part) + after, text) is not None


def _leaves(value: Any, path: str) -> Iterator[tuple[str | None, str]]:
    """Every scalar as text with its path, and every member name (which may be an id) without one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield None, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
            yield None, name
            if name != "amount" or not _sum(value) or path.startswith("/facts/"):  # a tool may mean what it says
                yield from _leaves(inner, f"{path}/{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, f"{path}/-")
    elif isinstance(value, str):
        yield path, value
    elif isinstance(value, bool):
        yield path, str(value).lower()
    elif isinstance(value, int | float):
        yield path, str(value)


def _sum(value: Any) -> statements.Reading | None:
    """The reading of a Money object: minor units in their currency."""
    if not isinstance(value, dict) or not {"amount", "currency"} <= value.keys():
        return None
    amount, currency = value["amount"], value["currency"]
    if type(amount) is not int or currency not in money.EXPONENTS:
        return None
    major = Decimal(amount).scaleb(-money.EXPONENTS[currency], Context(prec=64))
    return currency, statements.number(str(major))


def _sums(value: Any) -> Iterator[Iterable[statements.Reading]]:
    if reading := _sum(value):
        yield [reading]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from _sums(item)
