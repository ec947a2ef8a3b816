"""The command that looks whether FlowOps can work here."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flowops import app as application
from flowops.actions import leases, outbox
from flowops.app import App
from flowops.cli import doctor
from flowops.domain import jobs
from flowops.domain.access import SYSTEM
from flowops.settings import Settings
from tests import cases, mailing, servers
from tests.cli.conftest import Flowops

Examine = Callable[[], dict[str, doctor.Finding]]


@pytest.fixture
def examine(on_database: None) -> Examine:
    return lambda: {finding.about: finding for finding in doctor.examine()}


def states(findings: dict[str, doctor.Finding]) -> dict[str, str]:
    return {about: finding.state for about, finding in findings.items()}


def test_a_good_setup_is_ok_but_for_the_workers_that_do_not_run(flowops: Flowops, examine: Examine) -> None:
    found = states(examine())
    assert found.pop("workers") == "warn"
    assert found == dict.fromkeys(
        (
            "settings",
            "database",
            "migrations",
            "clock",
            "accounts",
            "billing",
            "mail",
            "effects",
            "deadlines",
            "dead letters",
        ),
        "ok",
    )
    ran = flowops("doctor")
    assert ran.code == 0
    assert "Start `flowops up` or `flowops work`" in ran.out


@pytest.mark.parametrize(("seconds", "state"), [(2, "ok"), (120, "warn")])
def test_a_worker_counts_as_alive_until_its_lease_has_passed(
    settings: Settings, examine: Examine, seconds: int, state: str
) -> None:
    then = datetime.now(UTC) - timedelta(seconds=seconds)
    worker = application.build(settings, lambda: then)
    with worker.unit(SYSTEM) as unit:
        leases.beat(unit, "host:1:abc", [], settings.outbox_lease)
    worker.close()
    assert examine()["workers"].state == state


def test_dead_letters_are_counted(app: App, examine: Examine) -> None:
    with app.unit(SYSTEM) as unit:
        unit.enqueue(jobs.GenerateArtifact(handoff_id="hnd_1", kind="handoff_summary.v1"))
    with app.unit(SYSTEM) as unit:
        (job,) = leases.claim(unit, "worker", jobs.GenerateArtifact.topic, 1, timedelta(seconds=30))
        outbox.bury(unit, job, "no")
    assert examine()["dead letters"].found == "1, last: ai.generate"


def test_a_deadline_that_nobody_notices_is_a_warning(app: App, examine: Examine) -> None:
    cases.case(app, cases.person(app, "Ada"), sla_due_at=app.now() - timedelta(hours=1))
    found = examine()["deadlines"]
    assert (found.state, found.found.startswith("one passed 36")) == ("warn", True)


def test_gateways_that_do_not_answer_fail(flowops: Flowops, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"http://127.0.0.1:{servers.closed_port()}"
    with servers.http_provider() as provider:
        monkeypatch.setenv("FLOWOPS_ACCOUNTS_URL", provider.url)
        monkeypatch.setenv("FLOWOPS_BILLING_URL", nobody)
        monkeypatch.setenv("FLOWOPS_SMTP_URL", f"smtp://127.0.0.1:{servers.closed_port()}")
        found = states(examine())
        assert (found["accounts"], found["billing"], found["mail"]) == ("ok", "fail", "fail")
        assert [seen.method for seen in provider.requests] == ["GET"]
        assert flowops("doctor").code == 1


def test_a_mail_server_is_greeted_and_gets_no_mail(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    with mailing.mail_server(login=("us", "secret")) as mails:
        monkeypatch.setenv("FLOWOPS_SMTP_URL", mails.url.replace("//", "//us:secret@"))
        assert examine()["mail"].state == "ok"
        monkeypatch.setenv("FLOWOPS_SMTP_URL", mails.url.replace("//", "//us:wrong@"))
        assert examine()["mail"].state == "fail"
        assert mails.inbox == []


def test_a_clock_that_differs_from_the_database_is_a_warning(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    here = time.time
    monkeypatch.setattr(time, "time", lambda: here() - 40)
    found = examine()["clock"]
    assert (found.state, found.found) == ("warn", "this host is 40 s behind the database")


def test_a_database_that_is_not_there_is_not_made(flowops: Flowops, environment: Path) -> None:
    ran = flowops("doctor")
    assert ran.code == 1
    assert "Run `flowops migrate`" in ran.out
    assert list(environment.iterdir()) == []


def test_a_database_without_tables_and_one_that_does_not_answer_fail(
    flowops: Flowops, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (environment / "flowops.db").touch()
    assert "run `flowops migrate` first" in flowops("doctor").out
    monkeypatch.setenv("FLOWOPS_DATABASE_URL", f"postgresql://127.0.0.1:{servers.closed_port()}/flowops")
    monkeypatch.setenv("FLOWOPS_SECRET_KEY", "k" * 32)
    ran = flowops("doctor")
    assert ran.code == 1
    assert "Check FLOWOPS_DATABASE_URL" in ran.out


def test_a_key_that_others_can_read_fails(flowops: Flowops, environment: Path) -> None:
    flowops("migrate")
    assert flowops("doctor").code == 0
    key = environment / "flowops.db.key"
    key.chmod(0o644)
    ran = flowops("doctor")
    assert ran.code == 1
    assert "chmod 600 flowops.db.key" in ran.out


@pytest.mark.parametrize(("name", "value"), [("PORT", "none"), ("SMTP_URL", "ftp://example.com")])
def test_a_wrong_setting_fails_and_a_misspelt_one_is_a_warning(
    flowops: Flowops, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("FLOWOPS_PROT", "1")
    flowops("migrate")
    assert "FLOWOPS_PROT: no such setting" in flowops("doctor").out
    monkeypatch.setenv(f"FLOWOPS_{name}", value)
    ran = flowops("doctor")
    assert (ran.code, ran.err) == (1, "")
    assert f"FLOWOPS_{name} is wrong" in ran.out
