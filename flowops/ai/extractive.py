"""The built-in generator: picks what matters in a case, quotes it and cites it. It never invents, and needs no model.

What people wrote stands in quotation marks, word for word; everything else is a fixed phrase around a value of the
context. There is no clock and no dice: the same context gives the same artifact.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from flowops.domain import commitments

Json = dict[str, Any]
Claim = tuple[str, str]  # a text and the JSON Pointer it rests on

_FACTS, _RISKS, _TOOLS = 14, 8, 3  # how many a person will read; tools that failed, and tools that answered
_QUOTE, _SHORT, _FIELDS = 220, 80, 360  # characters of a quotation, of one inside a longer text, of a list of fields

_WHY = {
    "verification_failed": "a check against the records failed",
    "effect_failed": "an action could not be carried out",
    "policy_boundary": "policy leaves this decision to a person",
    "escalated": "it was escalated",
    "low_confidence": "the automation was not sure enough",
    "sla_risk": "its deadline is near",
}
_NEXT = {
    "verification_failed": "Compare what was claimed with the records",
    "effect_failed": "Find out why the action failed, then repeat it or settle it another way",
    "policy_boundary": "Decide what policy left open",
    "escalated": "Read the conversation and answer the customer in person",
    "low_confidence": "Confirm what the customer wants before anything is done",
    "sla_risk": "Answer this case first",
}


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(text.split())})(?!\w)", re.IGNORECASE)


_WISH = _words(
    r"want need would\slike i'd\slike looking\sto wish please can\syou could\syou can\si help refund cancel change"
)
_PROBLEM = _words(
    r"charged twice wrong broken missing never still not \w+n't error failed late lost problem unable issue"
)
_TROUBLE = {
    "Legal threat": _words(r"lawyers? attorneys? solicitors? sue suing lawsuits? legal court ombudsman regulators?"),
    "Chargeback": _words(r"charge-?backs? dispute\s(?:it|this|the\scharge) my\sbank"),
    "Security concern": _words(r"hacked stolen fraud\w* phish\w* unauthori[sz]ed breach\w* scam\w* compromised"),
}
_REPORT = _words(r"success\w* has\sbeen have\sbeen i've")
_UNSURE = _words(r"if once would could cannot can't unfortunately unable")
_ERROR = re.compile(r"\W*(?:error|failed|failure|invalid|denied|not found)\b", re.IGNORECASE)
_FIELD_RANK = [
    _words(words)
    for words in (
        r".*\s?error result status state",
        r"(?:.*\s)?(?:amount|total|price|cost|fee|balance|money|refundable|paid|currency)",
        r"(?:.*\s)?(?:id|number|reference)",
        r"(?:.*\s)?(?:date|at|due|time)",
        r"(?:.*\s)?(?:name|email|plan|membership|cabin|type|reason|origin|destination)",
    )
]

_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_BULLET = re.compile(r"^(?:[\s\-•#>]+|\*\s+|\d{1,3}[.)]\s+)+(?=\S)")
_LABEL = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")
_SLUG = re.compile(r"[a-z]{1,30}(?:[_.][a-z]{1,30}){0,5}")
_ID = re.compile(r"(?:[A-Za-z]{1,20}[-_]){0,3}[A-Za-z]{0,10}[0-9][A-Za-z0-9]{0,40}")
_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,10})?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d{1,9})?)?(Z|\+00:00)?")
_EMAIL = re.compile(r"[A-Za-z0-9._+]{1,60}@[A-Za-z0-9-]{1,60}(?:\.[A-Za-z0-9-]{1,30}){1,4}")
_SUM = re.compile(r"-?\d{1,20}(?:\.\d{1,3})? [A-Z]{3}")


class Sentence(NamedTuple):
    """One sentence somebody wrote, and where."""

    text: str
    source: str
    weight: int


def generate(kind: str, context: Json) -> Json:
    """The artifact of this kind; KeyError for a kind this generator does not write."""
    return GENERATORS[kind](context)


def summarise(context: Json) -> Json:
    """A `handoff_summary.v1`: who, what and why in two sentences, then facts, risks and the next step."""
    return {
        "overview": _overview(context),
        "keyFacts": _cited(_facts(context), _FACTS),
        "risks": _cited(_risks(context), _RISKS),
        "nextStep": _next_step(context),
    }


GENERATORS: dict[str, Callable[[Json], Json]] = {"handoff_summary.v1": summarise}


def _cited(claims: Iterable[Claim], most: int) -> list[Json]:
    first: dict[str, str] = {}
    for text, source in claims:
        first.setdefault(text, source)
    return [{"text": text, "source": source} for text, source in islice(first.items(), most)]


def _overview(context: Json) -> str:
    handoff, customer, account = (
        _part(context, "handoff"),
        _part(context, "customer"),
        _part(context, "records", "account"),
    )
    name, plan = account.get("name") or customer.get("name"), account.get("plan") or customer.get("plan")
    who = (_value(name) if name else "The customer") + (f" ({_value(plan)} plan)" if plan else "")
    title = handoff.get("title") or _part(context, "request").get("subject")
    said = [_closed(f"{who}: {_quote(title, _QUOTE)}") if title else f"{who} needs an answer."]
    if why := _WHY.get(str(handoff.get("reason"))):
        said.append(f"A person is needed because {why}.")
    if more := [sentence for sentence in _said(context, "customer") if sentence.text not in _scalar(title)][:1]:
        said.append(_closed(f"In the customer's words: {_quote(more[0].text, _QUOTE)}"))
    return " ".join(said)


def _closed(text: str) -> str:
    """The text with a full stop, unless the quotation at its end brings one."""
    return text if text[-2] in ".!?…。！？" else f"{text}."


def _facts(context: Json) -> Iterator[Claim]:
    """What to know first: what is asked, what was done or failed, the records, then who said what."""
    if (asked := _part(context, "request", "effect")).get("kind"):
        yield f"Asked for: {_value(asked['kind'])}{_bracketed(asked.get('params'))}", "/request/effect"
    for index, effect in _items(context, "effects"):
        kind, status = _value(effect.get("kind")), _value(effect.get("status"))
        yield f"Action: {kind}, status {status}{_bracketed(effect.get('params'))}", f"/effects/{index}"

    tools = [(index, fact, _part(fact, "data")) for index, fact in reversed(_items(context, "facts"))]
    failures: dict[str, str] = {}
    answers: dict[str, Claim] = {}
    for index, fact, data in tools:
        result = data.get("error") or data.get("result")
        if isinstance(result, str) and _ERROR.match(result):
            failures.setdefault(f"Tool {_tool(fact)} failed: {_quote(result, _QUOTE)}", f"/facts/{index}")
        elif (fields := _fields(data)) and not isinstance(result, int | float):  # a number says nothing by itself
            answers.setdefault(_tool(fact), (f"Tool {_tool(fact)}: {fields}", f"/facts/{index}"))
    yield from islice(failures.items(), _TOOLS)

    for name in ("invoice", "account"):
        if fields := _fields(_part(context, "records", name)):
            yield f"{name.capitalize()}: {fields}", f"/records/{name}"

    customer = _said(context, "customer")
    latest = sorted(customer, key=lambda sentence: -_position(sentence.source))[:1]
    for who, sentences in (
        ("Customer", customer[:2]),
        ("Customer, last", [sentence for sentence in latest if sentence not in customer[:2]]),
        ("Third party", _said(context, "third_party")[:1]),
        ("The automation told the customer", _reports(context)[:1]),
    ):
        yield from ((f"{who}: {_quote(sentence.text, _QUOTE)}", sentence.source) for sentence in sentences)
    if not _part(context, "records", "account") and (fields := _fields(_part(context, "customer"))):
        yield f"Customer as given: {fields}", "/customer"

    yield from islice(answers.values(), _TOOLS)
    if (confidence := _part(context, "request").get("confidence")) is not None:
        yield f"Confidence of the automation: {_value(confidence)}", "/request/confidence"
    if due := _part(context, "handoff").get("slaDueAt"):
        yield f"Answer due: {_value(due)}", "/handoff/slaDueAt"


def _risks(context: Json) -> Iterator[Claim]:
    """What to watch out for: what people threaten, what failed, what policy said, what nobody stands behind."""
    for trouble, words in _TROUBLE.items():
        said = [*_said(context, "customer"), *_said(context, "third_party")]
        for sentence in [sentence for sentence in said if words.search(sentence.text)][:1]:
            yield f"{trouble}: {_quote(sentence.text, _QUOTE)}", sentence.source
    for name in ("accounts", "billing"):
        if (error := _part(context, "records", "errors").get(name)) is not None:
            yield f"The records of {name} could not be read: {_quote(error, _QUOTE)}", f"/records/errors/{name}"
    told: set[Any] = set()
    for index, check in _failed(context):
        told.add(check.get("name"))
        expected, actual = _quote(check.get("expected"), _SHORT), _quote(check.get("actual"), _SHORT)
        yield (
            f"Check {_value(check.get('name'))} failed: expected {expected}, found {actual}",
            f"/verification/checks/{index}",
        )
    for index, ruling in _unsettled(context):
        told.add(ruling.get("reason"))
        rule, outcome = _value(ruling.get("rule")), _value(ruling.get("outcome"))
        yield f"Policy rule {rule} says {outcome}: {_quote(ruling.get('reason'), _QUOTE)}", f"/verdict/rulings/{index}"
    for index, issue in _items(_part(context, "handoff"), "issues"):
        detail = issue.get("detail")
        if detail and not any(isinstance(text, str) and text and text in str(detail) for text in told):
            yield (
                f"Issue {_value(issue.get('code'))}: {_quote(detail, _QUOTE)}",
                f"/handoff/issues/{index}",
            )
    if not context.get("facts") and all(effect.get("status") != "done" for _, effect in _items(context, "effects")):
        for sentence in _reports(context)[:1]:
            yield f"No record stands behind what the automation said: {_quote(sentence.text, _QUOTE)}", sentence.source


def _next_step(context: Json) -> str:
    handoff, asked = _part(context, "handoff"), _part(context, "request", "effect")
    step = _NEXT.get(str(handoff.get("reason")), "Read the conversation and decide what the customer needs")
    reasons = [_quote(ruling.get("reason"), _QUOTE) for _, ruling in _unsettled(context)]
    checks = [_value(check.get("name")) for _, check in _failed(context)]
    if handoff.get("reason") == "verification_failed" and checks:
        step += f": {', '.join(checks[:3])}"
    elif handoff.get("reason") == "policy_boundary" and reasons:
        step += f": {reasons[0]}"
    said = [step]
    if _part(context, "verdict").get("outcome") == "deny":
        said.append("Policy does not allow what was asked; tell the customer why")
    elif asked.get("kind"):
        sums = [_value(value) for value in _part(asked, "params").values() if _is_sum(value)]
        said.append(f"Then approve or decline the {_value(asked['kind'])}{f' of {sums[0]}' if sums else ''}")
    if due := handoff.get("slaDueAt"):
        said.append(f"Answer before {_value(due)}")
    return ". ".join(said) + "."


def _part(value: Any, *path: str) -> Json:
    """The object at this path; an empty one where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _items(value: Json, name: str) -> list[tuple[int, Json]]:
    return [(index, item) for index, item in enumerate(value.get(name) or ()) if isinstance(item, dict)]


