"""Who is told of what happens: endpoints, their secrets, and what became of each delivery; for admins alone."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Response

from flowops.actions import webhooks as actions
from flowops.api import bodies, schemas
from flowops.api.deps import Answer, App, Write, requires, writes
from flowops.domain.access import Actor, Permission
from flowops.queries import webhooks

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(prefix="/webhooks", tags=["webhooks"])
CanRead = Annotated[Actor, requires(Permission.WEBHOOKS_MANAGE)]
CanDecide = Annotated[Write, writes(Permission.WEBHOOKS_MANAGE)]
Cursor = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("")
def search(caller: CanRead, app: App, cursor: Cursor = None, limit: Limit = 50) -> schemas.Page[schemas.Webhook]:
    """Endpoints, newest first, the disabled ones too."""
    with app.view(caller) as view:
        found, next_cursor = webhooks.search(view, cursor, limit)
    return schemas.Page(items=[schemas.Webhook.of(shown) for shown in found], next_cursor=next_cursor)


@router.post("", status_code=201, response_model=schemas.WebhookWithSecret)
def add(body: bodies.AddWebhook, write: CanDecide, app: App) -> Response:
    """Register an endpoint; the answer shows the secret that its deliveries are signed with, once."""
    write.refuse_version()

    def work(unit: "Unit") -> Answer:
        allowed = app.settings.outbound_networks
        webhook_id, secret = actions.add(unit, body.url, body.description, body.types, allowed, app.seal)
        unit.session.flush()
        shown = webhooks.get(unit.view, webhook_id)
        return Answer(schemas.WebhookWithSecret.of(shown, secret=secret), status=201, secret=True)

    return write.answer(work)


@router.get("/{webhook_id}")
def read(webhook_id: str, caller: CanRead, app: App) -> schemas.Webhook:
    """One endpoint."""
    with app.view(caller) as view:
        return schemas.Webhook.of(webhooks.get(view, webhook_id))


@router.patch("/{webhook_id}", response_model=schemas.Webhook)
def change(webhook_id: str, body: bodies.ChangeWebhook, write: CanDecide, app: App) -> Response:
    """Change what is sent of an endpoint's address, description and types; and switch it off, or on again."""
    write.refuse_version()

    def work(unit: "Unit") -> Answer:
        given = {name: getattr(body, name) for name in type(body).model_fields}
        actions.change(unit, webhook_id, app.settings.outbound_networks, **given)
        unit.session.flush()
        return Answer(schemas.Webhook.of(webhooks.get(unit.view, webhook_id)))

    return write.answer(work)


@router.delete("/{webhook_id}", status_code=204, response_class=Response)
def remove(webhook_id: str, write: CanDecide) -> Response:
    """Delete an endpoint and its secrets; what waits for it is not sent."""
    write.refuse_version()

    def work(unit: "Unit") -> Answer:
        actions.remove(unit, webhook_id)
        return Answer(None)

    return write.answer(work)


@router.post("/{webhook_id}/secrets", status_code=201, response_model=schemas.NewSecret)
def add_secret(webhook_id: str, body: bodies.AddSecret, write: CanDecide, app: App) -> Response:
    """Make one more secret, which the answer shows once; deliveries are signed with each there is."""
    write.refuse_version()
    seconds = body.others_end_in_seconds

    def work(unit: "Unit") -> Answer:
        others_end = None if seconds is None else timedelta(seconds=seconds)
        secret_id, secret = actions.add_secret(unit, webhook_id, others_end, app.seal)
        unit.session.flush()
        [made] = (row for row in webhooks.get(unit.view, webhook_id).secrets if row.id == secret_id)
        return Answer(schemas.NewSecret.of(made, secret=secret), status=201, secret=True)

    return write.answer(work)


@router.delete("/{webhook_id}/secrets/{secret}", status_code=204, response_class=Response)
def revoke_secret(webhook_id: str, secret: str, write: CanDecide) -> Response:
    """Sign nothing more with a secret, at once."""
    write.refuse_version()

    def work(unit: "Unit") -> Answer:
        actions.revoke_secret(unit, webhook_id, secret)
        return Answer(None)

    return write.answer(work)


@router.post("/{webhook_id}/ping", status_code=202, response_model=schemas.Delivery)
def ping(webhook_id: str, write: CanDecide) -> Response:
    """Send a test event, the way of all others."""
    write.refuse_version()
    return write.answer(lambda unit: _on_its_way(unit, webhook_id, actions.ping(unit, webhook_id)))


@router.get("/{webhook_id}/deliveries")
def deliveries(
    webhook_id: str, caller: CanRead, app: App, cursor: Cursor = None, limit: Limit = 50
) -> schemas.Page[schemas.Delivery]:
    """What was or is to be sent to an endpoint, newest first, with every attempt."""
    with app.view(caller) as view:
        found, next_cursor = webhooks.deliveries(view, webhook_id, cursor, limit)
    return schemas.Page(items=[schemas.Delivery.of(shown) for shown in found], next_cursor=next_cursor)


@router.post("/{webhook_id}/deliveries/{delivery}/redeliver", status_code=202, response_model=schemas.Delivery)
def redeliver(webhook_id: str, delivery: str, write: CanDecide) -> Response:
    """Send an event once more, under the same id, by which its receiver knows a repeat."""
    write.refuse_version()
    return write.answer(lambda unit: _on_its_way(unit, webhook_id, actions.redeliver(unit, webhook_id, delivery)))


def _on_its_way(unit: "Unit", webhook_id: str, job_id: str) -> Answer:
    return Answer(schemas.Delivery.of(webhooks.delivery(unit.view, webhook_id, job_id)), status=202)
