"""Jobs can be found wherever they are in their life, page by page, with their attempts and without their secrets."""

from datetime import timedelta

import pytest

from flowops import app as application
from flowops import errors
from flowops.actions import leases
from flowops.actions import outbox as actions
from flowops.domain import access, jobs, tokens
from flowops.domain.access import Role
from flowops.domain.jobs import AttemptOutcome, Status
from flowops.queries import outbox
from tests import cases, delivery, world
from tests.conftest import NOW, Clock
from tests.delivery import Ring, enqueue


@pytest.fixture
def made(app: application.App) -> dict[str, str]:
    """One job in each status, by its status."""
    with app.unit(access.SYSTEM) as unit:
        unit.enqueue(Ring(bell="later"), run_at=unit.now + timedelta(hours=1))
    ids = enqueue(app, Ring(bell="done"), Ring(bell="dead"), Ring(bell="discarded"), Ring(bell="processing"))
    with app.unit(access.SYSTEM) as unit:
        done, dead, discarded, _ = leases.claim(unit, "w1", Ring.topic, 4, timedelta(seconds=30))
        actions.finish(unit, done)
        actions.bury(unit, dead, "refused")
        actions.bury(unit, discarded, "refused")
        actions.discard(unit, discarded.id, "not needed")
    with app.view() as view:
        [waiting], _ = outbox.search(view, status=Status.PENDING)
    return dict(zip(("done", "dead", "discarded", "processing"), ids, strict=True)) | {"pending": waiting.id}


def test_a_job_is_found_by_its_status(app: application.App, made: dict[str, str]) -> None:
    with app.view() as view:
        found = {status: [job.id for job in outbox.search(view, status=status)[0]] for status in Status}
    assert found == {status: [made[status]] for status in Status}


def test_jobs_are_listed_newest_first_and_page_by_page(app: application.App, made: dict[str, str]) -> None:
    pages, cursor = [], None
    with app.view() as view:
        while True:
            page, cursor = outbox.search(view, cursor=cursor, limit=2)
            pages.append([job.id for job in page])
            if cursor is None:
                break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [job_id for page in pages for job_id in page] == sorted(made.values(), reverse=True)


def test_a_job_that_is_finished_between_two_reads_is_listed_once(app: application.App, made: dict[str, str]) -> None:
    ids = enqueue(app, Ring(bell="meanwhile"))
    [job] = delivery.claim(app)
    with app.view() as view:
        delivery.finish_meanwhile(app, view, job)
        found, cursor = outbox.search(view, limit=6)
    assert [row.id for row in found] == sorted([*made.values(), *ids], reverse=True)
    assert cursor is None
    status = {row.id: row.status for row in found}[job.id]
    assert status == (Status.PROCESSING if app.settings.is_sqlite else Status.DONE), "SQLite reads what was at first"


def test_jobs_are_listed_by_topic(app: application.App, made: dict[str, str]) -> None:
    with app.view() as view:
        assert len(outbox.search(view, topic="bell.ring")[0]) == len(made)
        assert outbox.search(view, topic="mail.send") == ([], None)


def test_a_strange_cursor_is_refused(app: application.App) -> None:
    with app.view() as view, pytest.raises(errors.Invalid, match="cursor"):
        outbox.search(view, cursor="' OR 1=1")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("done", AttemptOutcome.DONE), ("dead", AttemptOutcome.DEAD), ("processing", None)],
)
def test_a_job_is_shown_with_its_attempts(
    app: application.App, made: dict[str, str], status: str, outcome: AttemptOutcome | None
) -> None:
    with app.view() as view:
        history = outbox.get(view, made[status])
    assert (history.job.status, history.payload) == (status, {"bell": status, "how": ""})
    assert [(attempt.worker, attempt.outcome) for attempt in history.attempts] == [("w1", outcome)]


def test_a_job_that_is_not_there_is_not_found(app: application.App) -> None:
    with app.view() as view, pytest.raises(errors.NotFound):
        outbox.get(view, "job_none")


def test_a_job_of_another_queue_is_seen_without_key_and_payload(app: application.App) -> None:
    sue = cases.person(app, "Sue", Role.SUPERVISOR)
    cases.person(app, "Eve", queues=("elsewhere",))
    app.sandbox.seed(NOW)
    bot = world.service(app)
    kinds: list[tuple[str, bool]] = []
    for queue in ("default", "elsewhere"):
        case = cases.case(app, bot, queue=queue, title=queue)
        request = world.receive(app, bot, queue=queue)  # its effect has no case
        told = {"recipient": "ada@example.com", "mail_subject": queue, "body": queue, "idempotency_key": queue}
        enqueue(
            app,
            jobs.NotifyOperator(user_id=str(sue.id), handoff_id=case.id, about="breached"),
            jobs.SendMail(**told, handoff_id=case.id),
        )
        assert request.handoff_id is None
    for who in (sue, access.SYSTEM):
        with app.view(who) as view:
            found, _ = outbox.search(view)
            foreign = outbox.foreign(view, found)
            histories = [outbox.get(view, job.id) for job in found]
        for job, history in zip(found, histories, strict=True):
            assert (job.id in foreign) is history.is_foreign
            hidden = {"***"} == set(history.payload.values()) and outbox.key(job, is_foreign=True) == f"{job.topic}:***"
            assert hidden is history.is_foreign
        kinds = sorted((history.job.topic, history.is_foreign) for history in histories)
        topics = ["ai.generate", "effect.execute", "mail.send", "notify.operator"]
        assert kinds == [(topic, other and who is sue) for topic in topics for other in (False, True)]


def test_the_oldest_wait_counts_from_when_the_job_was_due(app: application.App, clock: Clock) -> None:
    with app.view() as view:
        assert outbox.oldest_wait(view) == timedelta(0)
    with app.unit(access.SYSTEM) as unit:
        unit.enqueue(Ring(bell="a"), run_at=unit.now + timedelta(seconds=10))
    clock.forward(seconds=5)
    with app.view() as view:
        assert outbox.oldest_wait(view) == timedelta(0)
    clock.forward(seconds=25)
    with app.view() as view:
        assert outbox.oldest_wait(view) == timedelta(seconds=20)


def test_secrets_are_masked_however_deep_they_lie() -> None:
    payload = {"url": "https://example.com", "auth": {"apiKey": "x", "list": [{"signing_secret": ["y"]}]}, "tokens": 3}
    assert outbox.mask(payload) == {
        "url": "https://example.com",
        "auth": {"apiKey": "***", "list": [{"signing_secret": "***"}]},
        "tokens": "***",
    }


def test_a_secret_is_masked_wherever_a_text_holds_it() -> None:
    token = tokens.form("a" * 30)
    for text, shown in (
        (f"Use {token}, please.", "Use fops_***, please."),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("https://ops.example.com/console/link/a-b_c", "https://ops.example.com/console/link/***"),
        ("smtp://ada:pass%20word@mail.example.com:25", "smtp://ada:***@mail.example.com:25"),
        ("Nothing to hide at https://example.com:8080/a@b", "Nothing to hide at https://example.com:8080/a@b"),
    ):
        assert outbox.mask({"body": [text]}) == {"body": [shown]}
