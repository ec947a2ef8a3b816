"""The same six rules in other words: as one plain function, a decision table of zen-engine, and policies of cedarpy."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import resources
from importlib.metadata import version
from typing import Any

from benchmarks.policy.inputs import Input
from flowops.domain import ruleset
from flowops.domain.facts import Facts, Plan

Decide = Callable[[Sequence[Any]], list[str]]  # inputs in a contestant's own form to outcomes
Contestant = tuple[str, Callable[[Input], Any], Decide]

OLDEST = timedelta(days=30)
AUTOMATIC = frozenset({Plan.FREE, Plan.PRO})


def all_of_them() -> list[Contestant]:
    """Name, form of an input, and what decides; each is made ready before anything is measured."""
    return [_flowops(), ("plain function", lambda given: given.facts, _plainly), *_zen(), _cedar()]


def _flowops() -> Contestant:
    source = resources.files(__package__).joinpath("rules.py").read_text()
    policy = ruleset.load({"rules.py": source})

    def decide(inputs: Sequence[Facts]) -> list[str]:
        return [policy.decide(facts).outcome.value for facts in inputs]

    return "flowops", lambda given: given.facts, decide


def _plainly(inputs: Sequence[Facts]) -> list[str]:
    return [plain(facts)[0] for facts in inputs]


def plain(facts: Facts) -> tuple[str, list[tuple[str, str, str]]]:
    """The outcome and what each rule said, without any engine."""
    said = []
    invoice, account, money, limits = facts.invoice, facts.account, facts.money, facts.limits
    if invoice is not None and invoice.refundable.amount == 0:
        said.append(("nothing_left", "deny", "nothing of the invoice is left"))
    else:
        said.append(("nothing_left", "abstain", "something is left, or not known"))
    if invoice is None or invoice.paid_at is None:
        said.append(("old", "review", "it is not known when the invoice was paid"))
    elif facts.now - invoice.paid_at > OLDEST:
        said.append(("old", "review", "the invoice was paid more than 30 days ago"))
    else:
        said.append(("old", "abstain", "the invoice was paid within 30 days"))
    if account is not None and account.plan is Plan.ENTERPRISE:
        said.append(("enterprise", "review", "an enterprise customer"))
    else:
        said.append(("enterprise", "abstain", "no enterprise customer"))
    if account is None or account.status != "active":
        said.append(("suspended", "review", "the account is not active"))
    else:
        said.append(("suspended", "abstain", "the account is active"))
    if money is None or limits is None or money.amount > limits.automatic:
        said.append(("large", "review", "above the automatic limit"))
    else:
        said.append(("large", "abstain", "within the automatic limit"))
    if account is not None and account.plan in AUTOMATIC:
        said.append(("usual", "approve", "an ordinary customer"))
    else:
        said.append(("usual", "abstain", "not an ordinary customer"))
    spoken = {outcome for _, outcome, _ in said}
    outcome = next((each for each in ("deny", "review", "approve") if each in spoken), "review")
    return outcome, said


_TABLE = [  # the first row that fits decides
    ({"refundable": "== 0"}, "deny"),
    ({"days": "> 30"}, "review"),
    ({"plan": '== "enterprise"'}, "review"),
    ({"status": '!= "active"'}, "review"),
    ({"amount": "> limit"}, "review"),
    ({"plan": 'in ["free", "pro"]'}, "approve"),
    ({}, "review"),
]
_COLUMNS = ("refundable", "days", "plan", "status", "amount")


def _zen() -> list[Contestant]:
    """Its fastest way (content kept by the engine), alone and in a batch, that with its trace, and a decision's own."""
    import zen

    content = zen.ZenDecisionContent(json.dumps(_decision_table()))
    engine = zen.ZenEngine({"loader": lambda key: content})
    decision = engine.create_decision(content)
    traced: Any = {"trace": True}
    name = f"zen-engine {version('zen-engine')}"

    def asked(given: Input) -> dict[str, Any]:
        return {"key": "refund", "context": given.flat}

    def single(inputs: Sequence[Any]) -> list[str]:
        return [engine.evaluate("refund", each)["result"]["outcome"] for each in inputs]

    def with_trace(inputs: Sequence[Any]) -> list[str]:
        return [engine.evaluate("refund", each, traced)["result"]["outcome"] for each in inputs]

    def batch(inputs: Sequence[Any]) -> list[str]:
        return [answer["data"]["result"]["outcome"] for answer in engine.evaluate_batch(list(inputs))]

    def own(inputs: Sequence[Any]) -> list[str]:
        return [decision.evaluate(each)["result"]["outcome"] for each in inputs]

    return [
        (f"{name}, no trace", _flat, single),
        (f"{name}, with its trace", _flat, with_trace),
        (f"{name}, batch, no trace", asked, batch),
        (f"{name}, create_decision, no trace", _flat, own),
    ]


def _flat(given: Input) -> dict[str, Any]:
    return given.flat


def _decision_table() -> dict[str, Any]:
    """The table as a JSON Decision Model."""
    inputs = [{"id": f"c{n}", "name": column, "field": column} for n, column in enumerate(_COLUMNS)]
    rules = []
    for number, (conditions, outcome) in enumerate(_TABLE):
        cells = {f"c{n}": _cell(conditions.get(column)) for n, column in enumerate(_COLUMNS)}
        rules.append({"_id": f"r{number}", "out": f'"{outcome}"'} | cells)
    table = {
        "hitPolicy": "first",
        "inputs": inputs,
        "outputs": [{"id": "out", "name": "outcome", "field": "outcome"}],
        "rules": rules,
    }
    nodes = [
        {"id": "in", "name": "in", "type": "inputNode", "position": {"x": 0, "y": 0}},
        {"id": "table", "name": "table", "type": "decisionTableNode", "content": table, "position": {"x": 1, "y": 0}},
        {"id": "out", "name": "out", "type": "outputNode", "position": {"x": 2, "y": 0}},
    ]
    edges = [
        {"id": "a", "type": "edge", "sourceId": "in", "targetId": "table"},
        {"id": "b", "type": "edge", "sourceId": "table", "targetId": "out"},
    ]
    return {"nodes": nodes, "edges": edges}


def _cell(condition: str | None) -> str:
    return (condition or "").removeprefix("== ")


_POLICIES = """
@id("nothing_left") forbid(principal, action, resource) when { context.refundable == 0 };
@id("old") forbid(principal, action, resource) when { context.days > 30 };
@id("enterprise") forbid(principal, action, resource) when { context.plan == "enterprise" };
@id("suspended") forbid(principal, action, resource) when { context.status != "active" };
@id("large") forbid(principal, action, resource) when { context.amount > context.limit };
@id("usual") permit(principal, action, resource) when { ["free", "pro"].contains(context.plan) };
"""


def _cedar() -> Contestant:
    import cedarpy

    policies = cedarpy.PolicySet.from_str(_POLICIES)
    entities = cedarpy.Entities.from_json_str("[]")

    def asked(given: Input) -> dict[str, Any]:
        return {
            "principal": 'User::"c"',
            "action": 'Action::"refund"',
            "resource": 'Invoice::"i"',
            "context": given.flat,
        }

    def decide(inputs: Sequence[Any]) -> list[str]:
        return [_outcome(cedarpy.is_authorized(each, policies, entities)) for each in inputs]

    return f"cedarpy {version('cedarpy')}", asked, decide


def _outcome(answer: Any) -> str:
    """Cedar knows two answers; which policies gave it tells a denial from a review."""
    if answer.allowed:
        return "approve"
    return "deny" if "policy0" in answer.diagnostics.reasons else "review"
