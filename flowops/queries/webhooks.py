"""Answers about endpoints: which there are, what they are called with, and what became of each delivery."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from flowops import errors
from flowops.queries import outbox
from flowops.storage import tables
from flowops.storage.unit import View


@dataclass(frozen=True)
class Shown:
    """An endpoint and the secrets it signs with, the oldest first."""

    webhook: tables.Webhook
    secrets: Sequence[tables.WebhookSecret]


@dataclass(frozen=True)
class Target:
    """What a delivery needs: where it goes, what it is signed with (sealed), and the time of the attempt."""

    url: str
    sealed: Sequence[str]
    at: datetime


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one endpoint, with every attempt, the first one first."""

    job: outbox.Row
    attempts: Sequence[outbox.Attempt]


def search(view: View, cursor: str | None = None, limit: int = 50) -> tuple[list[Shown], str | None]:
    """Endpoints, newest first, and the cursor of the next page."""
    query = select(tables.Webhook).order_by(tables.Webhook.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(tables.Webhook.id < _cursor(cursor, tables.Webhook.prefix))
    found = view.session.scalars(query).all()
    return _shown(view, found[:limit]), found[limit - 1].id if len(found) > limit else None


def get(view: View, webhook_id: str) -> Shown:
    """One endpoint; raises NotFound."""
    webhook = view.session.get(tables.Webhook, webhook_id)
    if webhook is None:
        raise errors.NotFound(kind="webhook", id=webhook_id)
    [shown] = _shown(view, [webhook])
    return shown


def target(view: View, webhook_id: str) -> Target | None:
    """Where to deliver to; None when the endpoint is disabled or removed."""
    webhook = view.session.get(tables.Webhook, webhook_id)
    if webhook is None or webhook.disabled_at is not None:
        return None
    [shown] = _shown(view, [webhook])
    return Target(webhook.url, [secret.sealed for secret in shown.secrets], view.now)


def deliveries(
    view: View, webhook_id: str, cursor: str | None = None, limit: int = 50
) -> tuple[list[Delivery], str | None]:
    """What was or is to be delivered to an endpoint, newest first, and the cursor of the next page; raises NotFound."""
    get(view, webhook_id)
    found: list[outbox.Row] = []
    for table in (tables.Job, tables.FinishedJob):
        query = select(table).where(table.webhook_id == webhook_id).order_by(table.id.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(table.id < _cursor(cursor, tables.Job.prefix))
        found.extend(view.session.scalars(query))
    found = outbox.newest_first(found)
    return _attempted(view, found[:limit]), found[limit - 1].id if len(found) > limit else None


def delivery(view: View, webhook_id: str, job_id: str) -> Delivery:
    """One delivery to an endpoint; raises NotFound."""
    waiting = view.session.scalar(select(tables.Job).where(tables.Job.id == job_id))
    job = waiting or view.session.get(tables.FinishedJob, job_id)
    if job is not None and job.webhook_id == webhook_id:
        [shown] = _attempted(view, [job])
        return shown
    raise errors.NotFound(kind="delivery", id=job_id)


def _shown(view: View, webhooks: Iterable[tables.Webhook]) -> list[Shown]:
    row = tables.WebhookSecret
    shown = {webhook.id: (webhook, list[tables.WebhookSecret]()) for webhook in webhooks}
    active = or_(row.expires_at.is_(None), row.expires_at > view.now)
    for secret in view.session.scalars(select(row).where(row.webhook_id.in_(shown), active).order_by(row.id)):
        shown[secret.webhook_id][1].append(secret)
    return [Shown(webhook, secrets) for webhook, secrets in shown.values()]


def _attempted(view: View, found: Sequence[outbox.Row]) -> list[Delivery]:
    attempts = outbox.attempts(view, found)
    return [Delivery(job, attempts[job.id]) for job in found]


def _cursor(cursor: str, prefix: str) -> str:
    if not re.fullmatch(rf"{prefix}_\w+", cursor):
        raise errors.Invalid(reason="The cursor is not one this list gave. Start again without it.")
    return cursor
