"""One HTTP API that is asked for JSON: what is sent, how long it may take, and what each kind of answer means.

It follows no redirect, uses no proxy of the environment, and repeats neither bodies nor tokens in its errors.
"""

import asyncio
import re
import ssl
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from flowops import errors
from flowops.gateways import names

LARGEST = 1 << 20  # bytes of an answer we are ready to read
LONGEST_ID = 200
LONGEST_WAIT = 86_400  # seconds; a provider that asks for more is asked again after a day

Model = TypeVar("Model", bound=BaseModel)


class Api:
    """An API below `url`, called `name` in errors; `token` is its bearer token, if it wants one.

    `timeout` seconds bound a whole call, from looking up the host's name to the last byte. An answer means:

    - 2xx with JSON of the agreed shape: the value; any other 2xx, and a redirect: `errors.BadAnswer`
    - 408, 429, 5xx, no connection, no answer in time: `errors.Unavailable`, with the facts `sent` (the other side may
      have received it) and `retry_after` (seconds it asked us to wait, or None)
    - any other 4xx: `errors.Refused`, with the fact `status`

    Raises `errors.WrongSetting` for an address or a token that no request could be made with.
    """

    def __init__(self, name: str, url: str, token: str | None, timeout: float) -> None:
        if not is_web_address(url):
            reason = f"FLOWOPS_{name.upper()}_URL is wrong: it must begin with http:// or https:// and name a host."
            raise errors.WrongSetting(reason=reason)
        if token and not (token.isascii() and token.isprintable()):
            reason = f"FLOWOPS_{name.upper()}_TOKEN is wrong: it holds a line break or a character that is not ASCII."
            raise errors.WrongSetting(reason=reason)
        self._name = name
        self._url = url.rstrip("/")
        self._timeout = timeout
        # The answer is capped by what arrives, so it may not be something that grows when unpacked.
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = ssl.create_default_context()

    def get(self, model: type[Model], *path: str) -> Model | None:
        """What lies at `path`; None when the API says there is no such thing, or when no id can look like this."""
        if not all(map(is_segment, path)):
            return None
        try:
            return self._call(model, "GET", path)
        except errors.Refused as refused:
            if refused.facts["status"] == HTTPStatus.NOT_FOUND:
                return None
            raise

    def post(self, model: type[Model], *path: str, body: dict[str, Any], key: str) -> Model:
        """Have something done once, however often this is called with the same `key`.

        Never raises BadAnswer: of an answer nobody can read it may have been done all the same. Given up as wrong,
        that would stay unknown; the same key asks what became of it.
        """
        try:
            return self._call(model, "POST", path, body, {"Idempotency-Key": key})
        except errors.BadAnswer as unreadable:
            raise self._unavailable(unreadable.facts["reason"]) from unreadable

    def _call(
        self,
        model: type[Model],
        method: str,
        path: tuple[str, ...],
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Model:
        url = "/".join([self._url, *(quote(part, safe="") for part in path)])
        # The whole call has one deadline: httpx's timeouts start anew with every byte.
        answer = names.run(self._exchange(method, url, body, self._headers | (headers or {})))
        if rb"\u0000" in answer:
            raise errors.BadAnswer(what=self._name, reason="it contains NUL, which no database keeps as text")
        try:
            return model.model_validate_json(answer, strict=True, by_alias=True, by_name=False)
        except ValidationError as wrong:
            first = wrong.errors(include_url=False, include_input=False)[0]
            where = first["loc"][0] if first["loc"] else "the body"
            raise errors.BadAnswer(what=self._name, reason=f"{where} is wrong ({first['type']})") from None

    async def _exchange(self, method: str, url: str, body: dict[str, Any] | None, headers: dict[str, str]) -> bytes:
        try:
            async with (
                asyncio.timeout(self._timeout),
                httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=self._timeout) as client,
                client.stream(method, url, json=body, headers=headers, follow_redirects=False) as response,
            ):
                self._judge(response)
                answer = bytearray()
                async for chunk in response.aiter_raw():
                    answer += chunk
                    if len(answer) > LARGEST:
                        raise errors.BadAnswer(what=self._name, reason="it is larger than 1 MiB")
                return bytes(answer)
        except httpx.ConnectError:
            raise self._unavailable("no connection", sent=False) from None
        except (TimeoutError, httpx.TimeoutException):
            raise self._unavailable(f"it took longer than {self._timeout:g} s") from None
        except (httpx.TransportError, ssl.SSLError):  # of TLS that breaks after the handshake httpx makes nothing
            raise self._unavailable("the connection broke") from None

    def _judge(self, response: httpx.Response) -> None:
        status, reason = response.status_code, f"status {response.status_code}"
        if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or status >= 500:
            was_sent = status != HTTPStatus.TOO_MANY_REQUESTS
            raise self._unavailable(reason, was_sent, retry_after(response.headers))
        if status >= 400:
            raise errors.Refused(what=self._name, reason=reason, status=status)
        if not response.is_success:
            raise errors.BadAnswer(what=self._name, reason=reason)
        if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise errors.BadAnswer(what=self._name, reason="it is not JSON")

    def _unavailable(self, reason: str, sent: bool = True, wait: int | None = None) -> errors.Unavailable:
        return errors.Unavailable(what=self._name, reason=reason, sent=sent, retry_after=wait)


def is_web_address(url: str) -> bool:
    """Can this be the address of an API?

    >>> is_web_address("https://billing.example.com/v1"), is_web_address("billing.example.com")
    (True, False)
    """
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return address.scheme in {"http", "https"} and bool(address.host)


def is_segment(id: str) -> bool:
    """Can this id be one segment of a URL's path, and stay one on its way through proxies?

    >>> is_segment("inv_1"), is_segment("a/b?c"), is_segment(""), is_segment(".."), is_segment("a\\r\\nb")
    (True, True, False, False, False)
    """
    return 0 < len(id) <= LONGEST_ID and id.isprintable() and id not in {".", ".."}


def retry_after(headers: httpx.Headers) -> int | None:
    """The seconds a `Retry-After` asks for, at most a day; None without one that can be read (RFC 9110, 10.2.3).

    A date is held against the same answer's `Date`, so that no two clocks need to agree.

    >>> retry_after(httpx.Headers({"Retry-After": "30"}))
    30
    >>> retry_after(httpx.Headers({"Retry-After": "soon"})) is None
    True
    """
    asked = headers.get("Retry-After", "")
    try:
        if re.fullmatch("[0-9]{1,9}", asked):
            seconds = int(asked)
        else:
            seconds = int((parsedate_to_datetime(asked) - parsedate_to_datetime(headers["Date"])).total_seconds())
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0), LONGEST_WAIT)
