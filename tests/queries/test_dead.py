"""Counting what died, and of what."""

from flowops.app import App
from flowops.queries import dead
from tests import delivery
from tests.conftest import NOW, Clock
from tests.delivery import Ring


def test_dead_jobs_are_counted_by_topic_and_error_as_a_retry_would_reach_them(app: App, clock: Clock) -> None:
    for number, error in enumerate(["100%_full", "100%_full", "1000 full"]):
        delivery.enqueue(app, Ring(bell=str(number)))
        (job,) = delivery.claim(app)
        delivery.bury(app, job, error)
        clock.forward(minutes=1)
    delivery.enqueue(app, Ring(bell="waiting"))
    with app.view() as view:
        assert dead.count(view) == 3
        assert dead.count(view, Ring.topic) == 3
        assert dead.count(view, "other.topic") == 0
        assert dead.count(view, error="100%_full") == 2  # the text itself, no pattern
        assert [(cause.error, cause.count) for cause in dead.causes(view)] == [("100%_full", 2), ("1000 full", 1)]
        first = dead.causes(view, limit=1)[0]
        assert first.first_at == NOW
        assert (first.last_at - first.first_at).total_seconds() == 60
