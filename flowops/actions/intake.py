"""Takes requests in: verify, decide, record; what policy may not decide alone becomes a handoff."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, exists, func, select

from flowops import errors
from flowops.actions import caps, decisions, effects, handoffs, interests
from flowops.domain import events
from flowops.domain.access import ActorKind
from flowops.domain.facts import Account, Asked, Facts, History, Records
from flowops.domain.handoffs import Priority, Reason, Tier, strictest
from flowops.domain.policy import Outcome, Policy, Verdict
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit

SOURCE = "accounts"  # the system whose ids callers use for customers

# Built once, because every request that comes in asks them.
_HAS_QUEUE = select(exists().where(tables.Queue.name == bindparam("name")))
_CUSTOMER = select(
    tables.Customer,
    select(func.count())
    .where(
        tables.Handoff.customer_id == tables.Customer.id,
        tables.Handoff.created_at > bindparam("since", type_=tables.Handoff.created_at.type),
    )
    .scalar_subquery(),
    exists().where(tables.Effect.customer_id == tables.Customer.id, tables.Effect.approved_at.is_not(None)),
).where(tables.Customer.source == SOURCE, tables.Customer.external_id == bindparam("external_id"))


@dataclass(frozen=True)
class Incoming:
    """One request or case as a caller sent it."""

    asked: Asked
    queue: str
    external_id: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """What the caller of `open_case` says about the case; `promise` False means no deadline at all."""

    title: str
    reason: Reason
    priority: Priority | None = None
    promise: bool = True


def find_repeat(unit: Unit, endpoint: str, incoming: Incoming) -> tables.Request | None:
    """The request this caller sent before under the same external id and mode, if any.

    From here to the end of the unit nobody else can take the same external id in.
    """
    if incoming.external_id is None:
        return None
    unit.lock(f"external:{unit.actor.id}:{endpoint}:{incoming.asked.mode}:{incoming.external_id}")
    return unit.session.scalar(
        select(tables.Request).where(
            tables.Request.caller_id == unit.actor.id,
            tables.Request.endpoint == endpoint,
            tables.Request.mode == incoming.asked.mode,
            tables.Request.external_id == incoming.external_id,
        )
    )


def receive(unit: Unit, incoming: Incoming, records: Records, policy: Policy, settings: Settings) -> tables.Request:
    """Record a request with its verdict and do what the verdict says.

    approve: the effect is queued for execution, unless it would exceed a cap, or whoever asks has to do with the
    customer themselves: then a handoff says so. deny: nothing
    more, unless somebody must look for another reason (asked to escalate, a threat): then a handoff without the effect,
    which nobody could approve. Otherwise, and whenever a check failed, a handoff with the effect proposed. In shadow
    mode the decision is recorded, no more.
    """
    customer, history = _customer(unit, incoming.asked)
    facts, verdict = decisions.decide(unit, incoming.asked, records, policy, settings, history)
    outcome = _outcome(facts, verdict)
    why = _why_a_person(unit, incoming.asked, customer, facts, settings) if outcome == "approved" else None
    outcome = "handed_off" if why else outcome
    request = _record(unit, "requests", incoming, customer, facts, verdict, policy, outcome)
    if incoming.asked.mode == "shadow":
        return request
    handoff_id = None
    if outcome == "handed_off":
        issues = {Reason.POLICY_BOUNDARY} if why else _issues(facts, verdict)
        handoff = handoffs.open(
            unit,
            request,
            title=_title(incoming.asked),
            reason=strictest(issues),
            issues=[reason for reason in Reason if reason in issues],
            priority=verdict.priority,
            queue=incoming.queue,
            channel=incoming.asked.channel,
            tier=verdict.tier or Tier.OPERATOR,
        )
        handoff_id = handoff.id
        if why:
            unit.record(events.IssueFound(handoff_id=handoff_id, issue=Reason.POLICY_BOUNDARY, why=why))
    _keep_messages(unit, request, incoming.asked)
    unit.session.flush()
    denied = verdict.outcome is Outcome.DENY
    if outcome in {"approved", "handed_off"} and not denied and decisions.is_executable(incoming.asked):
        effects.create(unit, request, handoff_id, facts, verdict, settings, automatic=outcome == "approved")
    return request


def open_case(
    unit: Unit, incoming: Incoming, case: Case, records: Records, policy: Policy, settings: Settings
) -> tables.Handoff:
    """Open a case because a caller says a person must own it; what verification finds is added to its issues."""
    customer, history = _customer(unit, incoming.asked)
    facts, verdict = decisions.decide(unit, incoming.asked, records, policy, settings, history)
    request = _record(unit, "handoffs", incoming, customer, facts, verdict, policy, "handed_off")
    issues = _issues(facts, verdict) - {Reason.OTHER} | {case.reason}
    handoff = handoffs.open(
        unit,
        request,
        title=case.title,
        reason=case.reason,
        issues=[reason for reason in Reason if reason in issues],
        priority=case.priority or verdict.priority,
        queue=incoming.queue,
        channel=incoming.asked.channel,
        sla_due_at=incoming.asked.sla_due_at,
        promise=case.promise,
        tier=verdict.tier or Tier.OPERATOR,
    )
    _keep_messages(unit, request, incoming.asked)
    if decisions.is_executable(incoming.asked):
        effects.create(unit, request, handoff.id, facts, verdict, settings, automatic=False)
    return handoff


def _outcome(facts: Facts, verdict: Verdict) -> str:
    if verdict.outcome is Outcome.DENY:
        return "handed_off" if Reason.ESCALATED in verdict.issues else "denied"
    # Verification has the last word here, so that no set of rules can be written that forgets it.
    if facts.failed or not decisions.needs_nobody(verdict):
        return "handed_off"
    return "approved" if facts.asked.kind else "recorded"


def _why_a_person(
    unit: Unit, asked: Asked, customer: tables.Customer | None, facts: Facts, settings: Settings
) -> str | None:
    """Why what policy would approve alone is not for policy alone, if so."""
    if reached := caps.at_intake(unit, asked, customer, settings):
        return f"{reached.reason}."
    emails = (customer.email if customer else None, facts.account.email if facts.account else None)
    if interests.concerns(unit, asked.customer_id, *emails):
        return f"{unit.actor.name} asked for it and has to do with this customer."
    return None


def _issues(facts: Facts, verdict: Verdict) -> set[Reason]:
    found = set(verdict.issues)
    if facts.failed:
        found.add(Reason.VERIFICATION_FAILED)
    return found or {Reason.OTHER}


def _title(asked: Asked) -> str:
    said = asked.subject or next((m.text for m in asked.messages if m.text.strip()), asked.channel)
    line = " ".join(said.split())
    return line if len(line) <= 100 else line[:99].rstrip() + "…"


def _customer(unit: Unit, asked: Asked) -> tuple[tables.Customer | None, History]:
    """The customer's row, if any, and what they asked before; until the unit ends no other one decides about them."""
    unit.lock(f"customer:{asked.customer_id}")
    wanted = {"external_id": asked.customer_id, "since": unit.now - timedelta(days=7)}
    row, recent, had_effects = unit.session.execute(_CUSTOMER, wanted).one_or_none() or (None, 0, False)
    tallies = decisions.tallies(unit, row.id) if row and had_effects else ()
    return row, History(cases_in_7_days=recent, effects=tallies)


