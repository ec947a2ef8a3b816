"""The secret of a webhook is in the answer that made it and nowhere else: no answer, log, record or database file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from flowops import app as application
from flowops import settings as configuration
from flowops.domain import tokens
from flowops.domain.access import Role
from tests import cases, delivery, live, make, servers, world
from tests.conftest import Clock

TOPIC = "webhook.deliver"


@pytest.fixture
def app(settings: configuration.Settings, clock: Clock) -> Iterator[application.App]:
    built = application.build(settings.model_copy(update={"outbound_allow": ("127.0.0.0/8",)}), clock)
    yield built
    built.close()


def dump(app: application.App) -> str:
    """Every value of every table."""
    with app.database.reading() as connection:
        found = MetaData()
        found.reflect(connection)
        return "\n".join(str(row) for table in found.sorted_tables for row in connection.execute(select(table)))


def files(app: application.App) -> bytes:
    """What lies on the disk, if the database is a file."""
    path = app.settings.sqlite_path
    kept = path.parent.glob(f"{path.name}*") if app.settings.is_sqlite else iter(list[Path]())
    return b"".join(file.read_bytes() for file in kept if not file.name.endswith(".key"))


def test_it_is_in_nothing_that_is_read_kept_or_written_down(
    app: application.App, clock: Clock, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    people = {role: make.token(app, role, f"somebody-{role}") for role in Role}
    admin, secrets, said = people[Role.ADMIN], list[str](), list[Any]()
    with live.in_process(app) as api, live.log() as lines, servers.receiver() as receiver:
        for turn in range(2):
            made = api.post("/webhooks", admin, key=f"key-{turn}", json={"url": receiver.url}).json()
            secrets.append(made["secret"])
        path = f"/webhooks/{made['id']}"
        secrets.append(api.post(f"{path}/secrets", admin, json={"othersEndInSeconds": 60}).json()["secret"])
        assert len(set(secrets)) == 3
        api.post(f"{path}/ping", admin)
        cases.case(app, world.service(app))
        receiver.fault = servers.answering(500)
        delivery.work_off(app, TOPIC)
        receiver.fault = None
        clock.forward(days=1)
        delivery.work_off(app, TOPIC)
        said.append(api.post(f"{path}/secrets", admin, key="key-0", json={"unknown": secrets[0]}).headers)
        for token in people.values():
            for asked in (
                "/webhooks",
                path,
                f"{path}/deliveries",
                "/outbox?limit=200",
                "/audit?limit=200",
                "/audit/export.json",
                "/audit/export.csv",
                "/audit/export.ndjson",
                "/metrics",
                "/metrics/summary",
                "/readyz",
            ):
                said.append(api.get(asked, token).text)
        for job in api.get("/outbox?limit=200", people[Role.SUPERVISOR]).json()["items"]:
            said.append(api.get(f"/outbox/{job['id']}", people[Role.SUPERVISOR]).text)
        for turn in range(2):
            said.append(api.post("/webhooks", admin, key=f"key-{turn}", json={"url": receiver.url}).text)
        said += [seen.headers | {"body": seen.raw} for seen in receiver.requests]
        assert len(receiver.requests) > 2
    written = capsys.readouterr()
    places = {
        "answers and calls": str(said),
        "the log": str(lines) + caplog.text + written.out + written.err,
        "the tables": dump(app),
        "the files": files(app).decode("latin-1"),
        "an error that repeats one": tokens.mask(f"Got {' '.join(secrets)}"),
    }
    for secret in secrets:
        for form in (secret, secret.removeprefix("whsec_").rstrip("=")):
            for name, text in places.items():
                assert form not in text, name
