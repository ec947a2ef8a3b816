"""What a call over HTTP makes of servers that fail, lie, or never end."""

import json
import socket
import ssl
import time
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops import errors
from flowops.gateways import http
from flowops.gateways.accounts import HttpAccounts
from flowops.gateways.billing import HttpBilling
from tests import servers
from tests.gateways.conftest import SlowNames
from tests.servers import Fault, Provider

SECRET = "s3cret-token"
ADA = {"id": "cust_123", "email": "ada@example.com", "name": "Ada", "plan": "pro", "status": "active"}
DATE = "Sun, 22 Nov 2026 12:00:00 GMT"
MONEY = {"amount": 4900, "currency": "EUR"}


@pytest.fixture
def accounts(provider: Provider) -> HttpAccounts:
    return HttpAccounts(provider.url, SECRET, timeout=5)


@pytest.fixture
def billing(provider: Provider) -> HttpBilling:
    return HttpBilling(provider.url, SECRET, timeout=5)


BAD_ANSWERS = {
    "a page": servers.speaking_html,
    "JSON called a page": servers.mislabelling,
    "10 MB": servers.huge,
    "100 MB": servers.endless,
    "half of JSON": servers.saying('{"id": "cust_123"'),
    "nothing": servers.saying(""),
    "NaN": servers.saying('{"id": NaN}'),
    "a list": servers.saying("[]"),
    "too deep": servers.saying("[" * 100_000),
    "another account": servers.changing(id="cust_124"),
    "an unknown plan": servers.changing(plan="platinum"),
    "a number as id": servers.changing(id=123),
    "a name without end": servers.changing(name="x" * 201),
    "a time without zone": servers.changing(createdAt="2026-01-01T00:00:00"),
    "a time as a number": servers.changing(createdAt=1_700_000_000),
    "our own field names": servers.saying(json.dumps(ADA | {"created_at": "2026-01-01T00:00:00Z"})),
    "a NUL": servers.changing(name="Ada\0"),
    "a lone surrogate": servers.changing(name="Ada\ud800"),
    "a redirect": servers.answering(302, Location="http://127.0.0.1:1/"),
    "no content": servers.answering(304),
}


