"""Answers about side effects and requests: what they are, what they wait for, and what to ask the records for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import joinedload

from flowops import errors
from flowops.domain import events, jobs
from flowops.domain.access import ActorKind, Permission
from flowops.domain.effects import OPEN, Status
from flowops.domain.facts import Asked, Facts
from flowops.domain.jobs import ExecuteEffect
from flowops.queries import audit
from flowops.queries.paging import Page
from flowops.storage import tables
from flowops.storage.unit import View


@dataclass(frozen=True)
class Proposal:
    """An effect with the decision it rests on and the approvals of its present revision.

    `difference` is what changed between its approval and the hold it is in, field by field; None when it is not held.
    """

    effect: tables.Effect
    facts: Facts
    verdict: dict[str, Any]
    approvals: Sequence[tables.Approval]
    proposer: tables.User | None
    difference: list[dict[str, str]] | None

    @property
    def recipient(self) -> str | None:
        """The address a reply goes to, that of the customer's account; None while the records know no account."""
        account = self.facts.records.account
        return account.email if account else None

    @property
    def subject(self) -> str:
        """What a reply is headed with: its own subject, or else that of the case."""
        return self.effect.params.get("subject") or self.facts.asked.subject


@dataclass(frozen=True)
class Waiting:
    """An effect that waits for a decision, with the case it belongs to."""

    proposal: Proposal
    handoff: tables.Handoff

    @property
    def since(self) -> datetime:
        """Since when it waits: a held one since it was held."""
        effect = self.proposal.effect
        return effect.updated_at if effect.status is Status.HELD else effect.created_at


@dataclass(frozen=True)
class Underway:
    """How many effects are approved and not begun, how many were begun and have no answer yet, and of those how many
    were asked for in vain."""

    approved: int
    executing: int
    unknown: int


@dataclass(frozen=True)
class Answer:
    """A request with what became of it."""

    request: tables.Request
    handoff: tables.Handoff | None
    effect: tables.Effect | None


def get(view: View, effect_id: str) -> Proposal:
    """One effect; NotFound when there is none or the viewer may not see its case."""
    found = _proposals(view, _visible(view).where(tables.Effect.id == effect_id))
    if not found:
        raise errors.NotFound(kind="effect", id=effect_id)
    return found[0]


def search(
    view: View,
    status: Status | None = None,
    handoff_id: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
    *,
    unknown: bool | None = None,
) -> Page[Proposal]:
    """Effects the viewer may see, newest first; `handoff_id` may be a case's number, `cursor` is the last one's id.

    `unknown` picks those of which nobody knows whether they were done, or the others.
    """
    query = _visible(view).order_by(tables.Effect.id.desc()).limit(limit + 1)
    if status is not None:
        query = query.where(tables.Effect.status == status)
    if handoff_id is not None:
        case = select(tables.Handoff.id).where(tables.Handoff.named(handoff_id))
        query = query.where(tables.Effect.handoff_id.in_(case))
    if unknown is not None:
        since = tables.Effect.unknown_since
        query = query.where(since.is_not(None) if unknown else since.is_(None))
    if cursor is not None:
        query = query.where(tables.Effect.id < _checked(cursor))
    found = _proposals(view, query)
    return Page(found[:limit], found[limit - 1].effect.id if len(found) > limit else None)


def for_approval(view: View, cursor: str | None = None, limit: int = 50) -> Page[Waiting]:
    """Effects that wait for the viewer's approval, the oldest first; the cursor is the id of the last one shown."""
    query = _approvable(view).order_by(tables.Effect.id).limit(limit + 1)
    if cursor is not None:
        query = query.where(tables.Effect.id > _checked(cursor))
    found = _proposals(view, query)
    cases = select(tables.Handoff).where(tables.Handoff.id.in_([proposal.effect.handoff_id for proposal in found]))
    handoffs = {handoff.id: handoff for handoff in view.session.scalars(cases)}
    waiting = [Waiting(proposal, handoffs[proposal.effect.handoff_id or ""]) for proposal in found[:limit]]
    return Page(waiting, found[limit - 1].effect.id if len(found) > limit else None)


def count_for_approval(view: View) -> int:
    """How many effects wait for the viewer's approval."""
    found = _approvable(view).with_only_columns(tables.Effect.id)
    return view.session.scalar(select(func.count()).select_from(found.subquery())) or 0


def underway(view: View) -> Underway:
    """How many effects there are to start or to hear of, of every queue: whoever stops them stops all of them."""
    row = tables.Effect
    query = select(row.status, func.count()).where(row.status.in_([Status.APPROVED, Status.EXECUTING]))
    found = view.session.execute(query.group_by(row.status))
    counts = {status: number for status, number in found}  # noqa: C416 - rows are no pairs to mypy
    return Underway(counts.get(Status.APPROVED, 0), counts.get(Status.EXECUTING, 0), count_unknown(view))


def count_unknown(view: View) -> int:
    """Of how many effects, of every queue, nobody knows whether they were done."""
    unknown = tables.Effect.unknown_since.is_not(None)
    return view.session.scalar(select(func.count()).select_from(tables.Effect).where(unknown)) or 0


