"""Who sees which entries of the log."""

from flowops.app import App
from flowops.domain.access import Actor
from flowops.queries import audit
from tests import cases, world


def customers(app: App, viewer: Actor) -> list[str]:
    """The customers whose first appearance the viewer finds in the log, by the id their callers gave."""
    with app.view(viewer) as view:
        return [entry.data["external_id"] for entry in audit.search(view, event="customer.seen").items]


def test_a_customer_is_seen_by_who_sees_one_of_their_requests(app: App) -> None:
    ada, lou = cases.person(app, "Ada"), cases.person(app, "Lou", queues=["legal"])
    bot, other = world.service(app), world.service(app, "other")
    cases.case(app, bot, customer_id="cust_bot")
    cases.case(app, lou, queue="legal", customer_id="cust_legal")
    assert customers(app, ada) == customers(app, bot) == ["cust_bot"]
    assert customers(app, lou) == ["cust_legal"]
    assert customers(app, other) == []
