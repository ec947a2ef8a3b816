"""Claimers that meet, and steps in any order, neither lose a job nor double one."""

import random
import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from flowops import app as application
from flowops import errors
from flowops.actions import leases, outbox
from flowops.actions.leases import Claimed
from flowops.domain import access, jobs, retries
from flowops.queries import outbox as queries
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests.conftest import Clock
from tests.delivery import LEASE, Ring, bury, claim, enqueue


def ids(rows: list[Claimed]) -> list[str]:
    return [row.id for row in rows]


def test_sixteen_claimers_share_the_jobs_without_overlap(app: application.App) -> None:
    enqueue(app, *(Ring(bell=f"bell {number}") for number in range(100)))
    claimed: list[str] = []
    barrier = threading.Barrier(16)

    def take() -> None:
        barrier.wait()
        while batch := claim(app, limit=3):
            claimed.extend(ids(batch))

    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed))
    # On PostgreSQL a claimer may find all that is left locked by others, and stop; nothing is lost by it.
    assert len(claimed) + len(claim(app, limit=100)) == 100


# On SQLite, with one writer at a time, two claims cannot meet.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_claim_that_meets_another_of_its_key_takes_nothing(app: application.App) -> None:
    """The first job of the key comes back to life while the second is being claimed elsewhere."""
    first, second = enqueue(app, Ring(bell="a"), Ring(bell="a"))
    bury(app, claim(app)[0])
    met: list[list[str]] = []
    with app.unit(access.SYSTEM) as unit:
        assert ids(leases.claim(unit, "w1", Ring.topic, 10, LEASE)) == [second]
        with app.unit(access.SYSTEM) as reviver:
            outbox.retry_dead(reviver, first)
        thread = threading.Thread(target=lambda: met.append(ids(claim(app, worker="w2"))))
        thread.start()
        thread.join(0.5)
        assert met == []  # it waits to see what becomes of the second
    thread.join()
    assert met == [[]]
    with app.view() as view:
        assert queries.get(view, first).job.status is jobs.Status.PENDING


def running(unit: Unit) -> dict[str, str]:
    """The key of each job that a worker holds, by the job's id."""
    row = tables.Job
    held = unit.session.execute(select(row.id, row.key).where(row.status == jobs.Status.PROCESSING))
    return {row.id: row.key for row in held}


STEPS = st.lists(
    st.sampled_from(["enqueue", "claim", "finish", "retry", "bury", "give back", "recover", "wait", "stale finish"]),
    max_size=60,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, dice=st.randoms(use_true_random=False))
def test_no_interleaving_loses_or_doubles_a_job(
    app: application.App, clock: Clock, steps: list[str], dice: random.Random
) -> None:
    """Whatever order things happen in: each job is finished once at most, and none disappears."""
    made: set[str] = set()
    done: list[str] = []
    held: list[Claimed] = []
    stale: list[Claimed] = []
    with app.unit(access.SYSTEM) as unit:  # every example begins with an empty outbox, or it could not be repeated
        for table in (tables.Job, tables.FinishedJob, tables.JobAttempt):
            unit.session.execute(delete(table))
    for step in steps:
        picked = (
            held.pop(dice.randrange(len(held))) if held and step in {"finish", "retry", "bury", "give back"} else None
        )
        with app.unit(access.SYSTEM) as unit:
            keys = running(unit).values()
            assert len(keys) == len(set(keys))
            assert leases.let_in_forgotten(unit) == 0  # whoever may be the next is always let in
            match step:
                case "enqueue":
                    made.add(unit.enqueue(Ring(bell=dice.choice("abc"))))
                case "claim":
                    claimed = leases.claim(unit, "w", Ring.topic, dice.randint(1, 3), LEASE)
                    held += claimed or leases.claim_alone(unit, "w", LEASE)
                case "finish" if picked:
                    outbox.finish(unit, picked)
                    done.append(picked.id)
                case "retry" if picked:
                    outbox.retry(unit, picked, "again", unit.now + timedelta(seconds=dice.randint(0, 9)))
                case "bury" if picked:
                    outbox.bury(unit, picked, "no")
                case "give back" if picked:
                    leases.give_back(unit, [picked])
                case "wait":
                    clock.forward(seconds=dice.choice([1, 10, 31]))
                case "recover":
                    for spent in leases.recover(unit):
                        outbox.bury(unit, spent, "lost too often")
                    lost = [job for job in held if job.id not in running(unit)]
                    stale += lost
                    held = [job for job in held if job not in lost]
                case "stale finish" if stale:
                    with pytest.raises(errors.Fenced):
                        outbox.finish(unit, dice.choice(stale))
    assert len(done) == len(set(done))
    with app.view() as view:
        alive = {row.id: row for row in view.session.scalars(select(tables.Job))}
    assert alive.keys() | set(done) == made
    assert all(row.claims <= retries.USUAL.tries for row in alive.values())
