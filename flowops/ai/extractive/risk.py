"""The risk of a case: flags raised by what stands in the context, each with its reason; the level follows from them."""

from collections.abc import Iterator

from flowops.ai.extractive import reading
from flowops.ai.extractive.reading import items, part
from flowops.ai.extractive.summary import earlier
from flowops.ai.extractive.wording import Json, cited, is_sum, quote, scalar, shown

_REASONS = 12
_GRAVE = {"legal_threat", "security_concern"}
_WEIGHTY = {"sla_near_breach", "repeat_escalation"}  # and a payment in dispute
_MANY, _SOME = 4, 2  # flags that make a case a high or a medium risk by their number

_CODES = {
    "ambiguous_intent": {"low_confidence"},
    "policy_edge_case": {"policy_boundary"},
}
_RULES = {
    "legal_threat": "escalation.legal",
    "security_concern": "escalation.security",
    "financial_sensitivity": "escalation.chargeback",
    "repeat_escalation": "escalation.repeated",
}
_SPOKEN = {
    reading.PERIL: "security_concern",
    reading.LEGAL: "legal_threat",
    reading.SECURITY: "security_concern",
    reading.DISPUTE: "financial_sensitivity",
}
_REPEATED = 2  # earlier cases

Raised = tuple[str, str, str]  # a flag, why it is raised, and the JSON Pointer to what says so


def assess(context: Json) -> Json:
    """A `risk_assessment.v1`.

    High for a threat, an intrusion, a person at risk or four flags; medium for a near deadline, a customer who comes
    again, a payment in dispute or two flags; else low.
    """
    raised = list(_raised(context))
    flags = list(dict.fromkeys(flag for flag, _, _ in raised))
    reasons = [(text, source) for _, text, source in raised] or list(_calm(context))
    disputed = bool(reading.trouble(context, reading.DISPUTE))
    return {"level": _level(set(flags), disputed=disputed), "reasons": cited(reasons, _REASONS), "flags": flags}


def _level(flags: set[str], *, disputed: bool) -> str:
    if flags & _GRAVE or len(flags) >= _MANY:
        return "high"
    return "medium" if flags & _WEIGHTY or disputed or len(flags) >= _SOME else "low"


def _raised(context: Json) -> Iterator[Raised]:
    """Every flag with its reason, the gravest first."""
    for kind, flag in _SPOKEN.items():
        yield from ((flag, f"{kind}: {quote(told.text)}", told.source) for told in reading.trouble(context, kind)[:1])
    handoff = part(context, "handoff")
    state = part(handoff, "sla").get("state")
    if state in {"near", "breached"}:
        said = "The deadline has passed" if state == "breached" else "The deadline is near"
        yield "sla_near_breach", f"{said}: the state of the clock is {shown(state)}", "/handoff/sla/state"
    for index, ruling in reading.unsettled(context):
        for flag, rule in _RULES.items():
            if ruling.get("rule") == rule:
                yield flag, f"Policy says: {quote(ruling.get('reason'))}", f"/verdict/rulings/{index}"
    cases = items(context, "earlierCases")
    if len(cases) >= _REPEATED:
        yield from (("repeat_escalation", *earlier(index, case)) for index, case in cases[:_REPEATED])
    yield from _about_money(context)
    for flag, codes in _CODES.items():
        for index, issue in items(handoff, "issues"):
            if issue.get("code") in codes:
                yield flag, f"Issue {shown(issue['code'])}: {quote(issue.get('detail'))}", f"/handoff/issues/{index}"
    if part(context, "verdict").get("outcome") == "deny":
        yield "policy_edge_case", "Policy says deny, and a person was asked all the same", "/verdict/outcome"
    yield from _missing(context)


def _about_money(context: Json) -> Iterator[Raised]:
    asked = part(context, "request", "effect")
    if is_sum(money := part(asked, "params").get("money")):
        yield "financial_sensitivity", f"Money is asked for: {shown(money)}", "/request/effect/params/money"
    for index, check in reading.failed(context):
        if check.get("name") == "invoice_belongs_to_customer" and reading.is_somebody_elses(context):
            expected, actual = quote(check.get("expected")), quote(check.get("actual"))
            yield (
                "security_concern",
                f"The invoice is somebody else's: expected {expected}, found {actual}",
                f"/verification/checks/{index}",
            )


def _missing(context: Json) -> Iterator[Raised]:
    for text, source in reading.doubts(context):
        yield "missing_information", text, source
    if reading.is_unclear(context):
        yield "ambiguous_intent", "Nothing the customer wrote says what they want", "/messages"


def _calm(context: Json) -> Iterator[tuple[str, str]]:
    checks = items(part(context, "verification"), "checks")
    if checks and all(check.get("passed") is True for _, check in checks):
        yield "Every check against the records passed", "/verification/checks"
    if scalar(status := part(context, "records", "account").get("status")) == "active":
        yield f"The account is {status}", "/records/account/status"
