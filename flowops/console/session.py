"""Who sits at the browser: the session's cookie, the permission a page declares, and the guard before every change."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from flowops import app as application
from flowops import boundary, errors
from flowops.actions import access, idempotency, operators
from flowops.domain import tokens
from flowops.domain.access import Actor, Permission
from flowops.queries import idempotency as answers
from flowops.queries import operators as people

if TYPE_CHECKING:
    from flowops.storage.unit import Unit, View

DONE = "flowops-done"  # the cookie with the key of the form that was done last
_KEY = re.compile(r"[0-9a-f]{32}")
Again = Callable[[errors.FlowOpsError, int], Response]
_REFUSALS = (errors.Conflict, errors.Denied, errors.Invalid, errors.NotFound, errors.Unavailable)


def _app(request: Request) -> application.App:
    app: application.App = request.app.state.flowops
    return app


App = Annotated[application.App, Depends(_app)]


@dataclass(frozen=True)
class Visit:
    """One request of somebody signed in; `csrf` is what their forms must carry."""

    actor: Actor
    csrf: str

    def form_key(self) -> str:
        """What one form on the page carries, so that sending it twice does it once."""
        return secrets.token_hex(16)


@dataclass(frozen=True)
class Change(Visit):
    """A form that somebody signed in has sent; sent again, by a second click or a reload, it does nothing more."""

    app: application.App
    request: Request
    key: str
    request_sha256: str

    def lead(
        self,
        work: "Callable[[Unit], object]",
        to: str | None,
        again: Again,
        then: Callable[[], Response] | None = None,
    ) -> Response:
        """Do the work in one unit and lead on to the address `to` (None: to the one it gives); a repeat is only led on.

        `then` makes a page to be shown instead. When it refuses, `again` makes the page that says so, and the next try
        is a first one. What was denied is recorded. A form filled in anew after it was done is refused as well
        (IdempotencyMismatch).
        """

        def address(unit: "Unit") -> str:
            given = work(unit)
            return to or str(given)

        return self._once(address, lambda given: then() if then else self._led(given), again)

    def reveal(self, work: "Callable[[Unit], str]", show: Callable[[str], Response], again: Again) -> Response:
        """The same, to `show` the secret that the work gives; a repeat is refused (SecretAlreadyShown)."""
        return self._once(work, show, again, is_secret=True)

    def _led(self, to: str) -> Response:
        response = RedirectResponse(to, 303)
        # For our script, which keeps what was typed until it knows that the form which held it was done.
        key = self.key.removeprefix("form:")
        response.set_cookie(DONE, key, path="/console", secure=_is_https(self.app), samesite="strict")
        return response

    def _once(
        self, work: "Callable[[Unit], str]", show: Callable[[str], Response], again: Again, *, is_secret: bool = False
    ) -> Response:
        try:
            with self.app.unit(self.actor) as unit:
                # While the same form is at work elsewhere, this waits for it.
                first = idempotency.reserve(unit, self.key, self.request_sha256)
                done = None if first else answers.answered(unit.view, self.key, self.request_sha256)
                given = done.body if done and done.body is not None else work(unit)
                if first:
                    first.status, first.body = 200, None if is_secret else given
        except _REFUSALS as error:
            if isinstance(error, errors.Denied):
                record(self.request, self.app, error)
            return again(error, boundary.status(error))
        return show(given)


async def _fingerprint(request: Request) -> str:
    content = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Requires:
    """A page's declaration of who may open it: whoever holds one of the permissions; with none, whoever is signed in.

    It gives the visit.
    """

    permissions: tuple[Permission, ...]

    def __call__(self, request: Request, app: App) -> Visit:
        """Who visits, once they are known and permitted."""
        return self.admit(request, app)

    def admit(self, request: Request, app: application.App) -> Visit:
        """The visit of somebody who holds the permission."""
        visit = identify(request, app)
        if self.permissions and not any(map(visit.actor.may, self.permissions)):
            raise errors.NotPermitted(permission=self.permissions[0], role=visit.actor.role)
        return visit


class Changes(Requires):
    """The same for a form: it must come from a page of ours and carry the token of this session and a key of its own.

    It gives the change.
    """

    def __call__(  # type: ignore[override]  # the framework calls it, and finds what it needs in the signature
        self,
        request: Request,
        app: App,
        request_sha256: Annotated[str, Depends(_fingerprint)],
        csrf: Annotated[str, Form()] = "",
        key: Annotated[str, Form()] = "",
    ) -> Change:
        """Who visits and what they want changed, once the form is theirs and they are permitted."""
        refuse_foreign(request, app)
        is_theirs = hmac.compare_digest(csrf.encode(), identify(request, app).csrf.encode())
        if not (is_theirs and _KEY.fullmatch(key)):
            raise errors.ForeignForm()
        visit = self.admit(request, app)
        return Change(visit.actor, visit.csrf, app, request, f"form:{key}", request_sha256)


def requires(*permissions: Permission) -> Any:
    """Declare that a page needs one of these permissions: `visit: Annotated[Visit, requires(...)]`."""
    return Depends(Requires(permissions))


def changes(*permissions: Permission) -> Any:
    """Declare that a form changes something and needs one of these permissions; with none, whoever is signed in:
    `change: Annotated[Change, changes(...)]`."""
    return Depends(Changes(permissions))


def anyone() -> None:
    """Declare that a page is for everybody: `dependencies=[PUBLIC]`."""


PUBLIC = Depends(anyone)


def identify(request: Request, app: application.App) -> Visit:
    """Whose session the cookie names; raises SignedOut when it names none that lives."""
    actor = _actor(request, app)
    if actor is None:
        raise errors.SignedOut()
    return Visit(actor, _token(app, _secret(request, app)))


def record(request: Request, app: application.App, error: errors.Denied) -> None:
    """Record that somebody signed in tried what they may not; of a stranger there is nobody to name."""
    if actor := _actor(request, app):
        with app.unit(actor) as unit:
            access.refuse(unit, error.facts.get("permission", error.code), request.method, request.url.path)


def refuse_foreign(request: Request, app: application.App) -> None:
    """Raise ForeignForm unless the browser says that a page of ours sent this.

    Sec-Fetch-Site cannot be forged by a page, and every current browser sends it. Where it is missing, Origin must
    name our own address. A request with neither is refused. (OWASP: Cross-Site Request Forgery Prevention.)
    """
    if not is_ours(request, app):
        raise errors.ForeignForm()


def is_ours(request: Request, app: application.App) -> bool:
    """Does the browser say that a page of ours sent this?"""
    site = request.headers.get("sec-fetch-site")
    return site == "same-origin" if site is not None else request.headers.get("origin") == app.settings.origin


def begin(response: Response, app: application.App, secret: str) -> None:
    """Hand the browser a session; it ends with the browser, or when the session does."""
    response.set_cookie(
        cookie(app),
        secret,
        int(operators.SESSION.total_seconds()),
        secure=_is_https(app),
        httponly=True,
        samesite="lax",
    )


def end(response: Response, app: application.App) -> None:
    """Take the session from the browser."""
    response.delete_cookie(cookie(app), secure=_is_https(app), httponly=True, samesite="lax")


def cookie(app: application.App) -> str:
    """The cookie's name; with the prefix a browser accepts it over https from this very host alone (RFC 6265bis)."""
    return "__Host-flowops" if _is_https(app) else "flowops"


