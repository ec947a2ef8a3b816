"""Endpoints over HTTP: registered, changed, tested and given up by admins; a secret is shown once and never again."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from flowops.actions import leases, outbox
from flowops.app import App
from flowops.domain import events, jobs
from flowops.domain.access import SYSTEM, Role
from flowops.queries import audit
from tests import make
from tests.live import Api

URL = "https://hooks.example.com/flowops"


@pytest.fixture
def admin(app: App) -> str:
    return make.token(app, Role.ADMIN, "Ann")


def added(api: Api, admin: str, **more: Any) -> dict[str, Any]:
    answer = api.post("/webhooks", admin, json={"url": URL} | more)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def recorded(app: App) -> list[tuple[str, dict[str, Any]]]:
    """What the log says of webhooks, oldest first."""
    with app.view() as view:
        entries = audit.search(view).items
    return [(entry.row.event, entry.data) for entry in entries[::-1] if entry.row.event.startswith("webhook.")]


def end(app: App, how: str) -> None:
    """The one delivery that waits ends this way."""
    with app.unit(SYSTEM) as unit:
        [job] = leases.claim(unit, "worker", jobs.DeliverWebhook.topic, 1, app.settings.outbox_lease)
        if how == "done":
            outbox.finish(unit, job, "HTTP 204")
        else:
            outbox.bury(unit, job, "Unavailable: The webhook did not answer: HTTP 500")


def test_an_endpoint_is_registered_read_and_listed_with_its_secret_shown_once(api: Api, app: App, admin: str) -> None:
    made = added(api, admin, description="Our CRM", types=["sla.breached", "handoff.created", "sla.breached"])
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64
    assert (made["url"], made["description"]) == (URL, "Our CRM")
    assert made["types"] == ["handoff.created", "sla.breached"]
    [shown] = made["secrets"]
    assert shown["hint"] == secret.rstrip("=")[-4:]
    assert set(shown) == {"id", "hint", "createdAt", "expiresAt"}
    assert api.get(f"/webhooks/{made['id']}", admin).json() == made
    others = [added(api, admin)["id"] for _ in range(2)]
    page = api.get("/webhooks?limit=2", admin).json()
    rest = api.get(f"/webhooks?limit=2&cursor={page['nextCursor']}", admin).json()
    assert [one["id"] for one in page["items"] + rest["items"]] == [*others[::-1], made["id"]]
    assert rest["nextCursor"] is None
    assert secret not in str([page, rest])
    assert recorded(app)[0] == (
        "webhook.added",
        {"webhook_id": made["id"], "host": "hooks.example.com", "types": ["handoff.created", "sla.breached"]},
    )


def test_a_repeat_under_the_same_key_registers_nothing_and_shows_no_secret(api: Api, app: App, admin: str) -> None:
    first = api.post("/webhooks", admin, key="one", json={"url": URL})
    again = api.post("/webhooks", admin, key="one", json={"url": URL})
    assert (first.status_code, code(again)) == (201, (409, "secret_already_shown"))
    webhook_id = first.json()["id"]
    first = api.post(f"/webhooks/{webhook_id}/secrets", admin, key="two", json={})
    again = api.post(f"/webhooks/{webhook_id}/secrets", admin, key="two", json={})
    assert (first.status_code, code(again)) == (201, (409, "secret_already_shown"))
    [one] = api.get("/webhooks", admin).json()["items"]
    assert len(one["secrets"]) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x7f.1/",
        "https://user:hunter2@hooks.example.com/",
        "https://hooks.example.com:22/",
        "ftp://hooks.example.com/",
        "https://hooks.example.com/#part",
        "hooks.example.com",
    ],
)
def test_an_address_that_nothing_would_be_sent_to_is_refused(api: Api, admin: str, url: str) -> None:
    assert code(api.post("/webhooks", admin, json={"url": url})) == (422, "forbidden_target")
    webhook_id = added(api, admin)["id"]
    assert code(api.send("PATCH", f"/webhooks/{webhook_id}", admin, json={"url": url})) == (422, "forbidden_target")
    assert api.get(f"/webhooks/{webhook_id}", admin).json()["url"] == URL
    assert "hunter2" not in api.post("/webhooks", admin, json={"url": url}).text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": ""},
        {"url": None},
        {"url": URL, "types": ["handoff.note_added"]},
        {"url": URL, "types": "sla.warned"},
        {"url": URL, "secret": "whsec_mine"},
        {"url": "https://example.com/" + "x" * 2000},
        {"url": URL, "description": "x" * 201},
    ],
)
def test_what_cannot_be_understood_registers_nothing(api: Api, admin: str, body: dict[str, Any]) -> None:
    assert code(api.post("/webhooks", admin, json=body)) == (422, "invalid")
    assert api.get("/webhooks", admin).json()["items"] == []


def test_what_is_sent_is_changed_and_the_rest_stays(api: Api, app: App, admin: str) -> None:
    made = added(api, admin, description="Our CRM", types=["sla.warned"])
    path = f"/webhooks/{made['id']}"

    def change(**fields: Any) -> dict[str, Any]:
        answer = api.send("PATCH", path, admin, json=fields)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    assert change(types=[])["types"] == []
    assert change(description="", url="https://other.example.com/")["url"] == "https://other.example.com/"
    off = change(enabled=False)
    assert (off["disabledBecause"], off["description"]) == ("admin", "")
    assert off["disabledAt"] is not None
    assert change(enabled=False) == off
    assert change(enabled=True)["disabledAt"] is None
    assert change() == change(url=None, enabled=True)
    assert [name for name, _ in recorded(app)][2:] == [
        "webhook.changed",
        "webhook.changed",
        "webhook.disabled",
        "webhook.enabled",
    ]
    assert recorded(app)[3][1]["changed"] == ["url", "description"]


def test_secrets_are_added_and_revoked_but_never_the_last(api: Api, app: App, admin: str) -> None:
    made = added(api, admin)
    path = f"/webhooks/{made['id']}/secrets"
    [first] = made["secrets"]
    assert code(api.send("DELETE", f"{path}/{first['id']}", admin)) == (409, "last_secret")
    second = api.post(path, admin, json={"othersEndInSeconds": 3600}).json()
    kept = api.get(f"/webhooks/{made['id']}", admin).json()["secrets"]
    assert [secret["id"] for secret in kept] == [first["id"], second["id"]]
    assert [secret["expiresAt"] is None for secret in kept] == [False, True]
    assert code(api.send("DELETE", f"{path}/{second['id']}", admin)) == (409, "last_secret"), "the first one ends"
    for _ in range(3):
        assert api.post(path, admin, json={}).status_code == 201
    assert code(api.post(path, admin, json={})) == (409, "too_many_secrets")
    assert api.send("DELETE", f"{path}/{first['id']}", admin).status_code == 204
    assert code(api.send("DELETE", f"{path}/{first['id']}", admin)) == (404, "not_found")
    assert api.post(path, admin, json={"othersEndInSeconds": 0}).status_code == 201
    assert len(api.get(f"/webhooks/{made['id']}", admin).json()["secrets"]) == 1
    for seconds in (-1, 2_592_001, 1.5, "1"):
        assert code(api.post(path, admin, json={"othersEndInSeconds": seconds})) == (422, "invalid")
    assert ("webhook.secret_revoked", {"webhook_id": made["id"], "secret_id": first["id"]}) in recorded(app)


def test_a_test_event_goes_the_way_of_all_others(api: Api, app: App, admin: str) -> None:
    webhook_id = added(api, admin, types=["sla.warned"])["id"]
    answer = api.post(f"/webhooks/{webhook_id}/ping", admin)
    assert answer.status_code == 202
    sent = answer.json()
    assert (sent["type"], sent["subject"], sent["status"], sent["sequence"]) == (
        "flowops.ping",
        webhook_id,
        "pending",
        None,
    )
    log = api.get(f"/webhooks/{webhook_id}/deliveries", admin).json()["items"]  # by now it may have been tried
    assert [(one["jobId"], one["eventId"]) for one in log] == [(sent["jobId"], sent["eventId"])]
    api.send("PATCH", f"/webhooks/{webhook_id}", admin, json={"enabled": False})
    assert code(api.post(f"/webhooks/{webhook_id}/ping", admin)) == (409, "webhook_is_disabled")


@pytest.mark.in_process
def test_a_delivery_that_is_over_is_made_again_under_the_same_id(api: Api, app: App, admin: str) -> None:
    webhook_id, other = added(api, admin)["id"], added(api, admin)["id"]
    sent = api.post(f"/webhooks/{webhook_id}/ping", admin).json()
    path = f"/webhooks/{webhook_id}/deliveries/{sent['jobId']}/redeliver"
    assert code(api.post(path, admin)) == (409, "still_underway")
    end(app, "done")
    again = api.post(path, admin).json()
    assert (again["eventId"], again["status"]) == (sent["eventId"], "pending")
    assert again["jobId"] != sent["jobId"]
    end(app, "dead")
    log = api.get(f"/webhooks/{webhook_id}/deliveries", admin).json()["items"]
    assert [(one["status"], one["receipt"]) for one in log] == [("dead", None), ("done", "HTTP 204")]
    assert log[0]["attempts"][0]["error"].endswith("HTTP 500")
    revived = api.post(path.replace(sent["jobId"], again["jobId"]), admin).json()
    assert (revived["jobId"], revived["status"]) == (again["jobId"], "pending")
    assert recorded(app)[-1] == (
        "webhook.redelivered",
        {"webhook_id": webhook_id, "event_id": sent["eventId"], "job_id": again["jobId"]},
    )
    assert code(api.post(path.replace(webhook_id, other), admin)) == (404, "not_found")
    assert api.get(f"/webhooks/{other}/deliveries", admin).json()["items"] == []
    api.send("PATCH", f"/webhooks/{webhook_id}", admin, json={"enabled": False})
    assert code(api.post(path, admin)) == (409, "webhook_is_disabled")


@pytest.mark.in_process
def test_a_delivery_that_waits_for_its_next_try_is_hurried_and_keeps_its_turn(api: Api, app: App, admin: str) -> None:
    webhook_id = added(api, admin)["id"]
    for _ in range(2):
        with app.unit(SYSTEM) as unit:
            unit.record(events.HandoffClaimed(handoff_id="hnd_1", claim_expires_at="2026-11-22T12:15:00Z"))

    def due() -> list[leases.Claimed]:
        with app.unit(SYSTEM) as unit:
            return leases.claim(unit, "worker", jobs.DeliverWebhook.topic, 5, app.settings.outbox_lease)

    [job] = due()
    first, second = (
        f"/webhooks/{webhook_id}/deliveries/{one['jobId']}/redeliver"
        for one in sorted(
            api.get(f"/webhooks/{webhook_id}/deliveries", admin).json()["items"], key=lambda one: one["jobId"] != job.id
        )
    )
    assert code(api.post(first, admin)) == (409, "still_underway"), "it runs"
    with app.unit(SYSTEM) as unit:
        outbox.retry(unit, job, "Unavailable: HTTP 500", unit.now + timedelta(hours=47))
    assert due() == []
    assert code(api.post(second, admin)) == (409, "still_underway"), "it waits for the first one"
    sent = api.post(first, admin)
    assert (sent.status_code, sent.json()["jobId"], sent.json()["status"]) == (202, job.id, "pending")
    assert code(api.post(first, admin)) == (409, "still_underway"), "it is due now"
    [hurried] = due()
    assert (hurried.id, hurried.claims) == (job.id, 2)
    assert recorded(app)[-1] == (
        "webhook.redelivered",
        {"webhook_id": webhook_id, "event_id": sent.json()["eventId"], "job_id": job.id},
    )


@pytest.mark.in_process
def test_the_log_of_deliveries_comes_page_by_page_newest_first(api: Api, app: App, admin: str) -> None:
    webhook_id = added(api, admin)["id"]
    for number in range(3):
        with app.unit(SYSTEM) as unit:
            claimed = events.HandoffClaimed(handoff_id=f"hnd_{number}", claim_expires_at="2026-11-22T12:15:00Z")
            unit.record(claimed)
    end(app, "done")
    page = api.get(f"/webhooks/{webhook_id}/deliveries?limit=2", admin).json()
    rest = api.get(f"/webhooks/{webhook_id}/deliveries?limit=2&cursor={page['nextCursor']}", admin).json()
    assert {one["subject"] for one in page["items"] + rest["items"]} == {"hnd_0", "hnd_1", "hnd_2"}
    ids = [one["jobId"] for one in page["items"] + rest["items"]]
    assert (ids, rest["nextCursor"]) == (sorted(ids, reverse=True), None)
    for wrong in ("cursor=nonsense", "limit=0"):
        assert api.get(f"/webhooks/{webhook_id}/deliveries?{wrong}", admin).status_code == 422


def test_an_endpoint_that_is_removed_is_there_no_more(api: Api, app: App, admin: str) -> None:
    webhook_id = added(api, admin)["id"]
    assert api.send("DELETE", f"/webhooks/{webhook_id}", admin).status_code == 204
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/ping"),
        ("GET", "/deliveries"),
        ("DELETE", "/secrets/whs_1"),
        ("POST", "/deliveries/job_1/redeliver"),
    ):
        assert code(api.send(method, f"/webhooks/{webhook_id}{path}", admin)) == (404, "not_found"), path
    assert recorded(app)[-1] == ("webhook.removed", {"webhook_id": webhook_id})


def test_a_webhook_has_no_version_to_match(api: Api, admin: str) -> None:
    answer = api.post("/webhooks", admin, headers={"If-Match": '"1"'}, json={"url": URL})
    assert code(answer) == (422, "invalid")
