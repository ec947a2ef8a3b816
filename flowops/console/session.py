"""Who sits at the browser: the session's cookie, the permission a page declares, and the guard before every change."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Form, Request, Response

from flowops import app as application
from flowops import errors
from flowops.actions import access, operators
from flowops.domain import tokens
from flowops.domain.access import Actor, Permission
from flowops.queries import operators as people


def _app(request: Request) -> application.App:
    app: application.App = request.app.state.flowops
    return app


App = Annotated[application.App, Depends(_app)]


@dataclass(frozen=True)
class Visit:
    """One request of somebody signed in; `csrf` is what their forms must carry."""

    actor: Actor
    csrf: str


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
    """The same for a form: it must come from a page of ours and carry the token of this session."""

    def __call__(self, request: Request, app: App, csrf: Annotated[str, Form()] = "") -> Visit:
        """Who visits, once the form is theirs and they are permitted."""
        refuse_foreign(request, app)
        if not hmac.compare_digest(csrf.encode(), identify(request, app).csrf.encode()):
            raise errors.ForeignForm()
        return self.admit(request, app)


def requires(*permissions: Permission) -> Any:
    """Declare that a page needs one of these permissions: `visit: Annotated[Visit, requires(...)]`."""
    return Depends(Requires(permissions))


def changes(*permissions: Permission) -> Any:
    """Declare that a form changes something and needs one of these permissions; with none, whoever is signed in."""
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
    site = request.headers.get("sec-fetch-site")
    ours = site == "same-origin" if site is not None else request.headers.get("origin") == app.settings.origin
    if not ours:
        raise errors.ForeignForm()


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
    inside = path == "/console" or path.startswith("/console/")
    return path if inside and path.isprintable() and "\\" not in path and "//" not in path else "/console"


def sign_in_page(request: Request) -> str:
    """The address of the sign-in page that leads back to what was asked for."""
    if request.method != "GET":
        return "/console/login"
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/console/login?next={quote(asked)}"


def _actor(request: Request, app: application.App) -> Actor | None:
    with app.view() as view:
        return people.by_session(view, _secret(request, app))


def _secret(request: Request, app: application.App) -> str:
    return request.cookies.get(cookie(app), "")


def _is_https(app: application.App) -> bool:
    return app.settings.origin.startswith("https:")


def _token(app: application.App, secret: str) -> str:
    return hmac.new(app.secret_key, f"csrf:{tokens.fingerprint(secret)}".encode(), hashlib.sha256).hexdigest()
