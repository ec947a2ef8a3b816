"""Posts a signed event to an address that somebody else chose, and to no host but those it may reach."""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from ipaddress import ip_address

import httpx
from standardwebhooks import Webhook

from flowops import errors
from flowops.domain import addresses
from flowops.gateways import http, names

MOST_TRIED = 4  # addresses of one host

# The addresses of a host's name, as text; raises OSError.
Resolver = Callable[[str], Sequence[str]]


class Webhooks:
    """Other people's endpoints, which are not trusted with anything.

    The name of a host is looked up once and every answer judged; the connection goes to an address that was judged,
    under the name that was given. No proxy of the environment is used, no redirect is followed, and of the answer the
    status alone is read. `timeout` seconds bound the whole call, the look-up included. `allowed` are the networks that
    may be reached although they are not public.
    """

    def __init__(
        self,
        allowed: Sequence[addresses.Network] = (),
        timeout: float = 5,
        resolver: Resolver = names.look_up,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._timeout = timeout
        self._resolver = resolver
        self._trusted = trusted

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._trusted or ssl.create_default_context()  # takes long enough to wait until there is a webhook

    def deliver(self, url: str, event_id: str, body: bytes, at: datetime, secrets: Sequence[str]) -> int:
        """Post the body as Standard Webhooks sign it, once with each secret, and give the status: 2xx, or 410 (gone).

        Raises `errors.Unavailable` for whatever else was answered, or was not, or could not be asked: an endpoint that
        is wrong today is mended tomorrow. `retry_after` is how many seconds it asked us to wait, or None.
        """
        ends = time.monotonic() + self._timeout
        try:
            target = addresses.check(url, self._allowed)
            found = self._find(target)
            addresses.check_reached(target, found, self._allowed)
        except errors.ForbiddenTarget as forbidden:
            raise _unavailable(f"nothing was sent: {forbidden.facts['reason']}") from None
        signatures = [Webhook(secret).sign(event_id, at, body.decode()) for secret in secrets]
        headers = {
            "Content-Type": "application/cloudevents+json",
            "User-Agent": "FlowOps",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        # An event loop of its own gives the whole call one deadline: httpx's timeouts start anew with every byte.
        return asyncio.run(self._post(target, found[:MOST_TRIED], headers, body, ends - time.monotonic()))

    def _find(self, target: addresses.Target) -> list[addresses.Address]:
        """The addresses of a host, as long as the call may take to find them."""
        if target.literal is not None:
            return [target.literal]
        try:
            found = names.aside(lambda: self._resolver(target.host)).result(self._timeout)
        except TimeoutError:
            raise _unavailable(f"looking up its host took longer than {self._timeout:g} s") from None
        except (OSError, UnicodeError):
            raise _unavailable("its host was not found") from None
        if not found:
            raise _unavailable("its host was not found")
        return [ip_address(address) for address in found]

    async def _post(
        self,
        target: addresses.Target,
        found: Sequence[addresses.Address],
        headers: dict[str, str],
        body: bytes,
        seconds: float,
    ) -> int:
        refused = ""
        patience = httpx.Timeout(self._timeout, connect=self._timeout / len(found))  # one may swallow what it is sent
        try:
            async with (
                asyncio.timeout(max(seconds, 0)),
                httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=patience) as client,
            ):
                for address in found:
                    try:
                        return await self._ask(client, target, address, headers, body)
                    except (
                        httpx.ConnectError,
                        httpx.ConnectTimeout,
                    ):  # nothing was said yet, so the host's next address may be asked
                        refused = "no connection, or to nobody who can prove to be that host"
        except (TimeoutError, httpx.TimeoutException):
            raise _unavailable(f"it took longer than {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError):  # of TLS that breaks later httpx makes nothing
            raise _unavailable("the connection broke, or it did not speak HTTP") from None
        raise _unavailable(refused)

    async def _ask(
        self,
        client: httpx.AsyncClient,
        target: addresses.Target,
        address: addresses.Address,
        headers: dict[str, str],
        body: bytes,
    ) -> int:
        request = client.build_request("POST", target.url, content=body, headers=headers)
        request.url = request.url.copy_with(host=str(address))  # the Host header is made already, of the name
        request.extensions["sni_hostname"] = target.host  # whose certificate it must be
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            return _judge(response)
        finally:
            await response.aclose()  # what it has to say is not read


def _judge(response: httpx.Response) -> int:
    status = response.status_code
    if response.is_success or status == HTTPStatus.GONE:
        return status
    raise _unavailable(f"HTTP {status}", http.retry_after(response.headers))


def _unavailable(reason: str, wait: int | None = None) -> errors.Unavailable:
    return errors.Unavailable(what="The webhook", reason=reason, retry_after=wait)
