"""A unit is one transaction: change, audit entry and jobs together, or nothing."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, insert, select, text, update

from flowops import errors
from flowops.domain import events, jobs
from flowops.domain.access import POLICY, SYSTEM, Actor, ActorKind, Role
from flowops.storage import tables
from flowops.storage.engine import Database
from flowops.storage.unit import Unit, open_unit, open_view
from tests.conftest import Clock

ADA = Actor(ActorKind.PERSON, "Ada", "usr_ada", Role.ADMIN)


def add_queue(unit: Unit, name: str = "claims") -> None:
    unit.session.add(tables.Queue(name=name, created_at=unit.now))


def count(database: Database, table: type[tables.Base]) -> int:
    with open_view(database, SYSTEM) as view:
        return view.session.scalar(select(func.count()).select_from(table)) or 0


def test_a_change_its_entry_and_its_job_are_committed_together(database: Database, clock: Clock) -> None:
    with open_unit(database, ADA, "http-1") as unit:
        add_queue(unit)
        unit.record(events.QueueAdded(queue="claims"))
        unit.enqueue(jobs.GenerateArtifact(handoff_id="hnd_1", kind="handoff_summary.v1"))
    with open_view(database, SYSTEM) as view:
        entry = view.session.scalars(select(tables.AuditEntry)).one()
        job = view.session.scalars(select(tables.Job)).one()
        assert view.session.get(tables.Queue, "claims") is not None
    assert (entry.event, entry.actor_kind, entry.actor_id) == ("queue.added", "person", "usr_ada")
    assert (entry.at, entry.correlation_id, entry.data) == (clock.now, "http-1", {"queue": "claims"})
    assert (job.topic, job.key, job.status) == ("ai.generate", "ai.generate:hnd_1:handoff_summary.v1", "pending")
    assert job.run_at == clock.now


def test_an_exception_takes_the_change_the_entry_and_the_job_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), open_unit(database, ADA) as unit:
        add_queue(unit)
        unit.record(events.QueueAdded(queue="claims"))
        unit.enqueue(jobs.GenerateArtifact(handoff_id="hnd_1", kind="handoff_summary.v1"))
        unit.session.flush()
        _ = 1 / 0
    assert count(database, tables.AuditEntry) == count(database, tables.Job) == 0
    assert count(database, tables.Queue) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(add_queue, id="a row added"),
        pytest.param(
            lambda unit: unit.session.execute(insert(tables.Queue).values(name="claims", created_at=unit.now)),
            id="a bulk insert",
        ),
        pytest.param(
            lambda unit: unit.session.execute(update(tables.Queue).values(created_at=unit.now)), id="a bulk update"
        ),
        pytest.param(lambda unit: unit.session.execute(delete(tables.Queue)), id="a bulk delete"),
        pytest.param(
            lambda unit: setattr(unit.session.get(tables.Queue, "default"), "created_at", unit.now),
            id="a row changed",
        ),
        pytest.param(
            lambda unit: unit.session.connection().execute(update(tables.Queue).values(created_at=unit.now)),
            id="a statement beneath the session",
        ),
        pytest.param(
            lambda unit: unit.session.execute(text("UPDATE queues SET name = 'other'")), id="a statement as raw SQL"
        ),
    ],
)  # fmt: skip
def test_a_change_without_an_entry_is_not_committed(database: Database, change: object) -> None:
    with open_view(database, SYSTEM) as view:
        before = [(q.name, q.created_at) for q in view.session.scalars(select(tables.Queue))]
    with pytest.raises(errors.UnauditedChange), open_unit(database, ADA) as unit:
        assert callable(change)
        change(unit)
    with open_view(database, SYSTEM) as view:
        assert [(q.name, q.created_at) for q in view.session.scalars(select(tables.Queue))] == before


def test_bookkeeping_needs_no_entry(database: Database) -> None:
    with open_unit(database, SYSTEM) as unit:
        unit.session.add(tables.Heartbeat(worker="w", started_at=unit.now, seen_at=unit.now))
    assert count(database, tables.Heartbeat) == 1


def test_a_personal_field_enters_the_entry_as_a_salted_commitment_only(database: Database) -> None:
    with open_unit(database, ADA) as unit:
        for _ in range(2):
            unit.record(events.NoteAdded(handoff_id="hnd_1", note_id="not_1", text="Ada Lovelace called"))
    with open_view(database, SYSTEM) as view:
        entries = view.session.scalars(select(tables.AuditEntry).order_by(tables.AuditEntry.seq)).all()
        kept = {row.entry_id: row for row in view.session.scalars(select(tables.AuditPrivate))}
    for entry in entries:
        private = kept[entry.id]
        digest = hashlib.sha256((private.salt + private.value).encode()).hexdigest()
        assert entry.data["text"] == {"commitment": f"sha256:{digest}"}
        assert private.value == '"Ada Lovelace called"'
    first, second = entries
    assert first.data["text"] != second.data["text"], "the same words must not be recognisable by their commitment"


def test_an_entry_can_name_the_part_of_the_product_that_decided(database: Database) -> None:
    with open_unit(database, ADA) as unit:
        unit.record(events.QueueAdded(queue="claims"), by=POLICY)
    with open_view(database, SYSTEM) as view:
        entry = view.session.scalars(select(tables.AuditEntry)).one()
    assert (entry.actor_kind, entry.actor_id) == ("policy", None)


def test_a_view_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match=r"read-?only"), open_view(database, ADA) as view:
        view.session.execute(insert(tables.Queue).values(name="claims", created_at=view.now))
    assert count(database, tables.Queue) == 1
    with open_unit(database, ADA) as unit:  # the connection that could not write is whole again
        add_queue(unit)
        unit.record(events.QueueAdded(queue="claims"))
    with pytest.raises(Exception, match=r"read-?only"), open_view(database, ADA) as view:  # and the one that could
        view.session.execute(insert(tables.Queue).values(name="more", created_at=view.now))
    assert count(database, tables.Queue) == 2


def test_a_unit_shows_its_own_changes_in_its_view(database: Database) -> None:
    with open_unit(database, ADA) as unit:
        add_queue(unit)
        unit.record(events.QueueAdded(queue="claims"))
        assert unit.view.session.get(tables.Queue, "claims") is not None
        assert (unit.view.viewer, unit.view.now) == (ADA, unit.now)


def test_one_instant_holds_for_the_whole_unit(database: Database, clock: Clock) -> None:
    with open_unit(database, ADA) as unit:
        opened = unit.now
        clock.forward(seconds=5)
        assert unit.now == opened == clock.now - timedelta(seconds=5)


def test_what_is_only_appended_is_seen_by_every_query_after_what_it_refers_to(database: Database) -> None:
    with open_unit(database, ADA) as unit:
        unit.record(events.NoteAdded(handoff_id="hnd_1", note_id="not_1", text="Hello"))
        job_id = unit.enqueue(jobs.GenerateArtifact(handoff_id="hnd_1", kind="handoff_summary.v1"))
        add_queue(unit)
        user = tables.User(kind=ADA.kind, name="Ada", role=ADA.role, created_at=unit.now)
        unit.session.add(user)
        unit.append(tables.QueueMember, user_id=user.id, queue="claims")
        assert unit.session.scalars(select(tables.Job.id)).all() == [job_id]
        assert unit.session.scalars(select(tables.AuditEntry.event)).all() == ["handoff.note_added"]
        assert unit.session.get(tables.QueueMember, (user.id, "claims")) is not None


def test_a_change_that_is_only_appended_needs_an_entry_too(database: Database) -> None:
    with pytest.raises(errors.UnauditedChange, match="queues"), open_unit(database, ADA) as unit:
        unit.append(tables.Queue, name="claims", created_at=unit.now)
    assert count(database, tables.Queue) == 1


def test_a_part_that_fails_is_taken_back_with_its_entries_and_jobs_and_no_more(database: Database) -> None:
    def change(unit: Unit, name: str) -> None:
        add_queue(unit, name)
        unit.record(events.QueueAdded(queue=name))
        unit.enqueue(jobs.GenerateArtifact(handoff_id=name, kind="handoff_summary.v1"))

    with open_unit(database, ADA) as unit:
        change(unit, "before")
        with pytest.raises(ZeroDivisionError), unit.savepoint():
            change(unit, "failed")
            _ = 1 / 0
        with unit.savepoint():
            change(unit, "after")
    with open_view(database, SYSTEM) as view:
        entries = view.session.scalars(select(tables.AuditEntry).order_by(tables.AuditEntry.seq)).all()
        keys = view.session.scalars(select(tables.Job.key).order_by(tables.Job.seq)).all()
        queues = view.session.scalars(select(tables.Queue.name).order_by(tables.Queue.name)).all()
    assert [entry.data["queue"] for entry in entries] == ["before", "after"]
    assert [key.split(":")[1] for key in keys] == ["before", "after"]
    assert queues == ["after", "before", "default"]


def test_an_entry_that_was_taken_back_answers_for_no_change(database: Database) -> None:
    with pytest.raises(errors.UnauditedChange), open_unit(database, ADA) as unit:
        add_queue(unit)
        with pytest.raises(ZeroDivisionError), unit.savepoint():
            unit.record(events.QueueAdded(queue="claims"))
            _ = 1 / 0
    assert count(database, tables.Queue) == 1
