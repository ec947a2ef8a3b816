"""Health, metrics and the documentation."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flowops import app as application
from flowops import settings as configuration
from flowops.actions import leases
from flowops.app import App
from flowops.domain import jobs
from flowops.domain.access import SYSTEM, Role
from flowops.storage import engine
from flowops.storage.engine import Database
from tests import cases, live, make
from tests.conftest import Clock
from tests.live import Api
from tests.project import repository


def test_the_process_runs(api: Api) -> None:
    assert api.get("/healthz").json() == {"status": "ok"}


@pytest.mark.in_process
def test_a_server_without_a_worker_is_ready_and_warns(api: Api) -> None:
    answer = api.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "warnings": ["No worker has shown that it lives for 60 s; nothing is delivered."],
    }


@pytest.mark.in_process
def test_a_worker_that_lives_takes_the_warning_away_and_a_late_job_adds_one(api: Api, app: App, clock: Clock) -> None:
    with app.unit(SYSTEM) as unit:
        unit.enqueue(jobs.GenerateArtifact(handoff_id="hnd_1", kind="handoff_summary.v1"))
    clock.forward(minutes=6)
    with app.unit(SYSTEM) as unit:
        leases.beat(unit, "worker", [], app.settings.outbox_lease)
    assert api.get("/readyz").json()["warnings"] == ["The oldest job has been due for 360 s."]


@pytest.mark.in_process
def test_a_deadline_that_nobody_notices_is_a_warning(api: Api, app: App, clock: Clock) -> None:
    cases.case(app, cases.person(app, "Ada"))
    clock.forward(hours=1, seconds=61)
    assert api.get("/readyz").json()["warnings"][-1] == "A deadline passed 61 s ago and no worker has noticed."


@pytest.mark.in_process
def test_a_database_without_tables_is_not_ready(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("empty") / "flowops.db"
    app = application.build(configuration.load(database_url=f"sqlite:///{path}"))
    with live.in_process(app) as api:
        answer = api.get("/readyz")
    app.close()
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "reason": "Wrong setting"}
    assert answer.headers["Retry-After"] == "5"


def test_metrics_are_prometheus_text_with_the_numbers_of_the_database(api: Api, app: App) -> None:
    token = make.token(app, Role.VIEWER)
    api.get("/healthz")
    answer = api.get("/metrics", token)
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert "flowops_handoffs" in families
    assert families["flowops_handoff_age_seconds"].samples[0].value == 0
    timed = {sample.labels["route"] for sample in families["flowops_http_request_seconds"].samples}
    assert "/healthz" in timed


def test_a_method_somebody_made_up_is_counted_as_another(api: Api, app: App) -> None:
    for method in ("GREET", "SING", "PATCH"):
        assert api.send(method, "/healthz").status_code == 405
    families = text_string_to_metric_families(api.get("/metrics", make.token(app, Role.VIEWER)).text)
    (timed,) = [family for family in families if family.name == "flowops_http_request_seconds"]
    methods = {sample.labels["method"] for sample in timed.samples}
    assert {"other", "PATCH"} <= methods
    assert not {"GREET", "SING"} & methods


METRICS = {
    "flowops_handoffs": "gauge",
    "flowops_handoff_age_seconds": "gauge",
    "flowops_handoff_response_seconds": "histogram",
    "flowops_handoff_resolution_seconds": "histogram",
    "flowops_sla_breaches_total": "counter",
    "flowops_artifacts_total": "counter",
    "flowops_artifact_reviews_total": "counter",
    "flowops_ai_seconds": "histogram",
    "flowops_ai_tokens_total": "counter",
    "flowops_outbox_jobs": "gauge",
    "flowops_outbox_oldest_seconds": "gauge",
    "flowops_outbox_attempts_total": "counter",
    "flowops_dead_letters_total": "counter",
    "flowops_effects_total": "counter",
    "flowops_effects_unknown": "gauge",
    "flowops_effects_paused": "gauge",
    "flowops_decisions_total": "counter",
    "flowops_http_request_seconds": "histogram",
}


def test_there_is_every_metric_and_the_manual_explains_it(api: Api, app: App) -> None:
    text = api.get("/metrics", make.token(app, Role.VIEWER)).text
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, flags=re.MULTILINE))
    assert {name: kind for name, kind in types.items() if not name.endswith("_created")} == METRICS
    manual = (repository.ROOT / "docs" / "operations.md").read_text()
    assert set(re.findall(r"^\| `(flowops_\w+)", manual, flags=re.MULTILINE)) == set(METRICS)


def test_the_summary_holds_the_same_numbers(api: Api, app: App) -> None:
    token = make.token(app, Role.VIEWER)
    summary = api.get("/metrics/summary", token).json()
    assert summary["flowops_handoff_age_seconds"] == [{"value": 0.0}]
    text = api.get("/metrics", token).text
    shown = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    assert set(summary) == shown


def test_the_metrics_dashboard_is_the_consoles(api: Api) -> None:
    answer = api.get("/metrics/dashboard")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/dash")


@pytest.mark.in_process
def test_the_metrics_token_reads_metrics_and_nothing_else(database_url: str, clock: Clock) -> None:
    settings = configuration.load(database_url=database_url, secret_key="k" * 32, metrics_token="scrape-me")
    app = application.build(settings, clock)
    with live.in_process(app) as api:
        assert api.get("/metrics", "scrape-me").status_code == 200
        assert api.get("/metrics", "scrape-you").status_code == 401
        assert api.get("/metrics").status_code == 401
        assert api.get("/metrics/summary", "scrape-me").status_code == 401
        assert api.get("/handoffs", "scrape-me").status_code == 401
    app.close()


def test_a_service_reads_no_metrics(api: Api, app: App) -> None:
    assert api.get("/metrics", make.token(app, Role.SERVICE)).status_code == 403


def test_the_root_leads_to_the_console(api: Api) -> None:
    assert api.get("/").headers["Location"] == "/console"


def test_the_documentation_is_one_page_without_scripts_and_loads_only_our_style(api: Api) -> None:
    page = api.get("/docs")
    assert page.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'self'"
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert page.text.count("href=") == page.text.count('href="/docs/style.css"') + page.text.count('"/openapi.json"')
    assert api.get("/docs/style.css").headers["Content-Type"].startswith("text/css")


def test_the_documentation_lists_every_operation_and_every_problem(api: Api) -> None:
    document, page = api.get("/openapi.json").json(), api.get("/docs").text
    assert all(f"{method.upper()} {path}" in page for path, item in document["paths"].items() for method in item)
    assert 'id="already_claimed"' in page
    assert 'id="malformed_json"' in page


@pytest.mark.in_process
def test_a_database_without_a_free_connection_is_an_outage_too(
    app: App, database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make.token(app, Role.VIEWER)
    monkeypatch.setattr(engine, "WAIT", 1)
    busy = application.App(**{**vars(app), "database": Database(database_url, clock, pool_size=1)})
    with live.in_process(busy) as api, busy.view(), busy.view():
        answer = api.get("/metrics", token)
    busy.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "every connection was busy" in answer.json()["detail"]


def test_a_database_that_is_gone_is_an_outage_and_no_error(
    clock: Clock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("gone")
    app = application.build(configuration.load(database_url=f"sqlite:///{folder}/flowops.db"), clock)
    broken = application.App(**{**vars(app), "database": Database(f"sqlite:///{folder}/missing/flowops.db", clock)})
    with live.in_process(broken) as api:
        assert api.get("/readyz").json() == {"status": "unavailable", "reason": "Unavailable"}
        answer = api.get("/metrics", "fops_" + "a" * 30 + "1PiySQ")
    app.close()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json()["code"] == "unavailable"


@pytest.mark.in_process
def test_a_worker_that_beats_seldom_is_missed_once_its_lease_has_passed(database_url: str, clock: Clock) -> None:
    settings = configuration.load(database_url=database_url, secret_key="k" * 32, outbox_lease="5m")
    app = application.build(settings, clock)
    with app.unit(SYSTEM) as unit:
        leases.beat(unit, "host:1:abc", [], settings.outbox_lease)
    with live.in_process(app) as api:
        clock.forward(seconds=299)
        assert api.get("/readyz").json()["warnings"] == []
        clock.forward(seconds=2)
        (warning,) = api.get("/readyz").json()["warnings"]
    assert warning.startswith("No worker has shown that it lives for 300 s")
    app.close()
