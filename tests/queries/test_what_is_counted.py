"""What is counted in tables that only grow is found by an index, and not by reading all of them."""

import pytest

from flowops.app import App
from flowops.domain.access import Actor
from flowops.queries import dashboard, metrics, spans
from tests import cases, plans
from tests.plans import Index

GROWING = ("sla_marks", "job_attempts", "finished_jobs", "effects", "artifacts", "audit_entries")


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


def test_the_dashboard_reads_what_lies_in_its_span_alone(app: App, ada: Actor) -> None:
    with app.view(ada) as view, plans.noted(view.session, Index.USED, 100) as asked:
        dashboard.read(view, spans.last(view, spans.Range.DAY))
    used = "\n".join(asked)
    for name in ("sla_marks_at", "job_attempts_outcome_finished", "effects_created_at", "artifacts_lately"):
        assert f"ix_{name}" in used
    assert not scanned(asked)


def test_the_metrics_count_entries_of_indexes(app: App) -> None:
    with app.view() as view, plans.noted(view.session, Index.WALKED, 100) as asked:
        list(metrics.collect(view))
    used = "\n".join(asked)
    for name in ("job_attempts_topic_outcome", "finished_jobs_topic_status", "artifacts_counted"):
        assert f"ix_{name}" in used
    assert not scanned(asked)


def scanned(asked: list[str]) -> list[str]:
    """The plans that read a whole growing table."""
    ways = [(f"Seq Scan on {table}", f"SCAN {table}\n") for table in GROWING]
    return [plan for plan in asked if any(way in f"{plan}\n" for both in ways for way in both)]
