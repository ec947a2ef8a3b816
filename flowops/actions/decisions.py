"""Takes a decision from facts and keeps it with everything it was taken from."""

from collections.abc import Iterator
from datetime import timedelta

import structlog
from sqlalchemy import bindparam, exists, select

from flowops.domain import effects, verification
from flowops.domain.facts import WINDOWS, Asked, Facts, History, Limits, Records, Tally
from flowops.domain.handoffs import Tier
from flowops.domain.policy import Policy, Verdict
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit

AGREED = (effects.Status.APPROVED, effects.Status.EXECUTING, effects.Status.DONE)
DIVERGED, FAILED = "diverged", "failed"

log = structlog.get_logger()

_IS_KEPT = select(exists().where(tables.PolicyVersion.version == bindparam("version")))


def decide(
    unit: Unit, asked: Asked, records: Records, policy: Policy, settings: Settings, history: History
) -> tuple[Facts, Verdict]:
    """Verify what was asked against the records, and let policy rule on what is known then."""
    facts = Facts(
        asked=asked,
        records=records,
        history=history,
        limits=_limits(settings, asked),
        confidence_floor=settings.confidence_floor,
        now=unit.now,
    )
    facts = facts.verified(verification.verify(facts))
    return facts, policy.decide(facts)


def keep(unit: Unit, stage: str, subject_id: str, facts: Facts, verdict: Verdict, policy: Policy) -> tables.Decision:
    """Store a decision so that it can be taken again, with the source of the rules that took it."""
    version = {"version": policy.version}
    if not unit.session.scalar(_IS_KEPT, version):
        unit.lock("policy_versions")
        if not unit.session.scalar(_IS_KEPT, version):
            unit.session.add(tables.PolicyVersion(**version, source=policy.source, created_at=unit.now))
            unit.session.flush()
    decision = tables.Decision(
        stage=stage,
        subject_id=subject_id,
        facts=facts.dump(),
        verdict=verdict.dump(),
        outcome=verdict.outcome,
        rule=verdict.decided_by,
        policy_version=verdict.policy_version,
        created_at=unit.now,
    )
    unit.session.add(decision)
    for rule, finding, outcome in _findings(verdict):
        row = {"decision_id": decision.id, "rule": rule, "finding": finding, "outcome": outcome}
        unit.session.add(tables.RuleFinding(**row, created_at=unit.now))
        if finding == FAILED:
            log.warning("rule failed", rule=rule, decision=decision.id, policy=policy.version)
    return decision


def tallies(unit: Unit, customer_id: str) -> tuple[Tally, ...]:
    """What was approved or done for a customer within each window, by kind and currency; proposals do not count."""
    row, longest = tables.Effect, unit.now - timedelta(days=max(WINDOWS))
    found = select(row.kind, row.params, row.created_at).join(tables.Request, tables.Request.id == row.request_id)
    theirs = found.where(tables.Request.customer_id == customer_id, row.status.in_(AGREED), row.created_at > longest)
    sums: dict[tuple[str, str | None, int], list[int]] = {}
    for kind, params, created_at in unit.session.execute(theirs):
        money = effects.money(kind, params)
        for days in WINDOWS:
            if created_at > unit.now - timedelta(days=days):
                tally = sums.setdefault((kind, money.currency if money else None, days), [0, 0])
                tally[0] += 1
                tally[1] += money.amount if money else 0
    return tuple(
        Tally(kind=kind, currency=currency, days=days, count=count, amount=amount)
        for (kind, currency, days), (count, amount) in sorted(sums.items(), key=str)
    )


def approvals(facts: Facts, verdict: Verdict) -> effects.Approvals:
    """Whose approval the effect waits for that was decided about: as limits and rules ask, whichever is stricter."""
    wanted = effects.approvals(facts.asked.kind or "", facts.asked.params, facts.limits)
    return wanted.at_least(verdict.approvals, is_supervisor=verdict.tier is Tier.SUPERVISOR)


def _findings(verdict: Verdict) -> Iterator[tuple[str, str, str]]:
    """What the decision shows about rules: which in shadow would have changed it, and which failed."""
    yield from ((other.rule, DIVERGED, other.outcome) for other in verdict.divergences)
    yield from ((spoken.rule, FAILED, verdict.outcome) for spoken in verdict.trace if spoken.failed is not None)


def is_executable(asked: Asked) -> bool:
    """Is what was asked an effect of a known kind with parameters that can be read?"""
    return effects.read(asked.kind, asked.params) is not None


def _limits(settings: Settings, asked: Asked) -> Limits | None:
    money = effects.money(asked.kind, asked.params)
    found = settings.limits.get(asked.kind or "", {}).get(money.currency) if money else None
    return Limits.model_validate(found.model_dump()) if found else None
