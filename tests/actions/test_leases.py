"""Who waits for whom: a claim passes over what must wait, finds it again in time, and looks at no more than it must."""

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select, text, update

from flowops import app as application
from flowops.actions import leases, outbox
from flowops.domain import access, jobs
from flowops.storage import tables
from tests import plans
from tests.conftest import Clock
from tests.delivery import LEASE, Ring, bury, claim, enqueue, finish

READS_ALL = re.compile(r"SCAN (?:jobs|other|head)|Seq Scan on jobs|Scan using \w+ on jobs.*\n(?! *Index Cond)")
End = Callable[[application.App, leases.Claimed], None]


def ids(rows: list[leases.Claimed]) -> list[str]:
    return [row.id for row in rows]


def waiting(app: application.App) -> list[str]:
    """The jobs that are passed over because of another of their key, the first one first."""
    row = tables.Job
    with app.view() as view:
        return list(view.session.scalars(select(row.id).where(row.waits == jobs.Waits.KEY).order_by(row.seq)))


def rings(*bells: str) -> list[Ring]:
    return [Ring(bell=bell) for bell in bells]


def test_what_waits_for_another_of_its_key_is_passed_over_once(app: application.App) -> None:
    first, second, third, other = enqueue(app, *rings("a", "a", "a", "b"))
    assert ids(claim(app)) == [first, other]
    assert waiting(app) == [second, third]


@pytest.mark.parametrize("end", [finish, bury])
def test_whoever_takes_a_job_away_lets_the_next_of_its_key_in(app: application.App, clock: Clock, end: End) -> None:
    _, second, third = enqueue(app, *rings("a", "a", "a"))
    [job] = claim(app)
    clock.forward(seconds=5)
    end(app, job)
    assert waiting(app) == [third]
    with app.view() as view:
        assert view.session.scalar(select(tables.Job.run_at).where(tables.Job.id == second)) == clock.now
    assert ids(claim(app)) == [second]


