"""Who is told of what happens: endpoints and their secrets, test events and repeats; it sends nothing itself."""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, or_, select

from flowops import errors
from flowops.actions import outbox
from flowops.domain import addresses, events, jobs, times, webhooks
from flowops.storage import tables
from flowops.storage.sealing import Seal
from flowops.storage.unit import Unit

BY_ADMIN = "admin"
GONE = "gone"


def add(
    unit: Unit, url: str, description: str, types: Sequence[str], allowed: Sequence[addresses.Network], seal: Seal
) -> tuple[str, str]:
    """Register an endpoint for these types of events, none for all; gives its id, and the text of its first secret.

    The secret is handed out here and never again. Raises ForbiddenTarget for an address that nothing would be sent to.
    """
    target = addresses.check(url, allowed)
    webhook = tables.Webhook(
        url=url, description=description, types=list(types), created_by=unit.actor.id, created_at=unit.now
    )
    unit.session.add(webhook)
    unit.record(events.WebhookAdded(webhook_id=webhook.id, host=target.host, types=tuple(types)))
    _, secret = _make_secret(unit, webhook.id, None, seal)
    return webhook.id, secret


def change(
    unit: Unit,
    webhook_id: str,
    allowed: Sequence[addresses.Network],
    *,
    url: str | None = None,
    description: str | None = None,
    types: Sequence[str] | None = None,
    enabled: bool | None = None,
) -> None:
    """Change what is given of an endpoint; what it has already is no change. Raises NotFound and ForbiddenTarget.

    What waits to be delivered goes to the new address, whatever types it is of.
    """
    webhook = _find(unit, webhook_id)
    if url is not None:
        addresses.check(url, allowed)
    given = {"url": url, "description": description, "types": None if types is None else list(types)}
    new = {name: value for name, value in given.items() if value is not None and value != getattr(webhook, name)}
    for name, value in new.items():
        setattr(webhook, name, value)
    if new:
        host = addresses.parse(webhook.url).host
        changed = events.WebhookChanged(
            webhook_id=webhook_id, changed=tuple(new), host=host, types=tuple(webhook.types)
        )
        unit.record(changed)
    if enabled and webhook.disabled_at is not None:
        webhook.disabled_at = webhook.disabled_because = None
        unit.record(events.WebhookEnabled(webhook_id=webhook_id))
    if enabled is False:
        disable(unit, webhook_id, BY_ADMIN)


def disable(unit: Unit, webhook_id: str, because: str) -> None:
    """Tell an endpoint of nothing more; what waits for it ends without a call.

    One that is disabled or removed already is left as it is.
    """
    webhook = unit.session.get(tables.Webhook, webhook_id, with_for_update={"key_share": True})
    if webhook is not None and webhook.disabled_at is None:
        webhook.disabled_at, webhook.disabled_because = unit.now, because
        unit.record(events.WebhookDisabled(webhook_id=webhook.id, because=because))


def give_up(unit: Unit, webhook_id: str, url: str) -> None:
    """Disable an endpoint that answered at this address that it is gone.

    Raises Unavailable when it has another address by now: who is there said nothing, and is to be told.
    """
    webhook = unit.session.get(tables.Webhook, webhook_id, with_for_update={"key_share": True})
    if webhook is not None and webhook.url != url:
        raise errors.Unavailable(what="The webhook", reason="it was gone from an address that was changed meanwhile")
    disable(unit, webhook_id, GONE)


def remove(unit: Unit, webhook_id: str) -> None:
    """Delete an endpoint and its secrets; what waits for it ends without a call. Raises NotFound."""
    webhook = _find(unit, webhook_id)
    unit.session.execute(delete(tables.WebhookSecret).where(tables.WebhookSecret.webhook_id == webhook_id))
    unit.session.delete(webhook)
    unit.record(events.WebhookRemoved(webhook_id=webhook_id))


def add_secret(unit: Unit, webhook_id: str, others_end: timedelta | None, seal: Seal) -> tuple[str, str]:
    """Make one more secret that deliveries are signed with; gives its id, and its text for the only time.

    Those there were go on for as long as `others_end` says, None for ever, so that a receiver can change over without
    missing anything. Raises NotFound and TooManySecrets.
    """
    _find(unit, webhook_id)
    row = tables.WebhookSecret
    unit.session.execute(delete(row).where(row.webhook_id == webhook_id, row.expires_at <= unit.now))
    ends_at = None if others_end is None else unit.now + others_end
    for other in _active(unit, webhook_id):
        if ends_at is not None and (other.expires_at is None or other.expires_at > ends_at):
            other.expires_at = ends_at
    if len(_active(unit, webhook_id)) >= webhooks.MOST_SECRETS:
        raise errors.TooManySecrets(id=webhook_id, limit=webhooks.MOST_SECRETS)
    return _make_secret(unit, webhook_id, times.rfc3339(ends_at) if ends_at else None, seal)


