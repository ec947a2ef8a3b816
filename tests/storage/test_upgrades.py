"""An upgrade keeps what an older version wrote, and there is no way back but a backup."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import func, inspect, select, text

from flowops.domain.access import SYSTEM
from flowops.domain.sla import Kind
from flowops.queries import figures, handoffs, spans, webhooks
from flowops.storage import migrate, tables
from flowops.storage.engine import Database
from flowops.storage.types import new_id
from flowops.storage.unit import open_view
from tests import postgres
from tests.conftest import NOW, Clock

HOUR = timedelta(hours=1)
# Status, since when it is claimed, when it was resolved, and when it was due, in hours from NOW.
CASES: dict[str, tuple[str, float | None, float | None, float | None]] = {
    "in time": ("resolved", -5, -4, -3),
    "late": ("resolved", -5, -2, -3),
    "claimed": ("claimed", -1, None, 2),
    "pending": ("pending", None, None, 1),
    "no promise": ("resolved", -5, -4, None),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Database]:
    """An empty database of each kind."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if request.param == "postgresql":
        server: postgres.Server = request.getfixturevalue("server")
        url = server.create_database(f"old_{uuid.uuid4().hex[:12]}")
    database = Database(url, clock)
    yield database
    database.close()


def move(database: Database, how: str, revision: str) -> None:
    """Upgrade or downgrade to a revision, as `migrate` does."""
    config = Config()
    config.set_main_option("script_location", "flowops.storage:migrations")
    config.set_main_option("path_separator", "os")
    with database.writing() as connection:
        config.attributes["connection"] = connection
        getattr(command, how)(config, revision)


def moment(hours: float | None) -> str | None:
    return None if hours is None else (NOW + hours * HOUR).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def fill(database: Database) -> None:
    """Write what version 0003 could write."""
    at = f"'{moment(-6)}'"
    statements = [
        f"INSERT INTO users (id, kind, name, role, created_at) VALUES ('usr_1', 'person', 'Ada', 'operator', {at})",
        "INSERT INTO customers (id, source, external_id, created_at, updated_at) "
        f"VALUES ('cus_1', 's', 'c', {at}, {at})",
        f"INSERT INTO policy_versions (version, source, created_at) VALUES ('sha256:0', 'x', {at})",
        "INSERT INTO decisions (id, stage, subject_id, facts, verdict, outcome, rule, policy_version, created_at) "
        f"VALUES ('dec_1', 'intake', 'req_1', '{{}}', '{{}}', 'review', 'default', 'sha256:0', {at})",
        "INSERT INTO requests (id, endpoint, mode, channel, queue, subject, customer_id, facts, escalate, meta, "
        "outcome, decision_id, created_at) VALUES ('req_1', 'requests', 'live', 'chat', 'default', '', 'cus_1', "
        f"'[]', false, '{{}}', 'handed_off', 'dec_1', {at})",
        "INSERT INTO audit_entries (id, at, event, actor_kind, data) "
        f"VALUES ('aud_1', {at}, 'queue.added', 'system', '{{}}')",
    ]
    with database.writing() as connection:
        for statement in statements:
            connection.execute(text(statement.replace(":0", "\\:0")))
        for title, (status, claimed, resolved, due) in CASES.items():
            values = {
                "id": f"hnd_{title.replace(' ', '')}",
                "title": title,
                "status": status,
                "claimed_by": None if claimed is None else "usr_1",
                "claimed_at": moment(claimed),
                "resolved_at": moment(resolved),
                "resolved_by": None if resolved is None else "usr_1",
                "sla_policy": None if due is None else "default",
                "sla_clock": None if due is None else "resolution",
                "sla_started_at": None if due is None else moment(-6),
                "sla_due_at": moment(due),
            }
            names = ", ".join(values)
            connection.execute(
                text(
                    "INSERT INTO handoffs (version, request_id, customer_id, queue, channel, priority, reason, issues, "
                    f"tier, created_at, updated_at, {names}) VALUES (1, 'req_1', 'cus_1', 'default', 'chat', 'low', "
                    f"'other', '[]', 'operator', {at}, {at}, {', '.join(f':{name}' for name in values)})"
                ),
                values,
            )


