"""What an endpoint is given: the app, the caller with the permission its route declares, and a way to write once."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from flowops import app as application
from flowops import errors, killpoints, tries
from flowops.actions import idempotency
from flowops.domain import tokens
from flowops.domain.access import Actor, Permission
from flowops.queries import idempotency as answers
from flowops.queries import operators

if TYPE_CHECKING:
    from flowops.storage.tables import IdempotencyKey
    from flowops.storage.unit import Unit


async def _app(request: Request) -> application.App:  # async, or it would be run in a thread of its own
    app: application.App = request.app.state.flowops
    return app


App = Annotated[application.App, Depends(_app)]
BEARER = HTTPBearer(auto_error=False, description="A token made with `flowops tokens create`.")


@dataclass(frozen=True)
class Requires:
    """A route's declaration of who may call it: whoever holds one of the permissions. It gives the caller."""

    permissions: tuple[Permission, ...]

    def __call__(
        self, request: Request, app: App, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
    ) -> Actor:
        """Who calls, once they are known and permitted."""
        caller = authenticate(app, request, shown)
        request.state.caller = caller  # for the record, should something be refused later on
        if not any(map(caller.may, self.permissions)):
            caller.require(self.permissions[0])
        return caller


def requires(*permissions: Permission) -> Any:
    """Declare that a route needs one of these permissions: `caller: Annotated[Actor, requires(...)]`."""
    return Depends(Requires(permissions))


async def anyone() -> None:
    """Declare that a route is for everybody: `dependencies=[PUBLIC]`."""


PUBLIC = Depends(anyone)


def authenticate(app: application.App, request: Request, shown: HTTPAuthorizationCredentials | None) -> Actor:
    """Whose token was shown. Raises NotAuthenticated, and TooManyTries after too many wrong ones from one address."""
    if shown is None:
        raise errors.NotAuthenticated(
            reason="This needs a token. Nothing was done; send `Authorization: Bearer fops_...`."
        )
    caller = None
    if tokens.is_wellformed(shown.credentials):
        with app.view() as view:
            caller = operators.by_token(view, shown.credentials)
    if caller is None:
        address = request.client.host if request.client else ""
        app.tries.check(tries.TOKENS, address)
        app.tries.failed(tries.TOKENS, address)
        raise errors.NotAuthenticated(reason="The token is none of ours, has expired or was revoked. Nothing was done.")
    return caller


@dataclass(frozen=True)
class Answer:
    """What a write answers: a body (none: 204), its status, and the version of the handoff it shows.

    A `secret` answer is shown once: it is not kept for a repeat under the same Idempotency-Key.
    """

    body: BaseModel | None
    status: int = 200
    version: int | None = None
    secret: bool = False


@dataclass(frozen=True)
class Write:
    """One call that changes something: who calls, the version they have seen, and the key they may repeat it under."""

    app: application.App
    caller: Actor
    version: int | None
    key: str | None
    request_sha256: str

    def refuse_version(self) -> None:
        """Raise Invalid when a version was sent with a call that is not about one case."""
        if self.version is not None:
            reason = "If-Match is the version of one case, and this names none. Nothing was done; send it without."
            raise errors.Invalid(reason=reason)

    def replay(self) -> Response | None:
        """The answer an earlier call under this key got, for those who do much before `answer`."""
        if self.key is None:
            return None
        with self.app.view(self.caller) as view:
            row = answers.answered(view, self.key, self.request_sha256)
        return _replayed(row) if row else None

    def answer(self, work: "Callable[[Unit], Answer]") -> Response:
        """Do the work in one unit, with the answer kept under the key in the same; a repeat gets that answer.

        The response exists only after the commit: what was not committed was not answered.
        """
        with self.app.unit(self.caller) as unit:
            reserved = idempotency.reserve(unit, self.key, self.request_sha256) if self.key else None
            if self.key and reserved is None and (row := answers.answered(unit.view, self.key, self.request_sha256)):
                return _replayed(row)
            answer = work(unit)
            text = answer.body.model_dump_json(by_alias=True) if answer.body else ""
            status = answer.status if answer.body else 204
            etag = None if answer.version is None else f'"{answer.version}"'
            if reserved:
                reserved.status, reserved.body, reserved.etag = status, None if answer.secret else text, etag
        killpoints.reach("answer.committed")
        return _response(status, text, etag)


def writes(*permissions: Permission) -> Any:
    """Declare that a route writes and needs one of these permissions: `write: Annotated[Write, writes(...)]`."""

    async def write(
        request: Request,
        app: App,
        caller: Annotated[Actor, requires(*permissions)],
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
        if_match: Annotated[str | None, Header(pattern=r'^(\*|"[0-9]{1,15}")$')] = None,
    ) -> Write:
        asked = f"?{request.url.query}" if request.url.query else ""
        content = f"{request.method} {request.url.path}{asked}\n".encode() + await request.body()
        return Write(
            app=app,
            caller=caller,
            version=int(if_match.strip('"')) if if_match and if_match != "*" else None,
            key=idempotency_key,
            request_sha256=hashlib.sha256(content).hexdigest(),
        )

    return Depends(write)


def _replayed(row: "IdempotencyKey") -> Response:
    assert row.status is not None, "only answered keys are committed"
    assert row.body is not None, "an answer with a secret is not replayed"
    response = _response(row.status, row.body, row.etag)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _response(status: int, text: str, etag: str | None) -> Response:
    headers = {"ETag": etag} if etag else {}
    return Response(text, status, headers, media_type="application/json" if text else None)
