"""Takes a decision from facts and keeps it with everything it was taken from."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select

from flowops.domain import effects, replies, verification
from flowops.domain.commitments import AGREED
from flowops.domain.facts import WINDOWS, Asked, Case, Deed, Facts, History, Limits, Records, Tally
from flowops.domain.handoffs import Tier
from flowops.domain.policy import Outcome, Policy, Verdict
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit

DIVERGED, FAILED = "diverged", "failed"

log = structlog.get_logger()

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
    for rule, finding, outcome in _findings(verdict):
        row = {"decision_id": decision.id, "rule": rule, "finding": finding, "outcome": outcome}
        unit.session.add(tables.RuleFinding(**row, created_at=unit.now))
        if finding == FAILED:
            log.warning("rule failed", rule=rule, decision=decision.id, policy=policy.version)
    return decision


def history(unit: Unit, effect: tables.Effect, before: History) -> History:
    """What was done for the customer besides this effect by now; the cases are those of when it was first asked for.

    Of an effect that is approved only those count that were approved earlier, or each of two would keep out the other.
    """
    row, others = tables.Effect, [tables.Effect.id != effect.id]
    if effect.status is effects.Status.APPROVED:
        at_once = and_(row.approved_at == effect.approved_at, row.id < effect.id)
        others.append(or_(row.approved_at < effect.approved_at, at_once))
    return before.model_copy(update={"effects": tallies(unit, effect.customer_id, *others)})


def cases_lately(unit: Unit, handoff: tables.Handoff) -> int:
    """How many cases of the same customer were opened within 7 days, this one not counted."""
    row = tables.Handoff
    lately = row.created_at > unit.now - timedelta(days=7)
    others = select(func.count()).where(row.customer_id == handoff.customer_id, row.id != handoff.id, lately)
    return unit.session.scalar(others) or 0


def tallies(unit: Unit, customer_id: str | None, *which: ColumnElement[bool]) -> tuple[Tally, ...]:
    """What was approved or done for a customer within each window, by kind and currency; proposals do not count."""
    row, longest = tables.Effect, unit.now - timedelta(days=max(WINDOWS))
    theirs = select(row.kind, row.currency, row.amount, row.approved_at).where(
        row.customer_id == customer_id, row.status.in_(AGREED), row.approved_at > longest, *which
    )
    sums: dict[tuple[str, str | None, int], list[int]] = {}
    for kind, currency, amount, approved_at in unit.session.execute(theirs):
        for days in WINDOWS:
            if approved_at and approved_at > unit.now - timedelta(days=days):
                tally = sums.setdefault((kind, currency, days), [0, 0])
                tally[0] += 1
                tally[1] += amount or 0
    return tuple(
        Tally(kind=kind, currency=currency, days=days, count=count, amount=amount)
        for (kind, currency, days), (count, amount) in sorted(sums.items(), key=_in_order)
    )


def _in_order(sums: tuple[tuple[str, str | None, int], list[int]]) -> tuple[str, str, int]:
    (kind, currency, days), _ = sums
    return kind, currency or "", days


def approvals(facts: Facts, verdict: Verdict) -> effects.Approvals:
    """Whose approval the effect waits for that was decided about: as limits and rules ask, whichever is stricter."""
    wanted = effects.approvals(facts.asked.kind or "", facts.asked.params, facts.limits)
    return wanted.at_least(verdict.approvals, is_supervisor=verdict.tier is Tier.SUPERVISOR)


def needs_nobody(verdict: Verdict) -> bool:
    """Does policy approve it alone? Not where a rule wants people to approve it, whatever the others say."""
    return verdict.outcome is Outcome.APPROVE and not verdict.approvals


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
