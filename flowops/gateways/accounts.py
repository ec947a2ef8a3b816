"""Asks the system of record who a customer is; it changes nothing there."""

from typing import Protocol

from flowops import errors
from flowops.domain.facts import Account
from flowops.gateways import http
from flowops.gateways.sandbox import SandboxStore


class Accounts(Protocol):
    """Whoever knows the customers."""

    def account(self, customer_id: str) -> Account | None:
        """The customer's account; None when there is none.

        Raises `errors.Unavailable` (trying again may help), `errors.BadAnswer` or `errors.Refused` (it will not).
        """
        ...


class SandboxAccounts:
    """Accounts kept in our own database."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    def account(self, customer_id: str) -> Account | None:
        return self._store.account(customer_id)


class HttpAccounts:
    """Accounts behind `GET {url}/accounts/{id}`; `timeout` in seconds."""

    def __init__(self, url: str, token: str | None = None, timeout: float = 5) -> None:
        self._api = http.Api("accounts", url, token, timeout)

    def account(self, customer_id: str) -> Account | None:
        found = self._api.get(Account, "accounts", customer_id)
        if found and found.id != customer_id:
            raise errors.BadAnswer(what="accounts", reason="it is about another account")
        return found
