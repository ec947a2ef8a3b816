"""Somebody at a browser, as far as HTTP can tell: a cookie, the headers browsers send, and the token in their forms."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from flowops.actions import operators
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from tests import cases

SAME = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Visitor:
    """A browser; `get` and `post` do not follow redirects."""

    client: httpx.Client
    actor: Actor | None = None
    _tokens: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(f"/console{path}", **more)

    def post(self, path: str, *, headers: Mapping[str, str] = SAME, **form: str) -> httpx.Response:
        return self.send(path, form, headers)

    def send(self, path: str, form: Mapping[str, str | list[str]], headers: Mapping[str, str] = SAME) -> httpx.Response:
        """Send a form as a page of ours would, with the token of this session and a new key unless others are given."""
        token = {"csrf": self.csrf(), "key": secrets.token_hex(16)} if self.actor is not None else {}
        return self.client.post(f"/console{path}", data=token | dict(form), headers=headers)

    def resolve(self, ref: str, page: str = "", **form: str) -> httpx.Response:
        """Send the form that finishes a case, with what it carries on the page, which is the case's as it is now."""
        found = re.search(r'/resolve"(.*?)</form>', page or self.get(f"/case/{ref}").text, re.DOTALL)
        carried = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found[1])) if found else {}
        return self.send(f"/case/{ref}/resolve", carried | form)

    def csrf(self) -> str:
        """The token of the session, read from a page once."""
        session = self.client.cookies["flowops"]
        if session not in self._tokens:
            found = re.search(r'name="csrf" value="(\w+)"', self.get("/me").text)
            assert found
            self._tokens[session] = found[1]
        return self._tokens[session]


def signed_in(app: App, client: httpx.Client, name: str, role: Role, queues: tuple[str, ...]) -> Visitor:
    """A new person of this role, signed in by a link."""
    actor = cases.person(app, name, role, queues)
    assert actor.id
    with app.unit(SYSTEM) as unit:
        secret = operators.make_sign_in_link(unit, actor.id)
    answer = client.post(f"/console/link/{secret}", headers=SAME)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    return Visitor(client, actor)
