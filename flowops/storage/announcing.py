"""Has registered endpoints told of what a unit recorded: a job for each, in the unit's own transaction and in order."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select

from flowops.domain import webhooks
from flowops.domain.jobs import DeliverWebhook
from flowops.storage import tables

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

Entry = Mapping[str, Any]  # the columns of an audit entry


def public(entries: Iterable[Entry]) -> list[Entry]:
    """Those of these entries that others may be told of."""
    return [entry for entry in entries if webhooks.is_public(entry["event"], entry["data"])]


def announce(unit: "Unit", entries: Sequence[Entry]) -> None:
    """Enqueue a delivery of each of these public entries for each enabled endpoint that wants it.

    An event's number is its place among the public entries of its subject, so that numbering costs nothing while nobody
    listens and no table has to be kept in step. Units about the same subject number one after another. This is the last
    thing a unit does: it waits for a lock, and whoever waits must hold nothing that others come for later.
    """
    row = tables.Webhook
    listening = unit.session.execute(select(row.id, row.types).where(row.disabled_at.is_(None)).order_by(row.id)).all()
    if not listening:
        return
    of_effect = _requests(unit, entries)
    about: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        about[entry["handoff_id"] or entry["request_id"] or of_effect[entry["effect_id"]]].append(entry)
    for subject in sorted(about):
        unit.lock(f"announcing:{subject}")
        for sequence, entry in enumerate(about[subject], _count(unit, subject) - len(about[subject]) + 1):
            data = webhooks.describe(entry["event"], entry["data"], entry["actor_kind"], entry["actor_id"])
            event = webhooks.cloud_event(entry["id"], entry["event"], subject, entry["at"], data, sequence)
            for webhook_id, types in listening:
                if webhooks.wants(types, entry["event"]):
                    unit.enqueue(DeliverWebhook(webhook_id=webhook_id, case_id=subject, event=event))


def _requests(unit: "Unit", entries: Iterable[Entry]) -> dict[str, str]:
    """The requests of the effects that are named by entries which name no case and no request."""
    alone = {entry["effect_id"] for entry in entries if not (entry["handoff_id"] or entry["request_id"])}
    if not alone:
        return {}
    query = select(tables.Effect.id, tables.Effect.request_id).where(tables.Effect.id.in_(alone))
    return {id: request_id for id, request_id in unit.session.execute(query)}  # noqa: C416 - rows are no pairs to mypy


def _count(unit: "Unit", subject: str) -> int:
    """How many public entries there are of a case, or of a request that has none; those of this unit included."""
    row = tables.AuditEntry
    effects = select(tables.Effect.id).where(tables.Effect.request_id == subject)
    of_request = and_(row.handoff_id.is_(None), or_(row.request_id == subject, row.effect_id.in_(effects)))
    mine = row.handoff_id == subject if subject.startswith(tables.Handoff.prefix) else of_request
    query = select(func.count()).select_from(row).where(mine, row.event.in_(webhooks.FIELDS))
    return unit.session.scalar(query) or 0
