"""The summary of a case: who, what and why in two sentences, then facts, risks and the next step."""

import re
from collections.abc import Iterator
from itertools import islice

from flowops.ai.extractive import reading
from flowops.ai.extractive.reading import is_undecided, items, part
from flowops.ai.extractive.wording import Claim, Json, bracketed, cited, closed, fields, is_sum, quote, scalar, shown

_FACTS, _RISKS = 14, 8  # how many a person will read
_TOOLS, _EARLIER = 3, 2  # of tools that failed, of tools that answered; of earlier cases

WHY = {
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
_ERROR = re.compile(r"\W*(?:error|failed|failure|invalid|denied|not found)\b", re.IGNORECASE)


def summarise(context: Json) -> Json:
    """A `handoff_summary.v1`."""
    return {
        "overview": overview(context),
        "keyFacts": cited(facts(context), _FACTS),
        "risks": cited(_risks(context), _RISKS),
        "nextStep": next_step(context),
    }


def overview(context: Json) -> str:
    """Who asks for what, and why a person is needed."""
    handoff, customer, account = (
        part(context, "handoff"),
        part(context, "customer"),
        part(context, "records", "account"),
    )
    name, plan = account.get("name") or customer.get("name"), account.get("plan") or customer.get("plan")
    who = (shown(name) if name else "The customer") + (f" ({shown(plan)} plan)" if plan else "")
    title = handoff.get("title") or part(context, "request").get("subject")
    told = [closed(f"{who}: {quote(title)}") if title else f"{who} needs an answer."]
    if why := WHY.get(str(handoff.get("reason"))):
        told.append(f"A person is needed because {why}.")
    if more := [sentence for sentence in reading.said(context, "customer") if sentence.text not in scalar(title)][:1]:
        told.append(closed(f"In the customer's words: {quote(more[0].text)}"))
    return " ".join(told)


def facts(context: Json) -> Iterator[Claim]:
    """What to know first: what is asked, what was done or failed, the records, then who said what."""
    if (asked := part(context, "request", "effect")).get("kind"):
        yield f"Asked for: {shown(asked['kind'])}{bracketed(asked.get('params'))}", "/request/effect"
    for index, effect in items(context, "effects"):
        kind, status = shown(effect.get("kind")), shown(effect.get("status"))
        yield f"Action: {kind}, status {status}{bracketed(effect.get('params'))}", f"/effects/{index}"

    answers: dict[str, Claim] = {}
    failures: dict[str, str] = {}
    for index, fact in reversed(items(context, "facts")):
        data, name = part(fact, "data"), reading.tool(fact)
        result = data.get("error") or data.get("result")
        if isinstance(result, str) and _ERROR.match(result):
            failures.setdefault(f"Tool {name} failed: {quote(result)}", f"/facts/{index}")
        elif (listed := fields(data)) and not isinstance(result, int | float):  # a number says nothing by itself
            answers.setdefault(name, (f"Tool {name}: {listed}", f"/facts/{index}"))
    yield from islice(failures.items(), _TOOLS)

    for name in ("invoice", "payout", "account"):
        if listed := fields(part(context, "records", name)):
            yield f"{name.capitalize()}: {listed}", f"/records/{name}"

    customer = reading.said(context, "customer")
    latest = reading.last_said(context, "customer")[:1]
    for who, sentences in (
        ("Customer", customer[:2]),
        ("Customer, last", [sentence for sentence in latest if sentence not in customer[:2]]),
        ("Third party", reading.said(context, "third_party")[:1]),
        ("The automation told the customer", reading.reports(context)[:1]),
    ):
        yield from ((f"{who}: {quote(sentence.text)}", sentence.source) for sentence in sentences)
    if not part(context, "records", "account") and (listed := fields(part(context, "customer"))):
        yield f"Customer as given: {listed}", "/customer"

    yield from (earlier(index, case) for index, case in items(context, "earlierCases")[:_EARLIER])
    yield from islice(answers.values(), _TOOLS)
    if (confidence := part(context, "request").get("confidence")) is not None:
        yield f"Confidence of the automation: {shown(confidence)}", "/request/confidence"
    if due := part(context, "handoff").get("slaDueAt"):
        yield f"Answer due: {shown(due)}", "/handoff/slaDueAt"


def earlier(index: int, case: Json) -> Claim:
    """An earlier case of the same customer, and what became of it."""
    ended = f", outcome {shown(case['outcome'])}" if case.get("outcome") else ""
    which = f"Case {shown(case.get('number'))} of the same customer, opened {shown(case.get('createdAt'))}"
    state = f"reason {shown(case.get('reason'))}, status {shown(case.get('status'))}{ended}"
    return f"{which}: {state}", f"/earlierCases/{index}"


def _risks(context: Json) -> Iterator[Claim]:
    """What to watch out for: what people threaten, what failed, what policy said, what nobody stands behind."""
    for kind in reading.TROUBLE:
        yield from ((f"{kind}: {quote(told.text)}", told.source) for told in reading.trouble(context, kind)[:1])
    yield from reading.doubts(context)
    told = {check.get("name") for _, check in reading.failed(context)}
    for index, ruling in reading.unsettled(context):
        told.add(ruling.get("reason"))
        rule, outcome = shown(ruling.get("rule")), shown(ruling.get("outcome"))
        yield f"Policy rule {rule} says {outcome}: {quote(ruling.get('reason'))}", f"/verdict/rulings/{index}"
    for index, issue in items(part(context, "handoff"), "issues"):
        detail = issue.get("detail")
        if detail and not any(isinstance(text, str) and text and text in str(detail) for text in told):
            yield f"Issue {shown(issue.get('code'))}: {quote(detail)}", f"/handoff/issues/{index}"
    for sentence in reading.unbacked(context)[:1]:
        yield f"No record stands behind what the automation said: {quote(sentence.text)}", sentence.source


def next_step(context: Json) -> str:
    """What to do first, from the reason of the case, what policy said and the deadline."""
    handoff, asked = part(context, "handoff"), part(context, "request", "effect")
    step = _NEXT.get(str(handoff.get("reason")), "Read the conversation and decide what the customer needs")
    reasons = [quote(ruling.get("reason")) for _, ruling in reading.unsettled(context)]
    checks = [shown(check.get("name")) for _, check in reading.failed(context)]
    if handoff.get("reason") == "verification_failed" and checks:
        step += f": {', '.join(checks[:3])}"
    elif handoff.get("reason") == "policy_boundary" and reasons:
        step += f": {reasons[0]}"
    steps = [step]
    if part(context, "verdict").get("outcome") == "deny":
        steps.append("Policy does not allow what was asked; tell the customer why")
    elif asked.get("kind") and is_undecided(context):
        sums = [shown(value) for value in part(asked, "params").values() if is_sum(value)]
        steps.append(f"Then approve or decline the {shown(asked['kind'])}{f' of {sums[0]}' if sums else ''}")
    if due := handoff.get("slaDueAt"):
        steps.append(f"Answer before {shown(due)}")
    return ". ".join(steps) + "."
