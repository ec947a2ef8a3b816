"""What a context holds that matters to a person: who said what, which checks failed, what policy left open."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from flowops.ai.extractive.wording import SHORT, Claim, Json, quote, scalar, shown, words
from flowops.domain import commitments

_WISH = words(
    r"want need would\slike i'd\slike looking\sto wish please can\syou could\syou can\si help refund cancel change "
    r"expect demand"
)
_PROBLEM = words(
    r"charged twice wrong broken missing never still not cannot \w+n't error failed late lost problem unable issue"
)
PERIL, LEGAL, DISPUTE, SECURITY = "Person at risk", "Legal threat", "Payment in dispute", "Security concern"
TROUBLE = {
    PERIL: words(
        r"harass\w* stalk\w* threaten\w* blackmail\w* doxx\w* assault\w* suicid\w* self-harm\w* in\sdanger "
        r"(?:hurt|kill)(?:s|ing|ed)?\s(?:me|him|her|them|my|himself|herself|themselves)\w* frighten\w* goodbye\sto "
        r"(?:not|won't|never)\sstop\s(?:writing|calling|following) knows\s(?:where|when)\si"
    ),
    LEGAL: words(r"lawyers? attorneys? solicitors? sue suing lawsuits? legal court ombudsman regulators?"),
    DISPUTE: words(
        r"charge[-\s]?backs? dispute\s(?:it|this|the\s(?:charge|payment)) (?:ask|call|tell|contact)\s(?:my|our)\sbank"
    ),
    SECURITY: words(
        r"hack(?:ed|ers?) stolen fraud\w* phish\w* unauthori[sz]ed (?:data|security|privacy)\s(?:breach|leak)\w* "
        r"compromised takeover impersonat\w+ pretend\w*\sto\sbe (?:was|is)(?:n't|\snot)\sme "
        r"(?:logged|signed|broke)\sin(?:to)?\smy "
        r"suspicious\s\w+ (?:do|did)(?:n't|\snot)\srecogni[sz]e\s(?:this|that|the|a|any)"
    ),
}
_ENGLISH = words(
    "the and you your my is are was to of in it for with have that this not please i can we why how what when where "
    "but from they there been does did would could should"
)
_REPORT = words(r"success\w* has\sbeen have\sbeen i've")
_UNSURE = words(r"if once would could cannot can't unfortunately unable")
_FEW = 8
_ABSENT = re.compile(r"no such \w+|\w+ not known")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_BULLET = re.compile(r"^(?:[\s\-•#>]+|\*\s+|\d{1,3}[.)]\s+)+(?=\S)")


class Sentence(NamedTuple):
    """One sentence somebody wrote, and where."""

    text: str
    source: str
    weight: int

    @property
    def position(self) -> int:
        """Of its message in the conversation."""
        return int(self.source.split("/")[2])


def part(value: Any, *path: str) -> Json:
    """The object at this path; an empty one where there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: Json, name: str) -> list[tuple[int, Json]]:
    """The objects in a list, each with its index."""
    return [(index, item) for index, item in enumerate(value.get(name) or ()) if isinstance(item, dict)]


def failed(context: Json) -> list[tuple[int, Json]]:
    """The checks that failed."""
    return [(i, check) for i, check in items(part(context, "verification"), "checks") if check.get("passed") is False]


def unsettled(context: Json) -> list[tuple[int, Json]]:
    """The rulings that did not approve."""
    return [(i, rule) for i, rule in items(part(context, "verdict"), "rulings") if rule.get("outcome") != "approve"]


def said(context: Json, role: str) -> list[Sentence]:
    """What people of this role wrote, the most telling sentence first and of equals the earliest."""
    found = []
    for index, message in items(context, "messages"):
        if message.get("role") == role:
            for text in _SENTENCE.split(str(message.get("text") or "")):
                if any(c.isalnum() for c in text):
                    plain = _BULLET.sub("", text)
                    found.append(Sentence(plain, f"/messages/{index}/text", _weigh(plain) + 2 * (index == 0)))
    return sorted(found, key=lambda sentence: -sentence.weight)