def way_back(path: str) -> str:
    """Where to go after signing in: a page of the console, and nowhere else.

    >>> way_back("/console/case/H-12?x=1"), way_back("//evil.example/console"), way_back("/console/\\\\evil")
    ('/console/case/H-12?x=1', '/console', '/console')
    """
    inside = (path == "/console" or path.startswith("/console/")) and len(path) <= 4000
    return path if inside and path.isprintable() and "\\" not in path and "//" not in path else "/console"


def asked(request: Request) -> str:
    """The page that was asked for."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def sign_in_page(wanted: str) -> str:
    """The address of the sign-in page that leads on to a page."""
    return f"/console/login?next={quote(wanted)}"


def reader(request: Request, app: application.App) -> "Callable[[View], Actor | None]":
    """Tells whose session the cookie names, now and whenever it is asked again."""
    secret = _secret(request, app)
    return lambda view: people.by_session(view, secret)


def _actor(request: Request, app: application.App) -> Actor | None:
    with app.view() as view:
        return reader(request, app)(view)


def _secret(request: Request, app: application.App) -> str:
    return request.cookies.get(cookie(app), "")


def _is_https(app: application.App) -> bool:
    return app.settings.origin.startswith("https:")


def _token(app: application.App, secret: str) -> str:
    return hmac.new(app.secret_key, f"csrf:{tokens.fingerprint(secret)}".encode(), hashlib.sha256).hexdigest()
