"""Asks the system of record who a customer is, and has it suspend one; whether that is right was decided elsewhere."""

from typing import Annotated, Literal, Protocol

from pydantic import Field

from flowops import errors
from flowops.domain.facts import Account, Fact
from flowops.gateways import http, receipts
from flowops.gateways.receipts import Receipt
from flowops.gateways.sandbox import SandboxStore


class Accounts(Protocol):
    """Whoever knows the customers."""

    def account(self, customer_id: str) -> Account | None:
        """The customer's account; None when there is none.

        Raises `errors.Unavailable` (trying again may help), `errors.BadAnswer` or `errors.Refused` (it will not).
        """
        ...

    def suspend(self, customer_id: str, reason: str, key: str) -> Receipt:
        """Suspend the customer's account: once, however often it is asked for with the same `key`.

        Never raises BadAnswer. Unavailable has the facts `sent` (False: accounts did not receive it) and
        `retry_after` (seconds accounts asked us to wait, or None).
        """
        ...


class SandboxAccounts:
    """Accounts kept in our own database."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    def account(self, customer_id: str) -> Account | None:
        return self._store.account(customer_id)

    def suspend(self, customer_id: str, reason: str, key: str) -> Receipt:
        return Receipt(*self._store.suspend(customer_id, reason, key))


class _Suspension(Fact):
    id: Annotated[str, Field(min_length=1, max_length=200)]
    status: Literal["suspended"]


class HttpAccounts:
    """Accounts behind `{url}/accounts/{id}`; `timeout` in seconds."""

    def __init__(self, url: str, token: str | None = None, timeout: float = 5) -> None:
        self._api = http.Api("accounts", url, token, timeout)

    def account(self, customer_id: str) -> Account | None:
        found = self._api.get(Account, "accounts", customer_id)
        if found and found.id != customer_id:
            raise errors.BadAnswer(what="accounts", reason="it is about another account")
        return found

    def suspend(self, customer_id: str, reason: str, key: str) -> Receipt:
        path = "accounts", customer_id, "suspend"
        return receipts.issue(self._api.post(_Suspension, *path, body={"reason": reason}, key=key).id)
