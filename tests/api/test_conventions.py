"""What every endpoint does alike: problems, headers, strict JSON and bounded bodies."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import select

from flowops import app as application
from flowops import settings as configuration
from flowops.app import App
from flowops.domain.access import Role
from flowops.storage import tables
from tests import live, make
from tests.api import planted
from tests.conftest import Clock
from tests.live import Api

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def bare(sqlite_template: Path) -> Iterator[Api]:
    """A server for what no database has a part in, with the tests' own routes."""
    app = application.build(configuration.load(database_url=f"sqlite:///{sqlite_template}", secret_key="k" * 32))
    with live.in_process(app, planted.router) as client:
        yield client
    app.close()


@pytest.fixture
def api(app: App) -> Iterator[Api]:
    """A server in this process that has the tests' own routes too."""
    with live.in_process(app, planted.router) as client:
        yield client


pytestmark = pytest.mark.in_process


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem an answer tells, once it has the form of one."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"] == f"/docs#{told['code']}"
    assert told["title"]
    assert told["detail"]
    return told


def echo(api: Api, body: str | bytes, content_type: str = "application/json") -> httpx.Response:
    return api.post("/planted/echo", content=body, headers={"Content-Type": content_type})


def test_an_unknown_address_and_method_are_problems(bare: Api) -> None:
    assert problem(bare.get("/nowhere"))["code"] == "not_found"
    answer = bare.post("/healthz")
    assert problem(answer)["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "GET"
    assert bare.get("/healthz/").status_code == 404


@pytest.mark.parametrize("path", ["/handoffs", "/effects", "/handoffs/H-1", "/healthz"])
def test_a_query_parameter_that_nobody_knows_is_refused_by_name(bare: Api, path: str) -> None:
    answer = bare.get(path, params={"stauts": "pending"})
    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid")
    assert "no query parameter 'stauts'" in answer.json()["detail"]


def test_every_answer_has_an_id_of_ours_and_headers_that_keep_it_to_itself(bare: Api) -> None:
    answers = [bare.get(path, headers={"X-Request-Id": "mine"}) for path in ("/healthz", "/nowhere", "/planted/crash")]
    assert len({answer.headers["X-Request-Id"] for answer in answers} - {"mine"}) == 3
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_an_error_nobody_expected_tells_nothing_but_its_id_which_the_log_has(bare: Api) -> None:
    with live.log() as logged:
        answer = bare.get("/planted/crash")
    told = problem(answer)
    assert (told["status"], told["code"]) == (500, "unexpected")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"] not in answer.text
    (line,) = [line for line in logged if line["event"] == "unexpected error"]
    assert line["log_level"] == "error"
    assert line["exc_info"]


def test_each_request_is_logged_once_with_its_outcome(bare: Api) -> None:
    with live.log() as logged:
        bare.get("/nowhere")
    assert [(line["event"], line["path"], line["status"], line["log_level"]) for line in logged] == [
        ("request", "/nowhere", 404, "info")
    ]


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "{",
        '{"text": }',
        "nonsense",
        "{'text': 1}",
        b'{"text": "\xff"}',
        b"\xef\xbb\xbf{}",
        "{} {}",
        '{"a":1,}',
    ],
)
def test_what_is_no_json_is_malformed(bare: Api, body: str | bytes) -> None:
    answer = echo(bare, body)
    if body:
        assert (problem(answer)["code"], answer.status_code) == ("malformed_json", 400)
    else:
        assert (problem(answer)["code"], answer.status_code) == ("invalid", 422)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_json_in_another_encoding_is_malformed(bare: Api, encoding: str) -> None:
    assert problem(echo(bare, json.dumps({"text": "a"}).encode(encoding)))["code"] == "malformed_json"


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "9007199254740992",
        "-9007199254740992",
        "1" * 5000,
        '"\\u0000"',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '{"a": 1, "a": 1}',
        '{"\\u0000": 1}',
        "[" * 64 + "]" * 64,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 5000 + "1" + "}" * 5000,
    ],
    ids=lambda value: value[:20],
)
def test_what_readers_of_json_understand_differently_is_invalid(bare: Api, value: str) -> None:
    answer = echo(bare, f'{{"data": {{"value": {value}}}}}')
    assert (problem(answer)["code"], answer.status_code) == ("invalid", 422)


@pytest.mark.parametrize(
    "value",
    ["9007199254740991", "-9007199254740991", "0.62", "1e300", '"\\ud83d\\ude00"', "[" * 60 + "]" * 60, "null", '"é"'],
)
def test_what_every_reader_understands_alike_is_kept(bare: Api, value: str) -> None:
    answer = echo(bare, f'{{"data": {{"value": {value}}}}}')
    assert answer.status_code == 200
    assert answer.json()["data"]["value"] == json.loads(value)


