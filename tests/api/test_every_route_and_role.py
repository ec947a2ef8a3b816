"""Every route for every role, on what is theirs, what is somebody else's, and as nobody: as the roles are described."""

from collections.abc import Iterator

import pytest

from flowops.app import App
from flowops.domain.access import Role
from tests import make
from tests.api.test_reference_examples import KEPT, NUMBERS, Call, World
from tests.live import Api
from tests.project import reference

STAFF = {Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN}
WORK = {Role.OPERATOR, Role.SUPERVISOR}
SUPERVISE = {Role.SUPERVISOR}
READ = STAFF | {Role.SERVICE}
SEND = WORK | {Role.SERVICE}
AUDIT = {Role.SUPERVISOR, Role.AUDITOR}
ADMIN = {Role.ADMIN}
EVERYBODY = None  # also without a token

# Who may call what, as the roles are described, and not as the routes declare it.
MAY: dict[str, set[Role] | None] = {
    "POST /requests": SEND,
    "GET /requests/{id}": READ,
    "POST /handoffs": SEND,
    "GET /handoffs": READ,
    "GET /handoffs/{id}": READ,
    "GET /handoffs/{id}/timeline": READ,
    "GET /handoffs/{id}/sla": READ,
    "POST /handoffs/next": WORK,
    "POST /handoffs/{id}/claim": WORK,
    "POST /handoffs/{id}/release": WORK,
    "POST /handoffs/{id}/assign": SUPERVISE,
    "POST /handoffs/{id}/wait": WORK,
    "POST /handoffs/{id}/resume": WORK,
    "POST /handoffs/{id}/priority": SUPERVISE,
    "POST /handoffs/{id}/escalate": WORK,
    "POST /handoffs/{id}/resolve": WORK,
    "POST /handoffs/{id}/reopen": WORK,
    "POST /handoffs/bulk": WORK,
    "POST /handoffs/{id}/messages": SEND,
    "POST /handoffs/{id}/notes": WORK,
    "GET /handoffs/{id}/draft": STAFF,
    "PUT /handoffs/{id}/draft": WORK,
    **{f"POST /handoffs/{{id}}/ai/{name}": WORK for name in ("summary", "draft", "risk", "resolution")},
    **{f"GET /handoffs/{{id}}/ai/{name}": READ for name in ("summary", "draft", "risk", "resolution")},
    "GET /handoffs/{id}/artifacts": READ,
    "GET /artifacts/{id}": READ,
    "GET /artifacts/{id}/context": READ,
    "POST /artifacts/{id}/review": WORK,
    "GET /schemas/{kind}.json": EVERYBODY,
    "POST /handoffs/{id}/effects": SEND,
    "POST /handoffs/{id}/replies": WORK,
    "GET /handoffs/{id}/effects": READ,
    "GET /effects": READ,
    "GET /effects/{id}": READ,
    "POST /effects/{id}/approve": WORK,
    "POST /effects/{id}/decline": WORK,
    "POST /effects/{id}/cancel": SEND,
    "GET /policies": STAFF,
    "POST /policies/evaluate": SUPERVISE,
    "GET /decisions": READ,
    "GET /decisions/{id}": READ,
    "GET /effects/pause": STAFF,
    "POST /effects/pause": SUPERVISE | ADMIN,
    "POST /effects/resume": SUPERVISE | ADMIN,
    "GET /outbox": SUPERVISE,
    "GET /outbox/{id}": SUPERVISE,
    "POST /outbox/{id}/retry": SUPERVISE,
    "POST /outbox/retry": SUPERVISE,
    "POST /outbox/{id}/discard": SUPERVISE,
    "GET /webhooks": ADMIN,
    "POST /webhooks": ADMIN,
    "GET /webhooks/{id}": ADMIN,
    "PATCH /webhooks/{id}": ADMIN,
    "DELETE /webhooks/{id}": ADMIN,
    "POST /webhooks/{id}/secrets": ADMIN,
    "DELETE /webhooks/{id}/secrets/{secret}": ADMIN,
    "POST /webhooks/{id}/ping": ADMIN,
    "GET /webhooks/{id}/deliveries": ADMIN,
    "POST /webhooks/{id}/deliveries/{delivery}/redeliver": ADMIN,
    "GET /audit": AUDIT,
    "GET /audit/export.{form}": AUDIT,
    "GET /metrics": STAFF,
    "GET /metrics/summary": STAFF,
    "GET /metrics/dashboard": EVERYBODY,  # leads to a page that asks who it is
    "GET /events": READ,
    "GET /healthz": EVERYBODY,
    "GET /readyz": EVERYBODY,
}
# Whoever manages jobs decides about all of them; what they do not see of another queue's is tested where jobs are.
# Webhooks are of no queue at all.
OF_NOBODYS_QUEUE = {"/outbox/{id}", "/outbox/{id}/retry", "/outbox/{id}/discard"} | {
    name.partition(" ")[2] for name in MAY if "/webhooks/" in name
}
# Besides supervisors only those who proposed or approved it, which is tested where effects are.
OF_THOSE_INVOLVED = {"POST /effects/{id}/cancel"}
STREAMS = {"GET /events"}  # never end, so a permitted call is made where streams are tested