@pytest.mark.parametrize("fault", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_an_answer_that_is_not_what_was_agreed_is_a_bad_answer(
    accounts: HttpAccounts, provider: Provider, fault: Fault
) -> None:
    provider.fault = fault
    with pytest.raises(errors.BadAnswer):
        accounts.account("cust_123")


BAD_INVOICES = {
    "a float": servers.changing(total={"amount": 4900.0, "currency": "EUR"}),
    "text as money": servers.changing(total={"amount": "4900", "currency": "EUR"}),
    "NaN": servers.changing(total={"amount": float("nan"), "currency": "EUR"}),
    "an unknown currency": servers.changing(total={"amount": 4900, "currency": "XXX"}),
    "money with more": servers.changing(total=MONEY | {"<script>": 1}),
    "too large": servers.changing(total={"amount": 2**53, "currency": "EUR"}),
    "more left than there was": servers.changing(refundable={"amount": 4901, "currency": "EUR"}),
    "less than nothing left": servers.changing(refundable={"amount": -1, "currency": "EUR"}),
    "another currency left": servers.changing(refundable={"amount": 1, "currency": "USD"}),
    "another invoice": servers.changing(id="inv_122"),
    "an unknown status": servers.changing(status="free"),
}


@pytest.mark.parametrize("fault", BAD_INVOICES.values(), ids=BAD_INVOICES)
def test_an_invoice_that_makes_no_sense_is_a_bad_answer(billing: HttpBilling, provider: Provider, fault: Fault) -> None:
    provider.fault = fault
    with pytest.raises(errors.BadAnswer) as bad:
        billing.invoice("inv_123")
    assert "script" not in str(bad.value)


def test_invoices_of_another_customer_are_a_bad_answer(billing: HttpBilling, provider: Provider) -> None:
    provider.fault = servers.changing(
        items=[{"id": "inv_1", "customerId": "cust_124", "status": "open", "total": MONEY, "refundable": MONEY}]
    )
    with pytest.raises(errors.BadAnswer):
        billing.invoices("cust_123")


def test_fields_nobody_agreed_on_are_ignored(accounts: HttpAccounts, provider: Provider) -> None:
    provider.fault = servers.changing(shoeSize=38)
    assert accounts.account("cust_123")


UNAVAILABLE = {
    "500": servers.answering(500),
    "503": servers.answering(503),
    "429": servers.answering(429),
    "408": servers.answering(408),
    "hanging up": servers.hanging_up,
    "half an answer": servers.truncating,
    "garbage": servers.babbling,
    "100 MB of headers": servers.endless_headers,
}


@pytest.mark.parametrize("fault", UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_a_server_in_trouble_is_unavailable(accounts: HttpAccounts, provider: Provider, fault: Fault) -> None:
    provider.fault = fault
    with pytest.raises(errors.Unavailable):
        accounts.account("cust_123")


@pytest.mark.parametrize("fault", [servers.hanging, servers.dripping_headers, servers.dripping_body])
def test_the_timeout_bounds_the_whole_call(provider: Provider, fault: Fault) -> None:
    provider.fault = fault
    began = time.monotonic()
    with pytest.raises(errors.Unavailable, match=r"longer than 0\.3 s"):
        HttpAccounts(provider.url, timeout=0.3).account("cust_123")
    assert time.monotonic() - began < 3  # dripped to the end it would take minutes


def test_nobody_waits_for_a_slow_resolver_beyond_the_timeout(provider: Provider, slow_names: SlowNames) -> None:
    url = provider.url.replace("127.0.0.1", "accounts.example.com")
    with pytest.raises(errors.Unavailable, match=r"longer than 0\.3 s"):
        HttpAccounts(url, timeout=0.3).account("cust_123")
    assert slow_names.found == []  # and the call is over
    slow_names.free.set()
    assert HttpAccounts(url, timeout=60).account("cust_123")
    assert "accounts.example.com" in slow_names.found


def test_a_name_nobody_knows_is_unavailable_and_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: bytes, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for host in ("accounts.example.com", f"{'x' * 70}.example.com"):
        with pytest.raises(errors.Unavailable, match="no connection") as nowhere:
            HttpAccounts(f"http://{host}").account("cust_123")
        assert nowhere.value.facts["sent"] is False


def test_a_port_where_nobody_listens_is_unavailable_and_nothing_was_sent() -> None:
    with pytest.raises(errors.Unavailable) as refused:
        HttpAccounts(f"http://127.0.0.1:{servers.closed_port()}").account("cust_123")
    assert refused.value.facts["sent"] is False


def test_a_certificate_nobody_trusts_gets_no_request(tls: ssl.SSLContext) -> None:
    with servers.receiver(tls) as receiver:
        with pytest.raises(errors.Unavailable) as distrust:
            HttpBilling(receiver.url, SECRET).invoice("inv_123")
        assert distrust.value.facts["sent"] is False
        assert receiver.requests == []


def test_tls_that_breaks_after_the_handshake_is_unavailable_and_may_have_brought_the_request(broken_tls: str) -> None:
    with pytest.raises(errors.Unavailable, match="the connection broke") as trouble:
        HttpAccounts(broken_tls).account("cust_123")
    assert trouble.value.facts["sent"] is True


@pytest.mark.parametrize("status", [400, 401, 403, 410])
def test_another_no_is_refused_for_good(accounts: HttpAccounts, provider: Provider, status: int) -> None:
    provider.fault = servers.answering(status)
    with pytest.raises(errors.Refused, match=str(status)):
        accounts.account("cust_123")


def test_a_redirect_is_not_followed(accounts: HttpAccounts, provider: Provider) -> None:
    provider.fault = servers.answering(307, Location=f"{provider.url}/accounts/cust_124")
    with pytest.raises(errors.BadAnswer):
        accounts.account("cust_123")
    assert len(provider.requests) == 1


def test_the_token_is_sent_and_neither_it_nor_the_body_is_repeated_in_errors(
    accounts: HttpAccounts, provider: Provider
) -> None:
    for fault in [*BAD_ANSWERS.values(), *UNAVAILABLE.values(), servers.answering(403)]:
        provider.fault = fault
        with pytest.raises((errors.BadAnswer, errors.Unavailable, errors.Refused)) as told:
            accounts.account("cust_123")
        assert SECRET not in str(told.value) + repr(told.value.facts)
        assert "other side" not in str(told.value) + repr(told.value.facts)
    assert {seen.headers["authorization"] for seen in provider.requests} == {f"Bearer {SECRET}"}


def test_a_proxy_in_the_environment_is_not_used(
    accounts: HttpAccounts, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{servers.closed_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{servers.closed_port()}")
    assert accounts.account("cust_123")


@pytest.mark.parametrize("id", ["a/../b", "a?b=c", "a#b", "a%2fb", "a b", "ä", "a\\b", "a;b", "..a"])
def test_an_id_stays_one_segment_of_the_path(accounts: HttpAccounts, provider: Provider, id: str) -> None:
    assert accounts.account(id) is None
    [seen] = provider.requests
    assert seen.path.startswith("/accounts/")
    assert seen.path.count("/") == 2
    assert not set(seen.path) & set("?# ")


@pytest.mark.parametrize("id", ["", ".", "..", "a\r\nX: y", "a\0", "\ud800", "x" * 201])
def test_an_id_that_cannot_be_one_is_not_asked_for(accounts: HttpAccounts, provider: Provider, id: str) -> None:
    assert accounts.account(id) is None
    assert provider.requests == []


@pytest.mark.parametrize(
    "url", ["", "billing.example.com", "ftp://example.com", "http://", "http://[::1", "http://a:b"]
)
def test_an_address_no_call_can_be_made_to_stops_the_start(url: str) -> None:
    with pytest.raises(errors.WrongSetting, match="FLOWOPS_ACCOUNTS_URL"):
        HttpAccounts(url)


def test_a_token_with_a_line_break_stops_the_start() -> None:
    with pytest.raises(errors.WrongSetting, match="FLOWOPS_ACCOUNTS_TOKEN") as wrong:
        HttpAccounts("http://127.0.0.1", f"{SECRET}\n")
    assert SECRET not in str(wrong.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "999999999"}, 86_400),
        ({"Retry-After": "9" * 5000}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 12:01:00 GMT", "Date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 60),
        ({"Retry-After": "Sun, 22 Nov 2026 11:00:00 GMT", "Date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 0),
        ({"Retry-After": "Sun, 22 Nov 2026 12:01:00 GMT", "Date": "Sun, 22 Nov 2026 12:00:00 -0000"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 12:01:00 GMT"}, None),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:00 +99999999999999999999", "Date": DATE}, None),
        ({"Retry-After": DATE, "Date": "Thu, 01 Jan 2026 00:00:00 +99999999999999999999"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_or_ignored(headers: dict[str, str], seconds: int | None) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert http.retry_after(httpx.Headers(encoded)) == seconds


NUMBERS = st.one_of(st.integers().map(str), st.from_regex(r"[+-]?[0-9]{1,25}", fullmatch=True))
DATES = st.tuples(
    st.sampled_from(["Sun, ", "Thu,", "", "x "]),
    NUMBERS,
    st.sampled_from([" Nov ", "-Jan-", " feb ", " x "]),
    NUMBERS,
    st.sampled_from([" 12:00:00 ", " 24:61:61 ", " 12.00 ", " ", " 99999999999999999999:0:0 "]),
    st.one_of(NUMBERS, st.sampled_from(["GMT", "-0000", "+9999", "EST", ""])),
).map("".join)


@given(st.one_of(DATES, st.text(), NUMBERS), st.one_of(DATES, st.text(), st.just(DATE)))
def test_no_text_in_retry_after_or_date_is_more_than_ignored(retry_after: str, date: str) -> None:
    headers = httpx.Headers([(b"Retry-After", retry_after.encode()), (b"Date", date.encode())])
    seconds = http.retry_after(headers)
    assert seconds is None or 0 <= seconds <= 86_400


@pytest.fixture(autouse=True)
def _nothing_stays_open(provider: Provider) -> Iterator[None]:
    """Faults are switched off again, so that a stopping server need not wait for them."""
    yield
    provider.fault = None
