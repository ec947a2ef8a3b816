"""The numbers are those of the database, whichever process asks and however often it was restarted."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.core import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from flowops import app as application
from flowops.actions import artifacts as reviews
from flowops.actions import handoffs, leases, ownership
from flowops.actions import outbox as actions
from flowops.domain import access
from flowops.domain.access import Actor
from flowops.domain.artifacts import Judgement
from flowops.domain.handoffs import Outcome, Priority
from flowops.queries import artifacts, metrics
from tests import cases, delivery, world
from tests.conftest import NOW, Clock
from tests.delivery import Ring, enqueue

LEASE = timedelta(minutes=15)


@pytest.fixture
def ada(app: application.App) -> Actor:
    return cases.person(app, "Ada")


def numbers(app: application.App) -> dict[str, list[dict[str, Any]]]:
    with app.view() as view:
        return metrics.summary(metrics.collect(view))


def value(app: application.App, name: str, **labels: str) -> float:
    """The value with exactly these labels; 0 when there is none."""
    found = [sample for sample in numbers(app).get(name, []) if sample.items() >= labels.items()]
    assert all(len(sample) == len(labels) + 1 for sample in found)
    return sum(float(sample["value"]) for sample in found)


def test_cases_are_counted_by_status_and_priority(app: application.App, ada: Actor) -> None:
    cases.case(app, ada, priority=Priority.HIGH)
    urgent = cases.case(app, ada, priority=Priority.URGENT)
    with app.unit(ada) as unit:
        ownership.claim(unit, urgent.id, lease=LEASE)
    assert value(app, "flowops_handoffs", status="pending", priority="high") == 1
    assert value(app, "flowops_handoffs", status="claimed", priority="urgent") == 1
    assert sum(sample["value"] for sample in numbers(app)["flowops_handoffs"]) == 2


def test_the_age_is_that_of_the_oldest_case_nobody_owns(app: application.App, ada: Actor, clock: Clock) -> None:
    assert value(app, "flowops_handoff_age_seconds") == 0
    first = cases.case(app, ada)
    clock.forward(minutes=1)
    cases.case(app, ada)
    clock.forward(minutes=1)
    assert value(app, "flowops_handoff_age_seconds") == 120
    with app.unit(ada) as unit:
        ownership.claim(unit, first.id, lease=LEASE)
    assert value(app, "flowops_handoff_age_seconds") == 60


def test_response_ends_with_the_first_claim_and_resolution_with_the_last_word(
    app: application.App, ada: Actor, clock: Clock
) -> None:
    handoff = cases.case(app, ada)
    clock.forward(seconds=90)
    with app.unit(ada) as unit:
        ownership.claim(unit, handoff.id, lease=LEASE)
        ownership.release(unit, handoff.id)
    clock.forward(hours=1)
    with app.unit(ada) as unit:
        ownership.claim(unit, handoff.id, lease=LEASE)
        handoffs.resolve(unit, handoff.id, Outcome.ANSWERED, "Done.")
    for name, seconds in (("response", 90), ("resolution", 3690)):
        assert value(app, f"flowops_handoff_{name}_seconds_count") == 1
        assert value(app, f"flowops_handoff_{name}_seconds_sum") == pytest.approx(seconds, abs=0.001)
    assert value(app, "flowops_handoff_response_seconds_bucket", le="60.0") == 0
    assert value(app, "flowops_handoff_response_seconds_bucket", le="300.0") == 1
    assert value(app, "flowops_handoff_resolution_seconds_bucket", le="3600.0") == 0
    assert value(app, "flowops_handoff_resolution_seconds_bucket", le="+Inf") == 1


def test_what_the_assistant_wrote_is_counted_and_timed(app: application.App, ada: Actor) -> None:
    cases.case(app, ada)
    delivery.deliver(app)
    labels = {"kind": "handoff_summary.v1", "generator": "extractive", "status": "ok"}
    assert value(app, "flowops_artifacts_total", **labels) == 1
    assert value(app, "flowops_ai_seconds_count") == 1
    assert value(app, "flowops_ai_seconds_sum") > 0
    assert value(app, "flowops_ai_tokens_total", direction="input") == 0


def test_jobs_and_attempts_are_counted(app: application.App, clock: Clock) -> None:
    enqueue(app, *(Ring(bell=bell) for bell in ("done", "dead", "retried", "lost", "waiting")))
    with app.unit(access.SYSTEM) as unit:
        done, dead, retried, _ = leases.claim(unit, "w1", Ring.topic, 4, timedelta(seconds=30))
        actions.finish(unit, done)
        actions.bury(unit, dead, "refused")
        actions.retry(unit, retried, "timed out", unit.now + timedelta(hours=1))
    clock.forward(seconds=31)
    with app.unit(access.SYSTEM) as unit:
        leases.recover(unit)
    for status, number in (("done", 1), ("dead", 1), ("pending", 3), ("processing", 0)):
        assert value(app, "flowops_outbox_jobs", topic="bell.ring", status=status) == number
    for outcome in ("done", "dead", "retry", "fenced"):
        assert value(app, "flowops_outbox_attempts_total", topic="bell.ring", outcome=outcome) == 1
    assert value(app, "flowops_dead_letters_total", topic="bell.ring") == 1
    assert value(app, "flowops_outbox_oldest_seconds") == 31


def test_a_dead_letter_stays_counted_when_it_is_retried(app: application.App) -> None:
    [job_id] = enqueue(app, Ring(bell="a"))
    with app.unit(access.SYSTEM) as unit:
        [job] = leases.claim(unit, "w1", Ring.topic, 1, timedelta(seconds=30))
        actions.bury(unit, job, "refused")
        actions.retry_dead(unit, job_id)
    assert value(app, "flowops_dead_letters_total", topic="bell.ring") == 1
    assert value(app, "flowops_outbox_jobs", topic="bell.ring", status="dead") == 0


def test_every_decision_is_counted_once_under_the_rule_that_made_it(app: application.App) -> None:
    app.sandbox.seed(NOW)
    bot = world.service(app)
    world.receive(app, bot)
    world.receive(app, bot, kind="reply", params={"body": "Hello"})
    decided = numbers(app)["flowops_decisions_total"]
    assert {sample["outcome"] for sample in decided} == {"approve", "review"}
    assert sum(sample["value"] for sample in decided) == 2
    assert all("." in sample["rule"] for sample in decided)
    assert value(app, "flowops_effects_total", kind="refund", status="approved") == 1
    assert value(app, "flowops_effects_total", kind="reply", status="proposed") == 1


def test_a_broken_promise_stays_counted_under_its_clock_and_priority(
    app: application.App, ada: Actor, clock: Clock
) -> None:
    handoff = cases.case(app, ada, priority=Priority.URGENT)
    clock.forward(minutes=31)
    with app.unit(ada) as unit:
        ownership.claim(unit, handoff.id, lease=LEASE)
    assert value(app, "flowops_sla_breaches_total", clock="response", priority="urgent") == 1
    assert value(app, "flowops_sla_breaches_total", clock="resolution", priority="urgent") == 0


def test_every_judgement_of_an_artifact_is_counted(app: application.App, ada: Actor) -> None:
    handoff = cases.case(app, ada)
    delivery.deliver(app)
    with app.view(ada) as view:
        artifact = artifacts.latest(view, handoff, "handoff_summary.v1")
    with app.unit(ada) as unit:
        ownership.claim(unit, handoff.id, lease=LEASE)
        for verdict in (Judgement.REJECTED, Judgement.ACCEPTED, Judgement.REJECTED):
            reviews.review(unit, artifact.id, verdict, lease=LEASE)
    for verdict, number in ((Judgement.REJECTED, 2), (Judgement.ACCEPTED, 1)):
        labels = {"kind": "handoff_summary.v1", "verdict": verdict.value}
        assert value(app, "flowops_artifact_reviews_total", **labels) == number


def test_a_case_that_is_reopened_takes_no_resolution_back(app: application.App, ada: Actor) -> None:
    handoff = cases.case(app, ada)
    with app.unit(ada) as unit:
        ownership.claim(unit, handoff.id, lease=LEASE)
        handoffs.resolve(unit, handoff.id, Outcome.ANSWERED, "Done.")
        handoffs.reopen(unit, handoff.id, "They wrote again.")
    assert value(app, "flowops_handoff_resolution_seconds_count") == 1


def test_an_empty_database_has_numbers_too(app: application.App) -> None:
    assert value(app, "flowops_ai_seconds_count") == 0
    assert value(app, "flowops_handoff_response_seconds_bucket", le="+Inf") == 0


def test_prometheus_can_render_them(app: application.App, ada: Actor) -> None:
    cases.case(app, ada)

    class Numbers(Collector):
        def collect(self) -> list[Any]:
            with app.view() as view:
                return list(metrics.collect(view))

    registry = CollectorRegistry()
    registry.register(Numbers())
    text = generate_latest(registry).decode()
    assert 'flowops_handoffs{priority="high",status="pending"} 1.0' in text
    assert "# TYPE flowops_artifacts_total counter" in text