def people(app: App) -> Iterator[tuple[Role, str]]:
    """A token of somebody of each role who sees only another queue; a service has sent nothing."""
    for role in Role:
        queues = () if role is Role.SERVICE else ("elsewhere",)
        yield role, make.token(app, role, f"other-{role}{next(NUMBERS)}", queues)


def test_every_route_of_the_reference_has_an_expectation() -> None:
    assert set(MAY) == {f"{endpoint.method} {endpoint.path}" for endpoint in reference.endpoints()}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.in_process
def test_every_route_lets_in_whom_it_should_and_nobody_else(api: Api, app: App) -> None:
    app.sandbox.seed(app.now())
    others = dict(people(app))
    kept: dict[str, str] = {}
    members = {role: make.token(app, role, f"member-{role}") for role in Role if role is not Role.SERVICE}
    for endpoint in reference.endpoints():
        name = f"{endpoint.method} {endpoint.path}"
        may = MAY[name]
        world = World(api, app, dict(kept))
        call = Call.read(world.fill(endpoint.example))
        mine = members | {Role.SERVICE: world["SERVICE"]}
        kept |= {made: world.made[made] for made in KEPT & world.made.keys()}

        def status(token: str | None, call: Call = call) -> tuple[int, str]:
            headers = {key: value for key, value in call.headers.items() if key != "Authorization"}
            answer = api.send(call.method, call.path, token, headers=headers, content=call.data)
            is_problem = answer.headers.get("Content-Type") == "application/problem+json"
            return answer.status_code, answer.json()["code"] if is_problem else ""

        if may is EVERYBODY:
            assert status(None)[0] in endpoint.status, name
            continue
        assert status(None) == (401, "not_authenticated"), name
        for role in set(Role) - may:
            for token in (mine[role], others[role]):
                assert status(token) == (403, "not_permitted"), f"{name} as {role}"
        if name in STREAMS:
            continue
        is_about_one = ("{id}" in endpoint.path or "handoffId" in call.path) and endpoint.path not in OF_NOBODYS_QUEUE
        for role in sorted(may):
            if is_about_one:
                assert status(others[role]) == (404, "not_found"), f"{name} as {role} of another queue"
        for role in sorted(may):
            number, code = status(mine[role])
            if name in OF_THOSE_INVOLVED and role is not Role.SUPERVISOR:
                assert number == 403, f"{name} as {role}: {number} {code}"
                continue
            assert number not in {401, 404}, f"{name} as {role}: {number} {code}"
            assert code != "not_permitted", f"{name} as {role}"
            assert number < 500, name
