"""Takes a decision from facts and keeps it with everything it was taken from."""

from collections.abc import Iterable, Iterator

from sqlalchemy import bindparam, exists, select

from flowops.domain import effects, replies, verification
from flowops.domain.commitments import AGREED
from flowops.domain.facts import Asked, Case, Deed, Facts, History, Limits, Records
from flowops.domain.policy import Policy, Verdict
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit

_MENTIONED, _READ = 200, 100_000  # statements of the customer that are kept; characters of theirs that are read
_IS_KEPT = select(exists().where(tables.PolicyVersion.version == bindparam("version")))


def decide(
    unit: Unit,
    asked: Asked,
    records: Records,
    policy: Policy,
    settings: Settings,
    history: History,
    *,
    case: str | None = None,
) -> tuple[Facts, Verdict]:
    """Verify what was asked against the records, and let policy rule on what is known then.

    `case` is the id of the case a reply belongs to, which may rest on what was done there.
    """
    facts = Facts(
        asked=asked,
        records=records,
        history=history,
        limits=_limits(settings, asked),
        case=_case(unit, case) if case is not None and asked.kind == "reply" else None,
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


def _case(unit: Unit, handoff_id: str) -> Case:
    """What a reply in this case may rest on: nothing that another reply says, and the last the customer wrote first."""
    row = tables.Effect
    done = select(row).where(row.handoff_id == handoff_id, row.kind != "reply", row.status.in_(AGREED)).order_by(row.id)
    handoff = unit.session.scalars(select(tables.Handoff).where(tables.Handoff.id == handoff_id)).one()
    said = tables.Message
    newest = select(said).where(said.handoff_id == handoff_id).order_by(said.at.desc(), said.id.desc())
    messages = unit.session.scalars(newest).all()
    moments = {handoff.created_at, *(message.at for message in messages)}
    if handoff.sla_due_at is not None:
        moments.add(handoff.sla_due_at)
    return Case(
        deeds=tuple(map(_deed, unit.session.scalars(done.execution_options(populate_existing=True)))),
        mentioned=replies.mentions(_up_to(_READ, (m.text for m in messages if m.role == "customer")), _MENTIONED),
        at=tuple(sorted(moments)),
    )


def _up_to(most: int, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if most <= 0:
            return
        yield text[:most]
        most -= len(text)


def _deed(effect: tables.Effect) -> Deed:
    ids = (effect.id, effect.receipt_reference, effect.params.get("invoiceId"), effect.params.get("payoutId"))
    return Deed(
        kind=effect.kind,
        status=effect.status,
        at=effect.updated_at,
        money=effects.money(effect.kind, effect.params),
        ids=tuple(id for id in ids if id),
    )
