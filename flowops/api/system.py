"""Whether it runs, what it counts, and what it offers: health, metrics and the documentation."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from flowops import errors, stream
from flowops.api import deps
from flowops.domain import times
from flowops.domain.access import SYSTEM, Actor, Permission
from flowops.queries import metrics as numbers
from flowops.queries import operators, outbox, sla, switch

LATE = timedelta(minutes=5)
MISSED = timedelta(minutes=1)  # deadlines are looked at twice a second

# The one number that is this process's own: the time it took to answer.
_OWN = CollectorRegistry()
REQUEST_SECONDS = Histogram(
    "flowops_http_request_seconds",
    "Time to answer a request.",
    ["method", "route", "status"],
    registry=_OWN,
)

_log = structlog.get_logger(__name__)
router = APIRouter(tags=["system"])


@dataclass(frozen=True)
class Scraper(deps.Requires):
    """Declares a route for those who hold the permission, and for the scraper that has the metrics token."""

    def __call__(
        self,
        request: Request,
        app: deps.App,
        shown: Annotated[HTTPAuthorizationCredentials | None, Depends(deps.BEARER)],
    ) -> Actor:
        """The caller; the scraper is part of the system."""
        token = app.settings.metrics_token
        if token and shown and secrets.compare_digest(token.get_secret_value().encode(), shown.credentials.encode()):
            return SYSTEM
        return super().__call__(request, app, shown)


CanScrape = Annotated[Actor, Depends(Scraper((Permission.METRICS_READ,)))]
CanRead = Annotated[Actor, deps.requires(Permission.METRICS_READ)]


@router.get("/", include_in_schema=False, dependencies=[deps.PUBLIC])
def root() -> RedirectResponse:
    """The way to the console."""
    return RedirectResponse("/console")


@router.get("/events", status_code=200, response_class=stream.EventStream)
def events(
    app: deps.App,
    reader: Annotated[Actor, deps.requires(Permission.CASES_READ, Permission.CASES_READ_OWN)],
    shown: Annotated[HTTPAuthorizationCredentials, Depends(deps.BEARER)],
    last_event_id: Annotated[str | None, Header(max_length=stream.LONGEST_ID)] = None,
) -> Response:
    """A stream of server-sent events: the ids of the cases that changed, until the token ends or the caller leaves."""
    return stream.response(app, reader, lambda view: operators.by_token(view, shown.credentials), last_event_id)


@router.get("/healthz", dependencies=[deps.PUBLIC])
def healthz() -> dict[str, str]:
    """Does the process run?"""
    return {"status": "ok"}


@router.get("/readyz", dependencies=[deps.PUBLIC])
def readyz(app: deps.App) -> Response:
    """Can it work? 503 only when the database or its migrations are not right; the rest are warnings."""
    try:
        app.check()
        with app.view() as view:
            silence = outbox.silence(view)
            waited = outbox.oldest_wait(view)
            missed = sla.unmarked(view)
            effects = switch.read(view)
    except (errors.Unavailable, errors.WrongSetting) as wrong:
        _log.warning("not ready", reason=str(wrong))
        return JSONResponse({"status": "unavailable", "reason": wrong.title}, 503, {"Retry-After": "5"})
    warnings = []
    patience = outbox.patience(app.settings.outbox_lease)
    if silence is None or silence > patience:
        warnings.append(
            f"No worker has shown that it lives for {patience.total_seconds():.0f} s; nothing is delivered."
        )
    if waited > LATE:
        warnings.append(f"The oldest job has been due for {waited.total_seconds():.0f} s.")
    if missed > MISSED:
        warnings.append(f"A deadline passed {missed.total_seconds():.0f} s ago and no worker has noticed.")
    if effects.is_paused:  # why and by whom is for those who are known
        warnings.append(f"Effects are paused since {times.rfc3339(effects.at)}; none starts until they are resumed.")
    return JSONResponse({"status": "ready", "warnings": warnings})


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(app: deps.App, _: CanScrape) -> Response:
    """Every number in the Prometheus text format."""
    with app.view() as view:
        counted = list(numbers.collect(view))
    return Response(generate_latest(_OWN) + generate_latest(_Counted(counted)), media_type=CONTENT_TYPE_LATEST)


@router.get("/metrics/dashboard", dependencies=[deps.PUBLIC], status_code=302, response_class=RedirectResponse)
def dashboard() -> str:
    """The way to the console's dashboard, where people sign in."""
    return "/console/dash"


@router.get("/metrics/summary")
def summary(app: deps.App, _: CanRead) -> dict[str, list[dict[str, Any]]]:
    """The same numbers as JSON, by their Prometheus names."""
    with app.view() as view:
        return numbers.summary([*_OWN.collect(), *numbers.collect(view)])


class _Counted(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