def last_said(context: Json, role: str) -> list[Sentence]:
    """The same, the latest message first."""
    return sorted(said(context, role), key=lambda sentence: -sentence.position)


def wishes(sentence: Sentence) -> bool:
    """Does somebody want something, ask, threaten or report a problem in this sentence?"""
    return "?" in sentence.text or any(p.search(sentence.text) for p in (_WISH, _PROBLEM, *TROUBLE.values()))


def _weigh(text: str) -> int:
    trouble = any(pattern.search(text) for pattern in TROUBLE.values())
    telling = 3 * bool(_WISH.search(text)) + 2 * bool(_PROBLEM.search(text)) + 4 * trouble
    return telling + 2 * any(c.isdigit() for c in text) + min(len(text) // 30, 3)


def reports(context: Json) -> list[Sentence]:
    """What the automation told the customer it did or will do, the latest first."""
    return [sentence for sentence in last_said(context, "automation") if _is_report(sentence.text)]


def _is_report(text: str) -> bool:
    reported = _REPORT.search(text) or any(commitments.read(text))
    return bool(reported) and not text.endswith("?") and not _UNSURE.search(text)


def is_undecided(context: Json) -> bool:
    """Does something that was asked for wait for a decision?"""
    if effects := items(context, "effects"):
        return any(effect.get("status") in {"proposed", "held"} for _, effect in effects)
    return part(context, "request", "effect").get("kind") is not None


def is_foreign(context: Json) -> bool:
    """Does the customer seem to write in another language than ours?"""
    text = " ".join(told.text for told in said(context, "customer"))
    count = len(text.split())
    return count >= 5 and len(_ENGLISH.findall(text)) * 12 < count


def is_unclear(context: Json) -> bool:
    """Has the customer written only a few words, that say as little of what they want as the automation did?"""
    told = said(context, "customer")
    known = part(context, "request", "effect").get("kind") is not None or any(map(wishes, told))
    return bool(told) and not known and sum(len(sentence.text.split()) for sentence in told) <= _FEW


def unbacked(context: Json) -> list[Sentence]:
    """What the automation reported though neither a tool nor a finished effect stands behind it."""
    done = any(effect.get("status") == "done" for _, effect in items(context, "effects"))
    return [] if context.get("facts") or done else reports(context)


def is_somebody_elses(context: Json) -> bool:
    """Is the invoice that was asked about another customer's?"""
    invoice, account = part(context, "records", "invoice"), part(context, "records", "account")
    return bool(invoice and account) and invoice.get("customerId") != account.get("id")


def trouble(context: Json, kind: str) -> list[Sentence]:
    """The sentences of customers and third parties that speak of one kind of trouble, and the title last."""
    title = Sentence(scalar(part(context, "handoff").get("title")), "/handoff/title", 0)
    everybody = [*said(context, "customer"), *said(context, "third_party"), title]
    return [sentence for sentence in everybody if TROUBLE[kind].search(sentence.text)]


def doubts(context: Json) -> Iterator[Claim]:
    """What could not be read, and what the records contradict; what is absent is told once."""
    for name in ("accounts", "billing"):
        if (error := part(context, "records", "errors").get(name)) is not None:
            yield f"The records of {name} could not be read: {quote(error)}", f"/records/errors/{name}"
    absent: set[str] = set()
    for index, check in failed(context):
        gone = set(_ABSENT.findall(f"{scalar(check.get('expected'))} {scalar(check.get('actual'))}"))
        if gone & absent:
            continue
        absent |= gone
        expected, actual = quote(check.get("expected"), SHORT), quote(check.get("actual"), SHORT)
        yield (
            f"Check {shown(check.get('name'))} failed: expected {expected}, found {actual}",
            f"/verification/checks/{index}",
        )


def tool(fact: Json) -> str:
    """The name of the tool that said something."""
    return shown(scalar(fact.get("source")).removeprefix("tool:"))