def rows(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    with database.reading() as connection:
        names = inspect(connection).get_table_names()
        return {name: connection.scalar(select(func.count()).select_from(text(name))) or 0 for name in names}


def test_an_upgrade_loses_nothing_and_a_late_resolution_was_a_broken_promise(empty: Database) -> None:
    move(empty, "upgrade", "0003")
    fill(empty)
    before = rows(empty)
    assert migrate.upgrade(empty, SYSTEM) == ("0003", migrate.newest())
    after = rows(empty)
    kept = {name: count for name, count in after.items() if name in before} | {"audit_entries": 1}
    assert kept == before
    assert after["audit_entries"] == 2, "the upgrade itself is recorded"
    with open_view(empty, SYSTEM) as view:
        found = {listed.handoff.title: listed for listed in handoffs.search(view).items}
        mark = tables.SlaMark
        marks: dict[str, list[tuple[Kind, datetime]]] = {}
        for id, kind, at in view.session.execute(select(mark.handoff_id, mark.kind, mark.at).order_by(mark.position)):
            marks.setdefault(id, []).append((kind, at))
        decided = figures.promises(view, spans.last(view, spans.Range.DAY))
    assert {title: listed.handoff.status.value for title, listed in found.items()} == {
        title: status for title, (status, *_) in CASES.items()
    }
    began = (Kind.STARTED, NOW - 6 * HOUR)
    assert marks == {
        "hnd_intime": [began, (Kind.STOPPED, NOW - 4 * HOUR)],
        "hnd_late": [began, (Kind.BREACHED, NOW - 3 * HOUR), (Kind.STOPPED, NOW - 2 * HOUR)],
        "hnd_claimed": [began],
        "hnd_pending": [began],
    }
    assert found["late"].handoff.sla_breached_at == NOW - 3 * HOUR
    assert found["in time"].handoff.sla_breached_at is None
    assert (decided.kept, decided.broken) == (1, 1)


def insert(database: Database, table: str, **values: Any) -> None:
    names = ", ".join(values)
    with database.writing() as connection:
        given = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({given})"), values)


def test_deliveries_of_before_are_found_by_their_endpoint(empty: Database) -> None:
    move(empty, "upgrade", "0007")
    endpoint, at = new_id("whk"), moment(0)
    insert(empty, "webhooks", id=endpoint, url="https://h.example.com/", description="", types="[]", created_at=at)
    for number, (topic, about) in enumerate((("webhook.deliver", f"{endpoint}:hnd_1"), ("sla.escalate", "hnd_1"))):
        job = {"topic": topic, "key": f"{topic}:{about}", "payload": "{}", "claim_token": 1, "created_at": at}
        insert(empty, "jobs", id=f"job_1{number}", status="pending", run_at=at, claims=0, **job)
        insert(empty, "finished_jobs", id=f"job_2{number}", status="done", finished_at=at, claims=1, **job)
    migrate.upgrade(empty)
    with open_view(empty, SYSTEM) as view:
        found, _ = webhooks.deliveries(view, endpoint)
    assert [(one.job.id, one.job.status) for one in found] == [("job_20", "done"), ("job_10", "pending")]


def test_what_was_approved_before_counts_from_its_last_approval(empty: Database) -> None:
    move(empty, "upgrade", "0008")
    fill(empty)
    wanted = {"params": '{"money":{"amount":4900,"currency":"EUR"},"invoiceId":"inv_1"}', "content_sha256": "sha256:0"}
    rules = {"approval_permission": "effects.approve", "proposer_may_approve": True, "decision_id": "dec_1"}
    times = {"created_at": moment(-5), "updated_at": moment(-5), "expires_at": moment(9)}
    common = {"request_id": "req_1", "kind": "refund", **wanted, **rules, **times}
    for name, status, needed in (
        ("auto", "done", 0),
        ("two", "approved", 2),
        ("waits", "held", 1),
        ("no", "failed", 1),
    ):
        insert(empty, "effects", id=f"eff_{name}", status=status, approvals_needed=needed, revision=2, **common)
    insert(empty, "users", id="usr_2", kind="person", name="Bob", role="operator", created_at=moment(-6))
    said = {"content_sha256": "sha256:0"}
    for effect, user, revision, hours in (
        ("two", "usr_1", 1, -3.5),
        ("two", "usr_1", 2, -3),
        ("two", "usr_2", 2, -2),
        ("waits", "usr_1", 1, -2),
    ):
        insert(empty, "approvals", effect_id=f"eff_{effect}", user_id=user, revision=revision, at=moment(hours), **said)
    migrate.upgrade(empty)
    row, yes = tables.Effect, tables.Approval
    with open_view(empty, SYSTEM) as view:
        found = view.session.scalars(select(row)).all()
        given = view.session.scalars(select(yes)).all()
    approved = {each.id: each.approved_at for each in found}
    known = {(each.customer_id, each.amount, each.currency) for each in found}
    by = {(each.user_id, each.revision, each.counted_at) for each in given if each.effect_id == "eff_two"}
    waiting = [each.counted_at for each in given if each.effect_id == "eff_waits"]
    assert approved == {"eff_auto": NOW - 5 * HOUR, "eff_two": NOW - 2 * HOUR, "eff_waits": None, "eff_no": None}
    assert known == {("cus_1", 4900, "EUR")}
    assert by == {("usr_1", 1, None), ("usr_1", 2, NOW - 2 * HOUR), ("usr_2", 2, NOW - 2 * HOUR)}
    assert waiting == [None]


def test_there_is_no_way_back_but_a_backup(database: Database) -> None:
    with pytest.raises(CommandError, match="restore the backup"):
        move(database, "downgrade", "-1")
    assert migrate.current(database) == migrate.newest()
    config = Config()
    config.set_main_option("script_location", "flowops.storage:migrations")
    config.set_main_option("path_separator", "os")
    for revision in ScriptDirectory.from_config(config).walk_revisions():
        with pytest.raises(CommandError, match="restore the backup"):
            revision.module.downgrade()