def _keep_customer(unit: Unit, row: tables.Customer | None, asked: Asked, records: Records) -> tables.Customer:
    """The customer's row, made or brought up to date.

    In shadow mode a row that is there stays as it is, and a new one holds the id alone, for the request to hang on.
    """
    is_shadow = asked.mode == "shadow"
    if row is not None and is_shadow:
        return row
    known = (None, None, None) if is_shadow else _known(asked, records.account, row)
    if row is not None and known == (row.email, row.name, row.plan):
        return row
    if row is None:
        row = tables.Customer(source=SOURCE, external_id=asked.customer_id, created_at=unit.now)
        unit.session.add(row)
    row.email, row.name, row.plan = known
    row.updated_at = unit.now
    unit.record(
        events.CustomerSeen(
            customer_id=row.id,
            source=SOURCE,
            external_id=asked.customer_id,
            email=row.email,
            customer_name=row.name,
        )
    )
    return row


def _known(
    asked: Asked, account: Account | None, row: tables.Customer | None
) -> tuple[str | None, str | None, str | None]:
    """What we say of a customer: the record where there is one, else what we had, else what the caller claims."""
    if account is not None:
        return account.email, account.name, account.plan.value
    if row is not None:
        return row.email or asked.email, row.name or asked.name, row.plan or asked.plan
    return asked.email, asked.name, asked.plan


def _record(
    unit: Unit,
    endpoint: str,
    incoming: Incoming,
    customer: tables.Customer | None,
    facts: Facts,
    verdict: Verdict,
    policy: Policy,
    outcome: str,
) -> tables.Request:
    """The request with the decision about it and the customer it is about; all of it is written at the next flush."""
    asked = incoming.asked
    if not unit.session.scalar(_HAS_QUEUE, {"name": incoming.queue}):
        raise errors.Invalid(reason=f"There is no queue {incoming.queue!r}. Nothing was recorded.")
    if unit.actor.kind is ActorKind.PERSON and incoming.queue not in unit.actor.queues:
        raise errors.Invalid(reason=f"You are not a member of the queue {incoming.queue!r}. Nothing was recorded.")
    request = tables.Request(
        endpoint=endpoint,
        mode=asked.mode,
        caller_id=unit.actor.id,
        external_id=incoming.external_id,
        channel=asked.channel,
        queue=incoming.queue,
        subject=asked.subject,
        facts=[tool.dump() for tool in asked.tools],
        confidence=None if asked.confidence is None else str(asked.confidence),
        escalate=asked.escalate,
        effect={"kind": asked.kind, "params": asked.params} if asked.kind else None,
        meta=incoming.meta,
        outcome=outcome,
        created_at=unit.now,
    )
    decision = decisions.keep(unit, "intake", request.id, facts, verdict, policy)
    customer = _keep_customer(unit, customer, asked, facts.records)
    request.customer_id, request.decision_id = customer.id, decision.id
    request.customer, request.decision = customer, decision
    unit.session.add(request)
    unit.record(
        events.RequestReceived(
            request_id=request.id,
            customer_id=customer.id,
            mode=asked.mode,
            outcome=outcome,
            decision_id=decision.id,
            verdict=verdict.outcome,
            policy_version=verdict.policy_version,
            failed_checks=tuple(check.name for check in facts.failed),
        )
    )
    return request


def _keep_messages(unit: Unit, request: tables.Request, asked: Asked) -> None:
    for message in asked.messages:
        unit.append(
            tables.Message,
            request_id=request.id,
            handoff_id=request.handoff_id,
            role=message.role,
            text=message.text,
            at=message.at,
            created_at=unit.now,
        )
