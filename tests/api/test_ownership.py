"""The verbs of a case over HTTP: what they answer, and the code of every conflict."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowops.app import App
from flowops.domain.access import Role
from flowops.queries import audit
from tests import cases, make
from tests.conftest import Clock
from tests.live import Api

DONE = {"outcome": "answered", "notes": ""}
WAIT = {"for": "customer"}
WHY = {"reason": "They threaten to sue."}
URGENT = {"priority": "urgent", "reason": "A big customer."}
LATER = {"role": "customer", "text": "Any news?"}
DRAFT = {"subject": "", "body": "", "version": 0}


@pytest.fixture
def ada(app: App) -> str:
    return make.token(app, Role.OPERATOR, "Ada")


@pytest.fixture
def bob(app: App) -> str:
    return make.token(app, Role.OPERATOR, "Bob")


@pytest.fixture
def boss_id(app: App) -> str:
    return make.user(app, Role.SUPERVISOR, "Sue")


@pytest.fixture
def boss(app: App, boss_id: str) -> str:
    return make.token_of(app, boss_id)


def opened(app: App, **given: Any) -> str:
    return f"/handoffs/{cases.case(app, cases.person(app, 'Opener'), **given).id}"


def verbs(user_id: str) -> dict[str, dict[str, Any] | None]:
    """Every verb with a body it takes, in an order in which a supervisor can go through them."""
    assign = {"userId": user_id, "reason": "You know them."}
    plain: dict[str, dict[str, Any] | None] = {"claim": None, "notes": {"text": "Called them."}, "messages": LATER}
    return plain | {
        "wait": WAIT,
        "resume": None,
        "priority": URGENT,
        "release": None,
        "escalate": WHY,
        "assign": assign,
        "resolve": DONE,
        "reopen": WHY,
    }


def test_every_verb_answers_with_the_case_and_can_be_repeated(
    api: Api, app: App, boss: str, boss_id: str, bob: str
) -> None:
    case = opened(app)
    for version, (verb, body) in enumerate(verbs(boss_id).items(), 2):
        stale = api.post(f"{case}/{verb}", boss, json=body, headers={"If-Match": f'"{version}"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version"), verb
        seen = {"If-Match": f'"{version - 1}"'}
        first, again = (api.post(f"{case}/{verb}", boss, json=body, headers=seen, key=verb) for _ in range(2))
        assert (first.status_code, first.headers["ETag"]) == (200, f'"{version}"'), verb
        assert first.json()["version"] == version
        assert (again.content, again.headers["Idempotency-Replayed"]) == (first.content, "true"), verb
        assert api.get(case, boss).json()["version"] == version
        if verb == "wait":
            assert (first.json()["waitingFor"], first.json()["slaDueAt"]) == ("customer", None)
        if verb == "escalate":
            assert (first.json()["tier"], first.json()["status"]) == ("supervisor", "pending")
    refused = api.post(f"{case}/claim", bob)
    told = refused.json()
    assert (refused.status_code, told["code"], told["permission"]) == (403, "not_permitted", "handoffs.supervise")
    with app.view() as view:
        [entry] = audit.search(view, event="access.refused").items
    assert entry.data["permission"] == "handoffs.supervise"


def test_the_conflicts_of_ownership_have_the_codes_of_the_contract(
    api: Api, app: App, ada: str, bob: str, boss: str, boss_id: str
) -> None:
    case = opened(app, kind="refund", params=cases.refund())

    def code(who: str, verb: str, body: dict[str, Any] | None = None) -> str:
        answer = api.post(f"{case}/{verb}", who, json=body)
        assert answer.status_code == 409, (verb, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        return str(answer.json()["code"])

    assign = {"userId": boss_id}
    assert code(ada, "release") == code(ada, "resolve", DONE) == code(boss, "release") == "not_claimed"
    assert code(ada, "reopen", WHY) == "not_resolved"
    assert code(boss, "assign", {"userId": make.user(app, Role.VIEWER, "Vic")}) == "cannot_own"
    assert api.post(f"{case}/claim", ada).status_code == 200
    assert code(bob, "claim") == code(boss, "claim") == "already_claimed"
    for verb, body in (("release", None), ("resolve", DONE), ("wait", WAIT), ("resume", None)):
        assert code(bob, verb, body) == "not_owner", verb
    for verb, body in (("wait", WAIT), ("resume", None)):
        assert code(boss, verb, body) == "not_owner", verb
    assert code(ada, "resume") == "not_waiting"
    assert code(ada, "resolve", DONE) == "open_effects"
    effect = api.get(f"{case}/effects", ada).json()["items"][0]["id"]
    api.post(f"/effects/{effect}/decline", ada, json={"reason": "No."})
    assert api.post(f"{case}/resolve", ada, json=DONE).status_code == 200
    for verb, body in (("claim", None), ("resolve", DONE), ("assign", assign), ("priority", URGENT), ("wait", WAIT)):
        assert code(boss, verb, body) == "already_resolved", verb
    assert code(boss, "escalate", WHY) == "already_resolved"


@pytest.mark.in_process
def test_a_late_owner_gets_the_same_answer_to_every_write_but_a_claim(
    api: Api, app: App, boss: str, boss_id: str, clock: Clock
) -> None:
    case = opened(app)
    ended = api.post(f"{case}/claim", boss).json()["claimExpiresAt"]
    clock.forward(minutes=15)
    before = api.get(case, boss).json()
    for verb, body in verbs(boss_id).items():
        if verb == "claim":
            continue
        answer = api.post(f"{case}/{verb}", boss, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "claim_expired"), verb
        assert answer.json()["claimExpiresAt"] == ended
    assert api.send("PUT", f"{case}/draft", boss, json=DRAFT).json()["code"] == "claim_expired"
    assert api.get(case, boss).json() == before
    assert api.post(f"{case}/claim", boss).status_code == 200


def test_the_next_case_is_claimed_until_there_is_none(api: Api, app: App, ada: str) -> None:
    low, urgent = opened(app, priority="low"), opened(app, priority="urgent")
    answers = [api.post("/handoffs/next", ada, key=key) for key in ("a", "b", "b", "c")]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 204]
    assert [f"/handoffs/{answer.json()['id']}" for answer in answers[:3]] == [urgent, low, low]
    assert answers[0].headers["ETag"] == '"2"'
    assert (answers[3].content, "ETag" in answers[3].headers) == (b"", False)
    assert api.post("/handoffs/next?queue=legal", ada).status_code == 204
    other = api.post("/handoffs/next?queue=legal", ada, key="a")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert api.post("/handoffs/next", ada, headers={"If-Match": '"1"'}).status_code == 422
    assert api.post("/handoffs/next", ada, headers={"If-Match": "*"}).status_code == 204


def test_an_assignment_lasts_eight_hours_and_a_pause_has_no_end(
    api: Api, app: App, ada: str, boss: str, boss_id: str
) -> None:
    case = opened(app)
    given = api.post(f"{case}/assign", boss, json={"userId": boss_id}).json()
    lasts = datetime.fromisoformat(given["claimExpiresAt"]) - datetime.fromisoformat(given["claimedAt"])
    assert (given["claimedBy"]["id"], lasts) == (boss_id, timedelta(hours=8))
    until = f"{datetime.now(UTC) + timedelta(days=900):%Y-%m-%dT%H:%M:%SZ}"
    waiting = api.post(f"{case}/wait", boss, json={"for": "third_party", "until": until}).json()
    assert (waiting["waitingFor"], waiting["claimExpiresAt"], waiting["slaDueAt"]) == ("third_party", None, None)
    assert waiting["status"] == "claimed"
    resumed = api.post(f"{case}/resume", boss).json()
    assert resumed["waitingFor"] is None
    assert None not in (resumed["claimExpiresAt"], resumed["slaDueAt"])
    assert api.post(f"{case}/assign", boss, json={"userId": "usr_0"}).status_code == 404
    assert api.post(f"{case}/wait", boss, json={"for": "customer", "until": "2001-01-01T00:00:00Z"}).status_code == 422


WRONG_BODIES: list[tuple[str, dict[str, Any]]] = [
    ("assign", {}),
    ("assign", {"userId": ""}),
    ("assign", {"userId": 5}),
    ("assign", {"userId": "usr_1", "reason": ""}),
    ("wait", {}),
    ("wait", {"for": "nobody"}),
    ("wait", {"for": "customer", "until": "tomorrow"}),
    ("wait", {"waitingFor": "customer"}),
    ("priority", {"priority": "urgent"}),
    ("priority", {"priority": "highest", "reason": "a"}),
    ("escalate", {}),
    ("escalate", {"reason": " "}),
    ("escalate", {"reason": "a" * 20_001}),
    ("reopen", {}),
]


def test_a_verb_with_a_wrong_body_is_refused_and_changes_nothing(api: Api, app: App, boss: str) -> None:
    case = opened(app)
    for verb, body in WRONG_BODIES:
        answer = api.post(f"{case}/{verb}", boss, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), (verb, body)
    assert api.get(case, boss).json()["version"] == 1


def test_each_verb_needs_its_permission(api: Api, app: App, ada: str, boss_id: str) -> None:
    case = opened(app)
    viewer, bot = make.token(app, Role.VIEWER, "Vic"), make.token(app, Role.SERVICE, "bot")
    for verb, body in verbs(boss_id).items():
        for who in (viewer, bot) if verb != "messages" else (viewer,):
            assert api.post(f"{case}/{verb}", who, json=body).status_code == 403, verb
    assert api.post(f"{case}/messages", bot, json=LATER).status_code == 404, "not a case of theirs"
    assert api.post("/handoffs/next", viewer).status_code == 403
    for verb in ("assign", "priority"):
        answer = api.post(f"{case}/{verb}", ada, json=verbs(boss_id)[verb])
        assert (answer.status_code, answer.json()["permission"]) == (403, "handoffs.supervise")
    assert api.get(case, ada).json()["version"] == 1