def test_a_heap_of_one_key_hides_no_other_job(app: application.App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SET_APART", 10)
    heap = enqueue(app, *rings(*"a" * 35))
    [other] = enqueue(app, *rings("b"))
    assert ids(claim(app, limit=2)) == [heap[0], other]
    assert len(waiting(app)) == 34


def test_what_is_not_due_yet_keeps_its_time_when_it_is_let_in(app: application.App, clock: Clock) -> None:
    enqueue(app, *rings("a"))
    [job] = claim(app)
    with app.unit(access.SYSTEM) as unit:
        later = unit.enqueue(Ring(bell="a"), unit.now + timedelta(minutes=1))
        unit.write()
        unit.session.execute(update(tables.Job).where(tables.Job.id == later).values(waits=jobs.Waits.KEY))
    finish(app, job)
    assert claim(app) == []
    clock.forward(minutes=1)
    assert ids(claim(app)) == [later]


def test_what_waits_for_nothing_is_let_in_after_all(app: application.App) -> None:
    """As when a process of a version that does not know of waiting finished the job before it."""
    enqueue(app, *rings("a", "a", "b", "b"))
    first, _ = claim(app)
    with app.unit(access.SYSTEM) as unit:
        unit.session.execute(delete(tables.Job).where(tables.Job.id == first.id))
    assert (claim(app), len(waiting(app))) == ([], 2)
    with app.unit(access.SYSTEM) as unit:
        assert leases.let_in_forgotten(unit) == 1
    assert [job.key for job in claim(app)] == [first.key]


def test_a_claim_does_not_look_at_what_became_due_before_it_was_told_to(app: application.App, clock: Clock) -> None:
    old = enqueue(app, *rings("old"))
    clock.forward(seconds=30)
    new = enqueue(app, *rings("new"))
    since = clock.now - timedelta(seconds=10)

    def look(at: datetime) -> list[str]:
        with app.unit(access.SYSTEM) as unit:
            assert leases.topics_due(unit.view, {Ring.topic: at}) == [Ring.topic]
            return ids(leases.claim(unit, "w1", Ring.topic, 10, LEASE, at))

    assert look(since) == new
    assert look(leases.EVER) == old


def test_a_claim_looks_its_jobs_up_while_a_long_transaction_keeps_what_ran_before(app: application.App) -> None:
    """The statistics say then that there are hardly any jobs, and to read all of them looks cheap."""
    with app.view() as view:
        if not app.settings.is_sqlite:
            view.session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        assert view.session.scalars(select(tables.Job.seq)).all() == []
        enqueue(app, *rings(*map(str, range(300))))
        for job in claim(app, limit=300):
            finish(app, job)
        with app.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE jobs" if app.settings.is_sqlite else "VACUUM ANALYZE jobs"))
        enqueue(app, *rings("a", "a", "b"))
        with plans.written(app.database, "jobs") as found:
            assert len(claim(app, topic=Ring.topic)) == 2
    assert len(waiting(app)) == 1
    assert [plan for plan in found if READS_ALL.search(plan)] == []
    assert app.settings.is_sqlite or {"Tid Scan on jobs" in plan for plan in found} == {True}


@pytest.mark.parametrize("is_analyzed", [False, True])
def test_a_claim_looks_its_jobs_up_among_many(app: application.App, is_analyzed: bool) -> None:
    enqueue(app, *rings(*map(str, range(3000)), "1"))
    if is_analyzed:
        with app.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE jobs"))
    with plans.written(app.database, "jobs", is_small=False) as found:
        assert len(claim(app, topic=Ring.topic, limit=10)) == 10
    assert [plan for plan in found if READS_ALL.search(plan)] == []


def test_the_topics_that_wait_are_found_however_many_jobs_do(app: application.App, clock: Clock) -> None:
    with app.unit(access.SYSTEM) as unit:
        assert leases.topics(unit.view) == []
        for number in range(5):
            unit.enqueue(Ring(bell=str(number)))
            unit.enqueue(jobs.CopySignals(handoff_id=str(number)), unit.now + timedelta(minutes=1))
        unit.write()
        assert leases.topics(unit.view) == [Ring.topic, jobs.CopySignals.topic]
        asked = dict.fromkeys([jobs.CopySignals.topic, Ring.topic, "mail.send"], leases.EVER)
        assert leases.topics_due(unit.view, asked) == [Ring.topic]
        assert leases.topics_due(unit.view, asked | {Ring.topic: unit.now + timedelta(seconds=1)}) == []
        assert leases.topics_due(unit.view, asked, until=unit.now - timedelta(seconds=1)) == []
        assert leases.topics_due(unit.view, {}) == []


def test_jobs_are_finished_together_and_those_of_others_are_named(app: application.App, clock: Clock) -> None:
    enqueue(app, *rings("a", "b", "c", "d"))
    lost, *_ = held = claim(app)
    clock.forward(seconds=31)
    with app.unit(access.SYSTEM) as unit:
        leases.beat(unit, "w1", [job.seq for job in held[1:]], LEASE)
        leases.recover(unit)
    with app.unit(access.SYSTEM) as unit:
        assert outbox.finish_all(unit, [(job, "HTTP 204" if job.key.endswith("b") else None) for job in held]) == [lost]
    with app.view() as view:
        row = tables.FinishedJob
        found = view.session.execute(select(row.key, row.receipt, row.worker).order_by(row.key)).all()
    assert [tuple(each) for each in found] == [
        ("bell.ring:b", "HTTP 204", "w1"),
        ("bell.ring:c", None, "w1"),
        ("bell.ring:d", None, "w1"),
    ]


def test_giving_back_what_somebody_else_has_by_now_changes_nothing(app: application.App, clock: Clock) -> None:
    enqueue(app, *rings("a"))
    stale = claim(app, worker="stalled")
    clock.forward(seconds=31)
    with app.unit(access.SYSTEM) as unit:
        leases.recover(unit)
    [fresh] = claim(app, worker="other")
    with app.unit(access.SYSTEM) as unit:
        leases.give_back(unit, stale)
    finish(app, fresh)


# On SQLite, with one writer at a time, they cannot meet.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_job_set_apart_while_the_one_before_it_ends_is_let_in(app: application.App) -> None:
    """Many claimers set apart what many others end: in the end nothing waits, and each key was kept in order."""
    made = enqueue(app, *rings(*("a", "b", "c") * 60))
    done: list[str] = []

    def work(name: str) -> None:
        misses = 0
        while misses < 50:
            claimed = claim(app, limit=4, worker=name)
            misses = 0 if claimed else misses + 1
            for job in claimed:
                done.append(job.id)
                finish(app, job)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(made)
    for offset in range(3):
        assert [job for job in done if job in made[offset::3]] == made[offset::3]
    assert waiting(app) == []


def test_old_jobs_are_forgotten_and_their_numbers_kept(
    app: application.App, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    topic = jobs.CopySignals.topic
    with app.unit(access.SYSTEM) as unit:
        for number in range(4):
            unit.enqueue(jobs.CopySignals(handoff_id=str(number)))
    first, *others = claim(app, topic=topic)
    with app.unit(access.SYSTEM) as unit:
        outbox.retry(unit, first, "not now", unit.now)
    for job in (*claim(app, topic=topic), *others[:2]):
        finish(app, job)
    with app.unit(access.SYSTEM) as unit:
        outbox.bury(unit, others[2], "no")
        outbox.discard(unit, others[2].id, "by hand")
    clock.forward(days=1)
    with app.unit(access.SYSTEM) as unit:
        assert outbox.prune(unit, unit.now - timedelta(days=1)) == 0
        soon = unit.now + timedelta(seconds=1)
        assert [outbox.prune(unit, soon) for _ in range(3)] == [2, 2, 0]
    with app.view() as view:
        assert view.session.scalars(select(tables.FinishedJob)).all() == []
        assert view.session.scalars(select(tables.JobAttempt)).all() == []
        row = tables.PrunedAttempts
        counted = view.session.execute(select(row.topic, row.outcome, row.count)).all()
    assert sorted(map(tuple, counted)) == [(topic, "dead", 1), (topic, "done", 3), (topic, "retry", 1)]


def test_what_is_let_in_queues_behind_what_is_due_already(app: application.App, clock: Clock) -> None:
    _, second = enqueue(app, *rings("a", "a"))
    [job] = claim(app)
    clock.forward(seconds=5)
    [other] = enqueue(app, *rings("b"))
    clock.forward(seconds=5)
    finish(app, job)
    with app.unit(access.SYSTEM) as unit:
        recent = leases.claim(unit, "w1", Ring.topic, 1, LEASE, since=unit.now - timedelta(seconds=1))
    assert ids(recent) == [second]
    with app.unit(access.SYSTEM) as unit:
        leases.give_back(unit, recent)
    assert ids(claim(app, limit=1)) == [other]
