"""Rules and decisions as callers see them: what each says it does, and what was decided from what."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from flowops.api.schemas.answer import Answer
from flowops.queries.decisions import RuleRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.domain import policy
    from flowops.storage import tables


class Rule(Answer):
    """One rule; `diverged` and `failed` count the decisions that showed it to whoever asks."""

    name: str
    doc: str
    kinds: list[str]
    mode: str
    diverged: int
    failed: int


class Policy(Answer):
    version: str
    rules: list[Rule]

    @classmethod
    def of(cls, rules: policy.Policy, records: Mapping[str, RuleRecord]) -> Self:
        described = [Rule(**rule, **vars(records.get(rule["name"], RuleRecord()))) for rule in rules.describe()]
        return cls(version=rules.version, rules=described)


class DecisionItem(Answer):
    """A decision in a list: what it was about and what came of it."""

    id: str
    stage: str
    subject_id: str
    outcome: str
    rule: str
    reason: str
    policy_version: str
    created_at: datetime

    @classmethod
    def of(cls, row: tables.Decision) -> Self:
        return cls(**_told(row))


class Decision(DecisionItem):
    """A decision with everything it was taken from: the facts, and each rule's part in it."""

    facts: dict[str, Any]
    verdict: dict[str, Any]

    @classmethod
    def of(cls, row: tables.Decision) -> Self:
        return cls(**_told(row), facts=row.facts, verdict=row.verdict)


class Evaluated(Answer):
    """What the rules would decide; nothing was kept."""

    verdict: dict[str, Any]
    checks: list[dict[str, Any]]


def _told(row: tables.Decision) -> dict[str, Any]:
    said = (ruling["reason"] for ruling in row.verdict["rulings"] if ruling["outcome"] == row.outcome)
    return {
        "id": row.id,
        "stage": row.stage,
        "subject_id": row.subject_id,
        "outcome": row.outcome,
        "rule": row.rule,
        "reason": next(said, "no rule approved it"),
        "policy_version": row.policy_version,
        "created_at": row.created_at,
    }
