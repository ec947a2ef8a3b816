"""Takes a decision from facts and keeps it with everything it was taken from."""

from sqlalchemy import bindparam, exists, select

from flowops.domain import effects, verification
from flowops.domain.facts import Asked, Facts, History, Limits, Records
from flowops.domain.policy import Policy, Verdict
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit

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
    return decision


def is_executable(asked: Asked) -> bool:
    """Is what was asked an effect of a known kind with parameters that can be read?"""
    return effects.read(asked.kind, asked.params) is not None


def _limits(settings: Settings, asked: Asked) -> Limits | None:
    money = effects.money(asked.kind, asked.params)
    found = settings.limits.get(asked.kind or "", {}).get(money.currency) if money else None
    return Limits.model_validate(found.model_dump()) if found else None