@pytest.mark.parametrize(
    "body",
    [
        {"unknown": 1},
        {"text": 1},
        {"text": ""},
        {"text": " \n"},
        {"text": "x" * 20_001},
        {"line": "x" * 201},
        {"line": "\n"},
        {"data": []},
        {"money": {"amount": 49.0, "currency": "EUR"}},
        {"money": {"amount": "49", "currency": "EUR"}},
        {"money": {"amount": True, "currency": "EUR"}},
        {"money": {"amount": 49, "currency": "XXX"}},
        [],
        "text",
        None,
        1,
    ],
    ids=str,
)
def test_what_does_not_fit_is_invalid_and_says_where(bare: Api, body: Any) -> None:
    told = problem(echo(bare, json.dumps(body)))
    assert (told["status"], told["code"]) == (422, "invalid")
    assert all(field.keys() == {"in", "field", "reason"} for field in told["fields"])
    assert told["fields"]


def test_only_the_first_twenty_wrong_fields_are_named(bare: Api) -> None:
    told = problem(echo(bare, json.dumps({f"field{number}": 1 for number in range(1000)})))
    assert len(told["fields"]) == 20
    assert "(and 999 more)" in told["detail"]


def test_line_breaks_in_a_title_become_spaces(bare: Api) -> None:
    assert echo(bare, json.dumps({"line": " Charged\r\ntwice\u2028today "})).json()["line"] == "Charged twice today"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense", ""]
)
def test_a_body_of_another_kind_is_refused(bare: Api, content_type: str) -> None:
    answer = echo(bare, "{}", content_type)
    assert (problem(answer)["code"], answer.status_code) == ("not_json", 415)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
)
def test_json_may_say_what_it_is_in_other_words(bare: Api, content_type: str) -> None:
    assert echo(bare, "{}", content_type).status_code == 200


def test_a_body_of_one_mebibyte_is_read_and_a_larger_one_is_not(bare: Api) -> None:
    largest = json.dumps({"data": {"value": ""}})
    largest = largest.replace('""', '"' + "x" * (2**20 - len(largest)) + '"')
    assert len(largest) == 2**20
    assert echo(bare, largest).status_code == 200
    assert (problem(echo(bare, largest + " "))["code"], echo(bare, largest + " ").status_code) == (
        "body_too_large",
        413,
    )


def test_a_body_of_unknown_length_is_cut_at_the_same_size(bare: Api) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * 2**16

    answer = bare.post("/planted/echo", content=chunks(), headers=JSON)
    assert (problem(answer)["code"], answer.status_code) == ("body_too_large", 413)


def test_half_a_request_is_not_taken_for_a_whole_one(api: Api, app: App) -> None:
    token = make.token(app)
    planted.opened.clear()
    address = urlsplit(str(api.client.base_url))
    with live.log() as logged:
        with socket.create_connection((address.hostname or "", address.port or 0)) as wire:
            head = f"POST /planted/services HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            wire.sendall(
                f'{head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"name": "bot"}}'.encode()
            )
        while not logged:
            time.sleep(0.01)
    assert [(line["path"], line["status"]) for line in logged] == [("/planted/services", 499)]
    assert planted.opened == []


@pytest.mark.parametrize("path", ["/nowhere%00", "/healthz?q=%00", "/healthz?%00=1"])
def test_a_nul_in_an_address_is_invalid(bare: Api, path: str) -> None:
    assert problem(bare.get(path))["code"] == "invalid"


def test_a_nul_in_a_form_is_invalid(bare: Api) -> None:
    for body in (b"text=%00", b"text=\0"):
        assert problem(echo(bare, body, "application/x-www-form-urlencoded"))["code"] == "invalid"


def test_a_client_is_known_by_the_address_its_proxy_names_when_we_trust_the_proxy(
    database_url: str, clock: Clock
) -> None:
    header = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7"}
    for trusted, seen in (([], "127.0.0.1"), (["127.0.0.0/8"], "203.0.113.7")):
        settings = configuration.load(database_url=database_url, secret_key="k" * 32, trusted_proxies=trusted)
        app = application.build(settings, clock)
        with live.in_process(app, planted.router) as api:
            assert api.get("/planted/address", headers=header).json() == seen
        app.close()


def test_the_id_of_an_answer_stands_in_the_entries_it_caused(api: Api, app: App) -> None:
    answer = api.post("/planted/services", make.token(app), json={"name": "bot"})
    with app.view() as view:
        wanted = select(tables.AuditEntry.event).where(
            tables.AuditEntry.correlation_id == answer.headers["X-Request-Id"]
        )
        assert list(view.session.scalars(wanted)) == ["user.added"]


@pytest.mark.parametrize(("header", "seen"), [(None, None), ('"7"', 7), ("*", None)])
def test_the_version_a_writer_has_seen_is_read(api: Api, app: App, header: str | None, seen: int | None) -> None:
    headers = {"If-Match": header} if header else {}
    assert api.post("/planted/version", make.token(app), headers=headers).json() == {"version": seen}


@pytest.mark.parametrize("header", ["7", 'W/"7"', '"seven"', '"7", "8"', '"' + "9" * 16 + '"'])
def test_a_version_we_never_gave_is_invalid(api: Api, app: App, header: str) -> None:
    answer = api.post("/planted/version", make.token(app), headers={"If-Match": header})
    assert problem(answer)["fields"][0]["field"] == "if-match"


def test_nothing_to_tell_is_told_without_a_body(api: Api, app: App) -> None:
    answer = api.post("/planted/nothing", make.token(app, Role.SUPERVISOR), key="k")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers
