"""A call repeated under its Idempotency-Key happens once and is answered the same."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from flowops import app as application
from flowops import errors
from flowops import settings as configuration
from flowops.actions import idempotency
from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.queries import operators
from flowops.storage import engine, tables
from tests import cases, live, make
from tests.api import planted
from tests.conftest import Clock
from tests.live import Api

pytestmark = pytest.mark.in_process

PATH = "/planted/services"


@pytest.fixture
def api(app: App) -> Iterator[Api]:
    """A server in this process that has the tests' own routes too."""
    planted.opened.clear()
    with live.in_process(app, planted.router) as client:
        yield client


@pytest.fixture
def token(app: App) -> str:
    return make.token(app)


def services(app: App) -> int:
    with app.view() as view:
        return sum(member.user.role is Role.SERVICE for member in operators.users(view))


def told(answer: httpx.Response) -> tuple[int, bytes, str | None]:
    return answer.status_code, answer.content, answer.headers.get("ETag")


def test_a_repeat_gets_the_same_bytes_and_does_nothing(api: Api, app: App, token: str) -> None:
    first, second = (api.post(PATH, token, key="k", json={"name": "bot"}) for _ in range(2))
    assert first.status_code == 201
    assert told(first) == told(second)
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Content-Type"] == first.headers["Content-Type"] == "application/json"
    assert planted.opened == ["bot"]
    assert services(app) == 1


def test_without_a_key_every_call_is_a_new_one(api: Api, app: App, token: str) -> None:
    assert [api.post(PATH, token, json={"name": name}).status_code for name in ("a", "b")] == [201, 201]
    assert services(app) == 2


@pytest.mark.parametrize("body", [b'{"name": "other"}', b'{"name":"bot"}'])
def test_a_key_used_for_another_body_is_refused(api: Api, app: App, token: str, body: bytes) -> None:
    api.post(PATH, token, key="k", content=b'{"name": "bot"}', headers={"Content-Type": "application/json"})
    answer = api.post(PATH, token, key="k", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert services(app) == 1


def test_a_key_used_at_another_address_is_refused(api: Api, token: str) -> None:
    assert api.post("/planted/nothing", token, key="k").status_code == 204
    repeated = api.post("/planted/nothing", token, key="k")
    assert (repeated.status_code, repeated.headers["Idempotency-Replayed"]) == (204, "true")
    assert api.post(PATH, token, key="k", json={"name": "bot"}).json()["code"] == "idempotency_mismatch"


def test_two_callers_may_use_the_same_key(api: Api, app: App, token: str) -> None:
    other = make.token(app, name="Grace")
    assert api.post(PATH, token, key="k", json={"name": "a"}).status_code == 201
    assert api.post(PATH, other, key="k", json={"name": "b"}).status_code == 201


def test_what_failed_is_not_kept_so_the_key_can_be_used_again(api: Api, app: App, token: str) -> None:
    for _ in range(2):
        assert api.post(PATH, token, key="k", json={"name": "bot", "fail": True}).status_code == 422
    assert planted.opened == ["bot", "bot"]
    assert api.post(PATH, token, key="k", json={"name": "bot"}).status_code == 201
    assert services(app) == 1


@pytest.mark.parametrize(("key", "status"), [("k" * 255, 201), ("k" * 256, 422), ("", 422)])
def test_a_key_has_1_to_255_characters(api: Api, token: str, key: str, status: int) -> None:
    assert api.post(PATH, token, key=key, json={"name": "bot"}).status_code == status


def test_a_secret_is_shown_once_and_kept_nowhere(api: Api, app: App, token: str) -> None:
    first, second = (api.post(PATH, token, key="k", json={"name": "bot", "secret": True}) for _ in range(2))
    assert first.status_code == 201
    assert (second.status_code, second.json()["code"]) == (409, "secret_already_shown")
    assert services(app) == 1
    with app.view() as view:
        assert view.session.scalars(select(tables.IdempotencyKey.body)).all() == [None]


def test_32_calls_at_once_have_one_effect_and_32_identical_answers(api: Api, app: App, token: str) -> None:
    barrier = threading.Barrier(32)

    def call(_: int) -> httpx.Response:
        with live.client(str(api.client.base_url)) as client:
            barrier.wait()
            return Api(client).post(PATH, token, key="k", json={"name": "bot"})

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(call, range(32)))
    assert len({told(answer) for answer in answers}) == 1
    assert answers[0].status_code == 201
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert planted.opened == ["bot"]
    assert services(app) == 1


def holding(app: App, token: str, end: threading.Event) -> threading.Thread:
    """A first call under the key that has answered and not committed yet; it ends with the event."""
    begun = threading.Event()

    def first() -> None:
        with app.view() as view:
            caller = operators.by_token(view, token)
        assert caller
        with app.unit(caller) as unit:
            row = idempotency.reserve(unit, "k", "another request")
            assert row
            row.status, row.body = 200, "{}"
            begun.set()
            end.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(10)
    return thread


def test_a_duplicate_waits_until_the_first_has_committed(api: Api, app: App, token: str) -> None:
    end = threading.Event()
    first = holding(app, token, end)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(lambda: api.post(PATH, token, key="k", json={"name": "bot"}))
        with pytest.raises(TimeoutError):
            second.result(timeout=0.5)
        end.set()
        assert second.result(timeout=10).json()["code"] == "idempotency_mismatch"
    first.join()
    assert planted.opened == []


def test_a_duplicate_waits_no_longer_than_a_writer_does(
    settings: configuration.Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WAIT", 1)
    app = application.build(settings, clock)
    token, end = make.token(app), threading.Event()
    first = holding(app, token, end)
    with live.in_process(app, planted.router) as api:
        answer = api.post(PATH, token, key="k", json={"name": "bot"})
        end.set()
        first.join()
    # SQLite has one writer, so nobody can tell which request it is that takes so long.
    expected = (503, "unavailable") if settings.is_sqlite else (409, "idempotency_in_progress")
    assert (answer.status_code, answer.json()["code"]) == expected
    assert services(app) == 0
    app.close()


def test_a_database_that_fails_meanwhile_is_an_outage_and_no_repeat(app: App) -> None:
    ada = cases.person(app, "Ada")
    with pytest.raises(errors.Unavailable), app.unit(ada) as unit:
        wire: Any = unit.session.connection().connection.driver_connection
        if app.settings.is_sqlite:
            wire.execute("PRAGMA max_page_count = 1")  # full
        else:
            with app.database.engine.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({wire.info.backend_pid})")
        idempotency.reserve(unit, "k" * 10_000 if app.settings.is_sqlite else "k", "0" * 64)


def test_keys_are_forgotten_after_two_days(api: Api, app: App, token: str, clock: Clock) -> None:
    def kept() -> int:
        with app.unit(SYSTEM) as unit:
            idempotency.purge(unit)
            return unit.session.scalar(select(func.count()).select_from(tables.IdempotencyKey)) or 0

    api.post(PATH, token, key="k", json={"name": "bot"})
    clock.forward(hours=48)
    assert kept() == 1
    clock.forward(seconds=1)
    assert kept() == 0
