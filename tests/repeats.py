"""Calls repeated under one Idempotency-Key, many at once, also of a server that dies before it answers."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from flowops.app import App
from flowops.domain import events
from flowops.domain.access import Role
from flowops.storage import tables
from tests import live, make
from tests.live import Api

AT_ONCE = 32


def asked(number: int) -> dict[str, Any]:
    """A request that is only recorded."""
    message = {"role": "customer", "text": f"This is question {number}."}
    return {"channel": "chat", "subject": "A question", "customer": {"id": f"cust_r{number}"}, "messages": [message]}


def told(answer: httpx.Response) -> tuple[int, bytes, str | None]:
    return answer.status_code, answer.content, answer.headers.get("ETag")


class Callers:
    """So many who repeat the same call at once, each on a connection of its own, and what became of it."""

    def __init__(self, app: App, number: int = AT_ONCE) -> None:
        self._app, self._token = app, make.token(app, Role.SERVICE, name="bot")
        self._pool = ThreadPoolExecutor(number)
        self._number = number

    def close(self) -> None:
        self._pool.shutdown()

    def call(self, clients: Iterable[httpx.Client], number: int) -> list[httpx.Response | httpx.TransportError]:
        """What each of them heard; an error where the server was gone."""

        def one(client: httpx.Client) -> httpx.Response | httpx.TransportError:
            try:
                return Api(client).post("/requests", self._token, key=f"key {number}", json=asked(number))
            except httpx.TransportError as gone:
                return gone

        return list(self._pool.map(one, clients))

    def faults(self, answers: list[httpx.Response | httpx.TransportError], number: int, first: int) -> list[str]:
        """What is wrong with these answers, of which so many may be the first one, and with what there is of it."""
        heard = [answer for answer in answers if isinstance(answer, httpx.Response)]
        found = [f"{len(answers) - len(heard)} calls were not answered"] if len(heard) < len(answers) else []
        if len({told(answer) for answer in heard}) != 1 or heard[0].status_code != 201:
            found.append(f"key {number} was answered in different ways: {[answer.status_code for answer in heard]}")
        firsts = sum("Idempotency-Replayed" not in answer.headers for answer in heard)
        if firsts != first:
            found.append(f"key {number} was answered {firsts} times as the first one")
        customer, request, entry = tables.Customer, tables.Request, tables.AuditEntry
        mine = select(customer.id).where(customer.external_id == f"cust_r{number}")
        with self._app.view() as view:
            made = view.session.scalar(select(func.count()).where(request.customer_id.in_(mine)))
            received = entry.event == events.RequestReceived.name, entry.customer_id.in_(mine)
            kept = view.session.scalar(select(func.count()).where(*received))
        if (made, kept) != (1, 1):
            found.append(f"key {number} made {made} requests and {kept} entries")
        return found

    def repeat(self, address: str, numbers: Iterable[int]) -> list[str]:
        """Everybody calls under each of the keys at once; what is wrong."""
        with self._clients(address) as clients:
            return [fault for number in numbers for fault in self.faults(self.call(clients, number), number, first=1)]

    def repeat_over_a_kill(self, folder: Path, killed_by: int) -> list[str]:
        """Repeat calls, until the server dies between its commit and its answer to the key `killed_by`.

        Everybody calls again when there is another server.
        """
        url = self._app.settings.database_url
        with live.process(url, folder, FLOWOPS_KILL_POINT=f"answer.committed:{killed_by + 1}") as api:
            address = str(api.client.base_url)
            found = self.repeat(address, range(killed_by))
            with self._clients(address) as clients:
                before = self.call(clients, killed_by)
        # Who read it between the commit and the kill was answered; all others are now, and alike.
        heard = [answer for answer in before if isinstance(answer, httpx.Response)]
        if len(heard) == len(before):
            found.append("everybody was answered in spite of the kill")
        with live.server(self._app) as address, self._clients(address) as clients:
            return found + self.faults([*heard, *self.call(clients, killed_by)], killed_by, first=0)

    @contextmanager
    def _clients(self, address: str) -> Iterator[list[httpx.Client]]:
        with ExitStack() as stack:
            yield [stack.enter_context(live.client(address)) for _ in range(self._number)]
