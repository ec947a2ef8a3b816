"""The command that creates or upgrades the database, and what others say before it ran."""

import json
from pathlib import Path

import pytest

from flowops.cli import terminal
from flowops.storage import migrate
from tests import postgres
from tests.cli.conftest import Flowops


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty database of each kind."""
    url = f"sqlite:///{environment / 'new.db'}"
    if request.param == "postgresql":
        server: postgres.Server = request.getfixturevalue("server")
        url = server.create_database(f"empty_{environment.name[-40:]}".lower().replace("-", "_"))
        monkeypatch.setenv("FLOWOPS_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("FLOWOPS_DATABASE_URL", url)


@pytest.mark.usefixtures("empty")
def test_an_empty_database_is_created_once_and_named_by_others_before(flowops: Flowops) -> None:
    refused = flowops("users", "list")
    assert (refused.code, refused.out) == (1, "")
    assert "run `flowops migrate` first" in refused.err
    assert "before: empty" in flowops("migrate").out
    assert "nothing was changed" in flowops("migrate").out
    assert flowops("users", "list").code == 0
    entries = [json.loads(line) for line in flowops("audit", "export").out.splitlines()]
    found = [entry for entry in entries if entry["event"] == "database.migrated"]
    assert [(entry["actorKind"], entry["correlationId"], entry["data"]) for entry in found] == [
        ("system", f"cli:{terminal.who()}", {"before": None, "after": migrate.newest()})
    ]


@pytest.mark.parametrize("real", [False, True])
def test_a_new_database_begins_with_the_sandboxs_customers_where_there_are_no_real_ones(
    flowops: Flowops, environment: Path, monkeypatch: pytest.MonkeyPatch, real: bool
) -> None:
    monkeypatch.setenv("FLOWOPS_DATABASE_URL", f"sqlite:///{environment / 'new.db'}")
    for name in ("ACCOUNTS", "BILLING") if real else ():
        monkeypatch.setenv(f"FLOWOPS_{name}_URL", "https://records.example.com")
    assert flowops("migrate").code == 0
    with terminal.opened() as app:
        assert (app.sandbox.account("cust_123") is None) is real


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "99999"),
        ("CLAIM_LEASE", "soon"),
        ("LIMITS", "much"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, everybody"),
        ("PUBLIC_URL", "http://example.com"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://example.com/flowops"),
        ("PUBLIC_URL", "https://example.com?a=b"),
        ("PUBLIC_URL", "https://example.com?"),
        ("PUBLIC_URL", "https://example.com#part"),
        ("PUBLIC_URL", "https://[x"),
        ("PUBLIC_URL", "https://ada:secret@example.com"),
        ("PUBLIC_URL", "https://example.com:port"),
        ("PUBLIC_URL", "https://example.com:99999"),
        ("PUBLIC_URL", "https://example.com:"),
        ("HOST", "[x"),
        ("SECRET_KEY", "too short"),
        ("DATABASE_URL", "mysql://"),
        ("DATABASE_URL", "sqlite:///:memory:?timeout=5"),
        ("DATABASE_URL", "sqlite:////there/is/no/such/folder/flowops.db"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(
    flowops: Flowops, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"FLOWOPS_{name}", value)
    ran = flowops("migrate")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"FLOWOPS_{name} is wrong: ")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["OUTBOUND_ALLOW", "TRUSTED_PROXIES"])
@pytest.mark.parametrize("value", ["5", "true", "[5]", "[true]", '["10.0.0.0/33"]', "1979-05-27"])
def test_what_is_no_list_of_networks_in_the_file_is_one_sentence_that_names_it(
    flowops: Flowops, name: str, value: str
) -> None:
    Path("flowops.toml").write_text(f"{name.lower()} = {value}\n")
    ran = flowops("migrate")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"FLOWOPS_{name} is wrong: ")
    assert len(ran.err.splitlines()) == 1


def test_an_address_that_cannot_be_read_is_refused_without_repeating_its_password(
    flowops: Flowops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWOPS_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("FLOWOPS_DATABASE_URL", "postgresql://ada:difference-engine@host:port/name")
    ran = flowops("migrate")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("FLOWOPS_DATABASE_URL is wrong: ")
    assert "difference" not in ran.err


def test_a_misspelt_setting_is_warned_about_and_no_more(flowops: Flowops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWOPS_PROT", "8080")
    ran = flowops("migrate")
    assert ran.code == 0
    assert "FLOWOPS_PROT is no setting" in ran.err


def test_a_misspelt_line_of_the_file_is_warned_about_too(flowops: Flowops, environment: Path) -> None:
    (environment / "flowops.toml").write_text("prot = 8080\nport = 9000\n")
    ran = flowops("migrate")
    assert ran.code == 0
    assert "prot in flowops.toml is no setting" in ran.err
    assert "port in" not in ran.err
