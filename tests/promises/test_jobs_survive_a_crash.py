"""No job is lost and none takes effect twice, whatever happens to the processes that run them."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from flowops import app as application
from flowops import settings as configuration
from flowops.domain import jobs
from flowops.queries import outbox
from flowops.storage import tables
from tests import crashes, delivery, forking
from tests.bells import Toll
from tests.delivery import Ring

JOBS = 150
KILLS = 3


@pytest.fixture
def app(database_url: str) -> Iterator[application.App]:
    """The app on the real clock, with short leases."""
    app = application.build(
        configuration.load(database_url=database_url, secret_key="k" * 32, outbox_lease="2s", stop_grace="5s")
    )
    yield app
    app.close()


def rung(app: application.App) -> Counter[str]:
    """How often each bell was rung, as far as the database knows."""
    with app.view() as view:
        return Counter(entry.data["job_id"] for entry in view.session.scalars(select(tables.AuditEntry)))


def count(app: application.App, table: type[tables.Base]) -> int:
    with app.view() as view:
        return view.session.scalar(select(func.count()).select_from(table)) or 0


def status(app: application.App, job_id: str) -> jobs.Status:
    with app.view() as view:
        return outbox.get(view, job_id).job.status


def work_and_be_killed(app: application.App, log: Path, after: float) -> None:
    with forking.working(app.settings, log) as worker:
        before = count(app, tables.FinishedJob)
        delivery.wait_until(lambda: count(app, tables.FinishedJob) > before)
        time.sleep(after)
        worker.kill()
        worker.join()


def test_workers_killed_at_random_lose_and_double_nothing(app: application.App, tmp_path: Path) -> None:
    bells = [f"bell {number}" for number in range(JOBS)]
    delivery.enqueue(app, *(Ring(bell=bell) for bell in bells))
    dice = random.Random(7)
    for _ in range(KILLS):
        work_and_be_killed(app, tmp_path / "log", after=dice.uniform(0, 0.1))
    assert count(app, tables.Job) > 0, "the workers were killed too late to prove anything"
    with forking.working(app.settings, tmp_path / "log"):
        delivery.wait_until(lambda: count(app, tables.Job) == 0, every=0.1)
    assert rung(app) == Counter(bells)


def test_a_job_that_kills_its_worker_is_buried_after_five_claims_and_no_other_with_it(
    app: application.App, tmp_path: Path
) -> None:
    harmless = [Toll(tower=f"tower {number}", how=how) for number in range(15) for how in ("", "quiet")]
    [deadly, *others] = delivery.enqueue(app, Toll(tower="a", how="deadly"), *harmless)
    with crashes.Supervised(app, 1, tmp_path / "worker.log") as workers:
        delivery.wait_until(lambda: status(app, deadly) is jobs.Status.DEAD, seconds=60)
        delivery.wait_until(lambda: {status(app, job_id) for job_id in others} == {jobs.Status.DONE})
        assert workers.deaths == 5
    assert delivery.attempts(app, deadly) == ["fenced"] * 4 + ["dead"]


def test_sigterm_lets_running_jobs_end_and_leaves_the_others_untouched(app: application.App) -> None:
    slow = [Ring(bell=f"slow {number}", how="slow") for number in range(2)]
    waiting = [Ring(bell=f"waiting {number}") for number in range(3)]
    running = delivery.enqueue(app, *slow)
    with delivery.process(app.settings) as worker:
        delivery.wait_until(lambda: all(delivery.attempts(app, job_id) for job_id in running))
        left = delivery.enqueue(app, *waiting)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(app.settings.stop_grace.seconds + 1) == 0
    assert rung(app) == Counter(ring.bell for ring in slow)
    with app.view() as view:
        assert [(job.id, job.claims) for job in view.session.scalars(select(tables.Job))] == [(id, 0) for id in left]
        assert view.session.scalars(select(tables.Heartbeat)).all() == []