def _failed(context: Json) -> list[tuple[int, Json]]:
    return [(i, check) for i, check in _items(_part(context, "verification"), "checks") if check.get("passed") is False]


def _unsettled(context: Json) -> list[tuple[int, Json]]:
    return [(i, rule) for i, rule in _items(_part(context, "verdict"), "rulings") if rule.get("outcome") != "approve"]


def _said(context: Json, role: str) -> list[Sentence]:
    """What people of this role wrote, the most telling sentence first and of equals the earliest."""
    found = []
    for index, message in _items(context, "messages"):
        if message.get("role") == role:
            for text in _SENTENCE.split(str(message.get("text") or "")):
                if any(c.isalnum() for c in text):
                    bare = _BULLET.sub("", text)
                    found.append(Sentence(bare, f"/messages/{index}/text", _weigh(bare) + 2 * (index == 0)))
    return sorted(found, key=lambda sentence: -sentence.weight)


def _weigh(text: str) -> int:
    trouble = any(words.search(text) for words in _TROUBLE.values())
    telling = 3 * bool(_WISH.search(text)) + 2 * bool(_PROBLEM.search(text)) + 4 * trouble
    return telling + 2 * any(c.isdigit() for c in text) + min(len(text) // 30, 3)


def _reports(context: Json) -> list[Sentence]:
    """What the automation told the customer it did or will do, the latest first."""
    said = [sentence for sentence in _said(context, "automation") if _is_report(sentence.text)]
    return sorted(said, key=lambda sentence: -_position(sentence.source))


def _is_report(text: str) -> bool:
    said = _REPORT.search(text) or any(commitments.read(text))
    return bool(said) and not text.endswith("?") and not _UNSURE.search(text)


def _position(source: str) -> int:
    return int(source.split("/")[2])


def _quote(value: Any, limit: int) -> str:
    """The words of somebody, in quotation marks; what is cut off leaves an ellipsis."""
    words = " ".join(_scalar(value).translate(dict.fromkeys(map(ord, "“”"), '"')).split())
    if len(words) > limit:
        words = words[:limit].rsplit(" ", 1)[0] + "…"
    return f"“{words}”" if words else "nothing"


def _scalar(value: Any) -> str:
    """A scalar as grounding reads it; nothing for what is no scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""


def _value(value: Any) -> str:
    """A value as it can be shown: bare when its form says what it is, else in quotation marks."""
    if _is_sum(value):
        return str(value["text"])
    text = _scalar(value)
    if instant := _INSTANT.fullmatch(text):
        return f"{instant[1]} {instant[2]}{' UTC' if instant[3] else ''}"
    if isinstance(value, bool | int | float) or any(form.fullmatch(text) for form in (_ID, _NUMBER, _DAY, _EMAIL)):
        return text
    named = len(text) <= _SHORT and all(
        word.isalpha() and (word.istitle() or word.isupper()) for word in text.split(" ")
    )
    return text if (named or _SLUG.fullmatch(text)) and not _promises(text) else _quote(text, _SHORT)


def _promises(text: str) -> bool:
    return any(commitments.read(re.sub("[_.]", " ", text)))


def _is_sum(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str) and _SUM.fullmatch(value["text"]) is not None


def _tool(fact: Json) -> str:
    return _value(_scalar(fact.get("source")).removeprefix("tool:"))


def _fields(value: Any) -> str:
    """The most telling fields of an object, one level down included, as `label: value; ...`."""
    listed = ""
    for label, text in sorted(_labelled(value, deep=True), key=lambda field: _rank(field[0])):
        if len(listed) + len(label) + len(text) + 4 <= _FIELDS:
            listed += f"{'; ' if listed else ''}{label}: {text}"
    return listed


def _bracketed(value: Any) -> str:
    return f" ({fields})" if (fields := _fields(value)) else ""


def _labelled(value: Any, *, deep: bool) -> Iterator[tuple[str, str]]:
    for name, inner in value.items() if isinstance(value, dict) else ():
        if not _LABEL.fullmatch(name) or _promises(name):
            continue
        label = re.sub("(?<=[a-z])(?=[A-Z])|_+", " ", name).strip().lower()
        if _is_sum(inner) or isinstance(inner, bool | int | float) or (isinstance(inner, str) and inner.strip()):
            yield label, _value(inner)
        elif isinstance(inner, list) and inner and all(isinstance(item, str | int) for item in inner[:6]):
            yield label, ", ".join(_value(item) for item in inner[:6])
        elif deep:
            yield from _labelled(inner, deep=False)


def _rank(label: str) -> int:
    return next((rank for rank, words in enumerate(_FIELD_RANK) if words.fullmatch(label)), len(_FIELD_RANK))