def asked_again(view: View, proposals: Sequence[Proposal]) -> dict[str, datetime | None]:
    """When the provider is asked again for each of these that is unknown; None for one whose job was given up."""
    lost = {each.effect.id: each.effect for each in proposals if each.effect.unknown_since is not None}
    subjects = {subject for each in lost.values() for subject in (each.handoff_id, each.request_id) if subject}
    keys = [ExecuteEffect(effect_id="", case_id=subject).key for subject in subjects]
    lives = tables.Job.status.in_([jobs.Status.PENDING, jobs.Status.PROCESSING])
    waiting = view.session.execute(select(tables.Job.payload, tables.Job.run_at).where(tables.Job.key.in_(keys), lives))
    due = {payload.get("effect_id"): run_at for payload, run_at in waiting}
    return {effect_id: due.get(effect_id) for effect_id in lost}


def asked(view: View, effect_id: str) -> Asked:
    """What the decision behind an effect was asked, so that the records can be asked again."""
    return get(view, effect_id).facts.asked


def proposal(handoff: tables.Handoff, kind: str, params: dict[str, Any]) -> Asked:
    """What a proposal made inside a case asks for, in the proposer's own word."""
    return Asked(
        channel=handoff.channel,
        customer_id=handoff.customer.external_id,
        subject=handoff.title,
        kind=kind,
        params=params,
    )


def request(view: View, request_id: str) -> Answer:
    """One request with its decision, its case and its effect; NotFound when the viewer may not see it."""
    row = view.session.scalar(
        select(tables.Request)
        .where(tables.Request.id == request_id)
        .options(joinedload(tables.Request.customer), joinedload(tables.Request.decision))
    )
    if row is None or not view.viewer.sees(row.queue, row.caller_id):
        raise errors.NotFound(kind="request", id=request_id)
    # The one it came with, made in the same unit; others were proposed in its case later on.
    own = select(tables.Effect).where(tables.Effect.request_id == row.id, tables.Effect.created_at == row.created_at)
    effect = view.session.scalar(own.order_by(tables.Effect.id).limit(1)) if row.effect else None
    case = (
        select(tables.Handoff)
        .where(tables.Handoff.id == row.handoff_id)
        .options(joinedload(tables.Handoff.resolver))
        .execution_options(populate_existing=True)
    )
    handoff = view.session.scalar(case) if row.handoff_id else None
    return Answer(row, handoff, effect)


def _visible(view: View) -> Select[tables.Effect]:
    """Effects whose request the viewer may see; the same rule as `Actor.sees`, in SQL."""
    query = select(tables.Effect).join(tables.Request, tables.Request.id == tables.Effect.request_id)
    match view.viewer.kind:
        case ActorKind.PERSON:
            return query.where(tables.Request.queue.in_(view.viewer.queues))
        case ActorKind.SERVICE:
            mine = or_(tables.Request.caller_id == view.viewer.id, tables.Effect.proposed_by == view.viewer.id)
            return query.where(mine)
    return query


def _approvable(view: View) -> Select[tables.Effect]:
    """Open effects the viewer may see and approve: not those they have approved, nor their own where others must."""
    row, yes, me = tables.Effect, tables.Approval, view.viewer
    held = [each for each in (Permission.EFFECTS_APPROVE, Permission.EFFECTS_APPROVE_ABOVE_LIMIT) if me.may(each)]
    mine = select(yes.effect_id).where(yes.effect_id == row.id, yes.user_id == me.id, yes.revision == row.revision)
    return _visible(view).where(
        row.status.in_(OPEN),
        row.expires_at > view.now,
        row.handoff_id.is_not(None),
        row.approval_permission.in_(held),
        or_(row.proposer_may_approve, row.proposed_by.is_distinct_from(me.id)),
        ~mine.exists(),
    )


def _checked(cursor: str) -> str:
    if not cursor.startswith("eff_"):
        raise errors.Invalid(reason="The cursor is not one this list gave. Start again without it.")
    return cursor


def _proposals(view: View, query: Select[tables.Effect]) -> list[Proposal]:
    rows = view.session.scalars(
        query.options(joinedload(tables.Effect.decision)).execution_options(populate_existing=True)
    ).all()
    ids = [row.id for row in rows]
    approvals = view.session.scalars(
        select(tables.Approval)
        .where(tables.Approval.effect_id.in_(ids))
        .options(joinedload(tables.Approval.user))
        .order_by(tables.Approval.at)
    ).all()
    people = {row.proposed_by for row in rows} - {None}
    proposers = {u.id: u for u in view.session.scalars(select(tables.User).where(tables.User.id.in_(people)))}
    differences = _differences(view, [row.id for row in rows if row.status is Status.HELD])
    return [
        Proposal(
            effect=row,
            facts=Facts.model_validate(row.decision.facts),
            verdict=row.decision.verdict,
            approvals=[a for a in approvals if (a.effect_id, a.revision) == (row.id, row.revision)],
            proposer=proposers.get(row.proposed_by or ""),
            difference=differences.get(row.id),
        )
        for row in rows
    ]


def _differences(view: View, held: list[str]) -> dict[str, list[dict[str, str]]]:
    """What the log says of the last hold of each of these effects; nothing of those whose values were erased."""
    entry = tables.AuditEntry
    query = select(entry).where(entry.effect_id.in_(held), entry.event == events.EffectHeld.name).order_by(entry.seq)
    said = ((found.row.effect_id, found.personal.get("difference")) for found in audit.entries(view, query))
    return {effect_id: kept[0] for effect_id, kept in said if effect_id and kept}
