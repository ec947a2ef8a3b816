"""Answers about decisions: which were taken, from what, by which rules, and what rules showed."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Select, Text, func, or_, select, type_coerce

from flowops import errors
from flowops.domain import ruleset
from flowops.domain.access import ActorKind
from flowops.domain.policy import Policy
from flowops.queries import handoffs
from flowops.queries.paging import Page
from flowops.storage import tables
from flowops.storage.unit import View

CHUNK = 500  # decisions read at once


@dataclass(frozen=True)
class RuleRecord:
    """How often decisions showed something about a rule: a divergence in shadow, or a failure."""

    diverged: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Subject:
    """What a decision is about (request, case or effect), and the case it belongs to, if the viewer may see one."""

    kind: str
    handoff: tables.Handoff | None


@dataclass(frozen=True)
class Version:
    """A set of rules that has decided something, and when it did so first."""

    version: str
    since: datetime


def search(
    view: View,
    *,
    rule: str | None = None,
    outcome: str | None = None,
    finding: str | None = None,
    subject: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[tables.Decision]:
    """Decisions the viewer may see, newest first.

    `rule` is the one that decided; with `finding` (diverged, failed) the one that showed it, and all rules without.
    """
    if cursor is not None and not re.fullmatch(r"dec_\w+", cursor):
        raise errors.Invalid(reason="The cursor is not one this list gave. Start again without it.")
    row = tables.Decision
    query = _visible(view).order_by(row.id.desc()).limit(limit + 1)
    if finding is not None:
        shown = select(tables.RuleFinding.decision_id).where(tables.RuleFinding.finding == finding)
        query = query.where(row.id.in_(shown.where(tables.RuleFinding.rule == rule) if rule else shown))
    elif rule is not None:
        query = query.where(row.rule == rule)
    if outcome is not None:
        query = query.where(row.outcome == outcome)
    if subject is not None:
        query = query.where(row.subject_id == subject)
    if cursor is not None:
        query = query.where(row.id < cursor)
    found = view.session.scalars(query).all()
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def get(view: View, decision_id: str) -> tables.Decision:
    """One decision; NotFound when there is none or the viewer may not see what it is about."""
    found = view.session.scalar(_visible(view).where(tables.Decision.id == decision_id))
    if found is None:
        raise errors.NotFound(kind="decision", id=decision_id)
    return found


def of_case(view: View, handoff: tables.Handoff) -> str:
    """The id of the decision about the request that a case came from."""
    return view.session.scalars(select(tables.Request.decision_id).where(tables.Request.id == handoff.request_id)).one()


def findings(view: View) -> dict[str, RuleRecord]:
    """What the decisions the viewer may see showed about each rule that showed anything."""
    row = tables.RuleFinding
    seen = _visible(view).with_only_columns(tables.Decision.id)
    counts: dict[str, dict[str, int]] = {}
    for rule, finding, count in view.session.execute(
        select(row.rule, row.finding, func.count()).where(row.decision_id.in_(seen)).group_by(row.rule, row.finding)
    ):
        counts.setdefault(rule, {})[finding] = count
    return {rule: RuleRecord(**found) for rule, found in counts.items()}


def subjects(view: View, rows: Iterable[tables.Decision]) -> dict[str, Subject]:
    """What these decisions are about, by the id of it."""
    ids = {row.subject_id for row in rows}
    request, effect, case = tables.Request, tables.Effect, tables.Handoff
    found: dict[str, Subject] = {}
    for kind, query in (
        ("request", select(request.id, case).join(case, case.id == request.handoff_id).where(request.id.in_(ids))),
        ("effect", select(effect.id, case).join(case, case.id == effect.handoff_id).where(effect.id.in_(ids))),
        ("case", select(case.id, case).where(case.id.in_(ids))),
    ):
        for subject_id, handoff in view.session.execute(query.where(handoffs.visible(view))):
            found[subject_id] = Subject(kind, handoff)
    kinds = {request.prefix: "request", effect.prefix: "effect", case.prefix: "case"}
    others = {each: Subject(kinds[each.partition("_")[0]], None) for each in ids - found.keys()}
    return found | others


def versions(view: View) -> Sequence[Version]:
    """The sets of rules that have decided something, the one that did so first most recently before the others."""
    row = tables.PolicyVersion
    query = select(row.version, row.created_at).order_by(row.created_at.desc(), row.version)
    return [Version(version, since) for version, since in view.session.execute(query)]


def sources(view: View) -> dict[str, str]:
    """The canonical source of every policy that ever decided, by its version."""
    return {row.version: row.source for row in view.session.scalars(select(tables.PolicyVersion))}


def restored(view: View, version: str) -> Policy:
    """A policy that ever decided, from its canonical source; NotFound, and Invalid when it cannot be had any more."""
    row = view.session.get(tables.PolicyVersion, version)
    if row is None:
        raise errors.NotFound(kind="policy", id=version)
    return _restored(version, row.source)


_restored = lru_cache(maxsize=8)(ruleset.restore)  # it is read, checked and run, which takes a tenth of a second


def count(view: View, since: datetime | None = None) -> int:
    """How many decisions were taken since then, or ever."""
    row = tables.Decision
    query = select(func.count()).select_from(row)
    return view.session.scalar(query.where(row.created_at >= since) if since else query) or 0


class Kept(NamedTuple):
    """A decision as it lies in the database: its facts and its verdict are the text that was written then."""

    id: str
    stage: str
    subject_id: str
    outcome: str
    policy_version: str
    facts: str
    verdict: str


def each(view: View, since: datetime | None = None) -> Iterator[Kept]:
    """Every decision taken since then, or ever, in the order of their ids; a few of them in memory at a time."""
    row, last = tables.Decision, ""
    texts = (type_coerce(row.facts, Text), type_coerce(row.verdict, Text))
    asked = select(row.id, row.stage, row.subject_id, row.outcome, row.policy_version, *texts).order_by(row.id)
    while True:
        query = asked.where(row.id > last).limit(CHUNK)
        found = view.session.execute(query.where(row.created_at >= since) if since else query).all()
        yield from (Kept(*each) for each in found)
        if len(found) < CHUNK:
            return
        last = found[-1].id


def _visible(view: View) -> Select[tables.Decision]:
    """Decisions about requests, cases and effects of queues the viewer sees."""
    query = select(tables.Decision)
    if view.viewer.kind not in {ActorKind.PERSON, ActorKind.SERVICE}:
        return query
    request, effect = tables.Request, tables.Effect
    person = view.viewer.kind is ActorKind.PERSON
    mine = request.queue.in_(view.viewer.queues) if person else request.caller_id == view.viewer.id
    subject = tables.Decision.subject_id
    of_requests = select(request.id).where(mine, request.id == subject)
    of_effects = select(effect.id).join(request, request.id == effect.request_id).where(mine, effect.id == subject)
    cases = tables.Handoff
    of_cases = select(cases.id).join(request, request.id == cases.request_id).where(mine, cases.id == subject)
    return query.where(or_(of_requests.exists(), of_effects.exists(), of_cases.exists()))