def revoke_secret(unit: Unit, webhook_id: str, secret_id: str) -> None:
    """Sign nothing more with a secret, at once.

    Raises NotFound, and LastSecret when none would be left that lasts: what is not signed could be from anybody.
    """
    _find(unit, webhook_id)
    active = _active(unit, webhook_id)
    revoked = next((secret for secret in active if secret.id == secret_id), None)
    if revoked is None:
        raise errors.NotFound(kind="secret", id=secret_id)
    if [secret for secret in active if secret.expires_at is None] == [revoked]:
        raise errors.LastSecret(id=webhook_id)
    unit.session.delete(revoked)
    unit.record(events.WebhookSecretRevoked(webhook_id=webhook_id, secret_id=secret_id))


def ping(unit: Unit, webhook_id: str) -> str:
    """Have a test event delivered, the way of all others; gives the job's id. Raises NotFound and WebhookIsDisabled."""
    _enabled(unit, webhook_id)
    event_id = unit.record(events.WebhookPinged(webhook_id=webhook_id))
    event = webhooks.cloud_event(event_id, webhooks.PING, webhook_id, unit.now, {"webhookId": webhook_id})
    return unit.enqueue(jobs.DeliverWebhook(webhook_id=webhook_id, case_id=None, event=event))


def redeliver(unit: Unit, webhook_id: str, job_id: str) -> str:
    """Have an event delivered once more, under the same id, by which its receiver knows a repeat; gives the job's id.

    A dead delivery gets another round of tries; of one that is over there is a new one, behind what waits already; one
    that waits for its next try has it now. Raises NotFound, WebhookIsDisabled, and StillUnderway for one that runs, is
    due, or waits for an earlier one of its case.
    """
    _enabled(unit, webhook_id)
    row = unit.session.scalar(select(tables.Job).where(tables.Job.id == job_id).with_for_update(of=tables.Job))
    found = row or unit.session.get(tables.FinishedJob, job_id)
    if found is None or found.webhook_id != webhook_id:
        raise errors.NotFound(kind="delivery", id=job_id)
    made = job_id
    if row is None:
        made = unit.enqueue(jobs.DeliverWebhook.load(found.payload))
    elif row.status is jobs.Status.DEAD:
        outbox.retry_dead(unit, job_id)
    elif not outbox.hurry(unit, row):
        raise errors.StillUnderway(id=job_id, status=row.status)
    event_id = found.payload["event"]["id"]
    unit.record(events.WebhookRedelivered(webhook_id=webhook_id, event_id=event_id, job_id=made))
    return made


def _find(unit: Unit, webhook_id: str) -> tables.Webhook:
    """The endpoint, locked, so that what is decided about it is decided one after another."""
    webhook = unit.session.get(tables.Webhook, webhook_id, with_for_update={"key_share": True})
    if webhook is None:
        raise errors.NotFound(kind="webhook", id=webhook_id)
    return webhook


def _enabled(unit: Unit, webhook_id: str) -> None:
    if _find(unit, webhook_id).disabled_at is not None:
        raise errors.WebhookIsDisabled(id=webhook_id)


def _active(unit: Unit, webhook_id: str) -> Sequence[tables.WebhookSecret]:
    row = tables.WebhookSecret
    query = select(row).where(row.webhook_id == webhook_id, or_(row.expires_at.is_(None), row.expires_at > unit.now))
    return unit.session.scalars(query.order_by(row.id)).all()


def _make_secret(unit: Unit, webhook_id: str, others_end_at: str | None, seal: Seal) -> tuple[str, str]:
    text = webhooks.SECRET_PREFIX + b64encode(secrets.token_bytes(webhooks.SECRET_BYTES)).decode()
    secret = tables.WebhookSecret(
        webhook_id=webhook_id,
        sealed=seal.close(text),
        hint=text.rstrip("=")[-4:],
        created_by=unit.actor.id,
        created_at=unit.now,
    )
    unit.session.add(secret)
    added = events.WebhookSecretAdded(webhook_id=webhook_id, secret_id=secret.id, others_end_at=others_end_at)
    unit.record(added)
    return secret.id, text
