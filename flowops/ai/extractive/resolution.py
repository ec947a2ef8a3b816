"""How a case could be settled: what the facts speak for, how sure that is, and what to look at before doing it."""

from itertools import islice

from flowops.ai.extractive import reading, reply, summary
from flowops.ai.extractive.reading import items, part
from flowops.ai.extractive.wording import Claim, Json, cited, quote, shown

_FACTS = 8
_SURE, _PER_DOUBT, _LEAST = 70, 10, 20  # hundredths
_BY_RULE = 60  # at most, where policy wants a person's judgement

# What the customer can be told before anything is decided.
_TELLABLE = {"answer", "ask_customer", "decline"}
_DO = {
    "approve": "The checks speak for it, and the decision is yours: read what policy left open, then decide.",
    "decline": "Tell the customer that it is not possible: no person can allow what policy denies.",
    "answer": "Answer the customer; nothing else waits for a decision.",
    "other": "The customer has not written. Read what was reported, and decide what it takes.",
    "ask_customer": "Ask the customer for what is missing before anything is decided.",
    "investigate": "Find out which of the two is right, the claim or the record, before anything is decided.",
    "escalate": "It should go to a supervisor: what is said here needs somebody who may answer for it.",
    "duplicate": "Read the earlier case first; it may be the same matter, and one answer is enough.",
}
_ASKABLE = {"account_exists", "effect_well_formed", "invoice_exists", "invoice_belongs_to_customer"}


def suggest(context: Json) -> Json:
    """A `resolution_suggestion.v1`; the more is uncertain, the less sure it is."""
    category, because = _category(context)
    uncertainties = reply.uncertainties(context)
    suggestion = {
        "category": category,
        "confidence": _confidence(category, uncertainties),
        "facts": cited([*because, *islice(summary.facts(context), _FACTS)], _FACTS),
        "uncertainties": uncertainties,
        "internalNote": _note(context, category, because),
    }
    if category in _TELLABLE:
        suggestion["customerMessage"] = reply.draft(context)["body"]
    return suggestion


def _category(context: Json) -> tuple[str, list[Claim]]:
    """What to do, and what speaks for it; the first that applies."""
    failed = reading.failed(context)
    rulings = [
        (f"Policy says {shown(r.get('outcome'))}: {quote(r.get('reason'))}", f"/verdict/rulings/{i}")
        for i, r in reading.unsettled(context)
    ]
    for index, case in items(context, "earlierCases"):
        if case.get("sameTitle") is True and case.get("status") != "resolved":
            return "duplicate", [summary.earlier(index, case)]
    if part(context, "verdict").get("outcome") == "deny":
        return "decline", rulings
    for kind in (reading.PERIL, reading.LEGAL, reading.SECURITY):
        if told := reading.trouble(context, kind):
            return "escalate", [(f"{kind}: {quote(told[0].text)}", told[0].source)]
    doubts = list(reading.doubts(context))
    if any(check.get("name") in _ASKABLE for _, check in failed) and not part(context, "records", "errors"):
        return "ask_customer", doubts
    broken = [
        (f"The {shown(e.get('kind'))} could not be carried out: {quote(e.get('error'))}", f"/effects/{i}")
        for i, e in items(context, "effects")
        if e.get("status") == "failed"
    ]
    if broken or doubts:
        return "investigate", [*broken, *doubts]
    if reading.is_undecided(context):
        return "approve", rulings
    if reading.is_unclear(context):
        return "ask_customer", []
    return ("answer" if reading.said(context, "customer") else "other"), []


def _confidence(category: str, uncertainties: list[str]) -> str:
    hundredths = max(_LEAST, _SURE - _PER_DOUBT * (len(uncertainties) - 1))
    return f"0.{min(hundredths, _BY_RULE if category == 'approve' else hundredths)}"


def _note(context: Json, category: str, because: list[Claim]) -> str:
    """For the team: what to do and why, with the rest of the case in one sentence."""
    why = summary.WHY.get(str(part(context, "handoff").get("reason")))
    note = [_DO[category]]
    note += [f"What speaks for this: {'; '.join(text for text, _ in because[:3])}."] if because else []
    note += [f"A person was asked because {why}."] if why else []
    return " ".join(note)
