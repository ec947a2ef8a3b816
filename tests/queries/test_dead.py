"""Counting what died, of what, and how often it was tried."""

from flowops.actions import outbox
from flowops.app import App
from flowops.domain.access import SYSTEM
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
    (waiting,) = delivery.enqueue(app, Ring(bell="waiting"))
    with app.view() as view:
        assert dead.count(view) == 3
        assert dead.count(view, Ring.topic) == 3
        assert dead.count(view, "other.topic") == 0
        assert dead.count(view, error="100%_full") == 2  # the text itself, no pattern
        assert [(cause.error, cause.count) for cause in dead.causes(view)] == [("100%_full", 2), ("1000 full", 1)]
        first = dead.causes(view, limit=1)[0]
        assert first.first_at == NOW
        assert (first.last_at - first.first_at).total_seconds() == 60
        assert dead.tries(view, [waiting, job.id]) == {job.id: dead.Tries(1, NOW.replace(minute=2))}


def test_every_try_counts_and_the_last_one_is_told(app: App, clock: Clock) -> None:
    (job_id,) = delivery.enqueue(app, Ring(bell="one"))
    for _ in range(3):
        (job,) = delivery.claim(app)
        with app.unit(SYSTEM) as unit:
            outbox.retry(unit, job, "no", unit.now)
        last = clock.now
        clock.forward(seconds=30)
    with app.view() as view:
        assert dead.tries(view, [job_id]) == {job_id: dead.Tries(3, last)}
        assert dead.tries(view, []) == {}
