"""What the assistant wrote is kept, judged by people and acted upon by nobody."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from flowops import errors
from flowops.actions import artifacts, ownership
from flowops.app import App
from flowops.domain import events, jobs
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.artifacts import DRAFT, RISK, SUMMARY, Judgement, Status
from flowops.storage import tables
from tests import assistant, cases, verbs
from tests.conftest import Clock

EXTENDED = events.ClaimExtended.name
LEVEL: dict[str, Any] = {"reasons": [], "flags": []}


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


@pytest.fixture
def case(app: App, ada: Actor) -> tables.Handoff:
    """A case that Ada owns."""
    made = cases.case(app, ada)
    with app.unit(ada) as unit:
        ownership.claim(unit, made.id, lease=app.settings.claim_lease)
    return made


def judge(app: App, by: Actor, artifact_id: str, verdict: Judgement, **more: Any) -> None:
    with app.unit(by) as unit:
        artifacts.review(unit, artifact_id, verdict, lease=app.settings.claim_lease, **more)


def reviews(app: App) -> Sequence[tables.ArtifactReview]:
    with app.view() as view:
        return view.session.scalars(select(tables.ArtifactReview).order_by(tables.ArtifactReview.id)).all()


def entries(app: App, event: str) -> Sequence[tables.AuditEntry]:
    with app.view() as view:
        return view.session.scalars(select(tables.AuditEntry).where(tables.AuditEntry.event == event)).all()


def current(app: App, case: tables.Handoff) -> tables.Handoff:
    with app.view() as view:
        return view.session.get_one(tables.Handoff, case.number)


def copy(app: App, case: tables.Handoff) -> None:
    with app.unit(SYSTEM) as unit:
        artifacts.copy_signals(unit, case.id)


def test_every_judgement_is_kept_and_recorded_and_the_artifact_stays(
    app: App, ada: Actor, case: tables.Handoff, clock: Clock
) -> None:
    id = assistant.write(app, case, DRAFT)
    with app.view() as view:
        before = view.session.get_one(tables.Artifact, id)
    edited = (before.content or {}) | {"body": "We are looking into it."}
    before_version = current(app, case).version
    clock.forward(minutes=5)
    judge(app, ada, id, Judgement.REJECTED, reason="Too cold.")
    judge(app, ada, id, Judgement.EDITED, content=edited)
    found = {review.verdict: review for review in reviews(app)}
    assert {v: (r.reason, r.content, r.reviewer_id) for v, r in found.items()} == {
        Judgement.REJECTED: ("Too cold.", None, ada.id),
        Judgement.EDITED: (None, edited, ada.id),
    }
    with app.view() as view:
        assert view.session.get_one(tables.Artifact, id).content == before.content
    assert [(e.actor_id, e.data["verdict"]) for e in entries(app, "artifact.reviewed")] == [
        (ada.id, "rejected"),
        (ada.id, "edited"),
    ]
    after = current(app, case)
    assert after.version == before_version
    assert after.claim_expires_at == clock.now + app.settings.claim_lease


def test_the_same_judgement_again_is_written_down_once(app: App, ada: Actor, case: tables.Handoff) -> None:
    id = assistant.write(app, case, SUMMARY)
    for _ in range(2):
        judge(app, ada, id, Judgement.ACCEPTED)
    judge(app, cases.person(app, "Tom"), id, Judgement.ACCEPTED)
    judge(app, ada, id, Judgement.REJECTED, reason="It misses the point.")
    judge(app, ada, id, Judgement.ACCEPTED)
    assert len(reviews(app)) == len(entries(app, "artifact.reviewed")) == 4


def test_what_is_no_judgement_is_refused(app: App, ada: Actor, case: tables.Handoff) -> None:
    id = assistant.write(app, case, DRAFT)
    unusable = assistant.write(app, case, DRAFT, status=Status.REJECTED)
    whole = {"subject": "Re", "body": "Text", "claims": [], "uncertainties": []}
    for artifact_id, verdict, content in (
        (id, Judgement.EDITED, None),
        (id, Judgement.ACCEPTED, whole),
        (id, Judgement.REJECTED, whole),
        (id, Judgement.EDITED, whole | {"send": True}),
        (id, Judgement.EDITED, {"body": "Only this"}),
        (unusable, Judgement.ACCEPTED, None),
    ):
        with pytest.raises(errors.Invalid):
            judge(app, ada, artifact_id, verdict, content=content)
    with pytest.raises(errors.NotFound):
        judge(app, ada, "art_nothing", Judgement.ACCEPTED)
    with pytest.raises(errors.NotFound, match=f"no artifact {id}"):
        judge(app, cases.person(app, "Eve", queues=["elsewhere"]), id, Judgement.ACCEPTED)
    with pytest.raises(errors.NotPermitted):
        judge(app, cases.person(app, "Vera", Role.VIEWER), id, Judgement.ACCEPTED)
    with pytest.raises(errors.StaleVersion):
        judge(app, ada, id, Judgement.ACCEPTED, version=99)
    assert reviews(app) == []


def ask(app: App, by: Actor, case: tables.Handoff, kind: str) -> str:
    with app.unit(by) as unit:
        return artifacts.request(unit, case.id, kind, lease=app.settings.claim_lease)


def test_asking_for_an_artifact_extends_the_claim(app: App, ada: Actor, case: tables.Handoff, clock: Clock) -> None:
    clock.forward(minutes=5)
    ask(app, ada, case, RISK)
    assert current(app, case).claim_expires_at == clock.now + app.settings.claim_lease


def test_what_is_asked_or_judged_again_extends_the_claim_and_only_that_is_recorded(
    app: App, ada: Actor, case: tables.Handoff, clock: Clock
) -> None:
    written = assistant.write(app, case, DRAFT)
    judge(app, ada, written, Judgement.ACCEPTED)
    ends = []
    for again in (lambda: ask(app, ada, case, SUMMARY), lambda: judge(app, ada, written, Judgement.ACCEPTED)):
        clock.forward(minutes=5)
        again()
        ends.append(clock.now + app.settings.claim_lease)
        assert current(app, case).claim_expires_at == ends[-1]
        again()  # in the same moment, so that nothing lasts longer
    recorded = [datetime.fromisoformat(entry.data["claim_expires_at"]) for entry in entries(app, EXTENDED)]
    assert (recorded, entries(app, "artifact.requested"), len(reviews(app))) == (ends, [], 1)
    ask(app, cases.person(app, "Tom"), case, SUMMARY)
    assert len(entries(app, EXTENDED)) == 2, "it is not theirs"


def test_a_late_owner_neither_asks_nor_judges(app: App, ada: Actor, case: tables.Handoff, clock: Clock) -> None:
    written = assistant.write(app, case, DRAFT)
    clock.forward(minutes=15)
    with pytest.raises(errors.ClaimExpired):
        ask(app, ada, case, RISK)
    with pytest.raises(errors.ClaimExpired):
        judge(app, ada, written, Judgement.ACCEPTED)
    assert reviews(app) == []


def test_judging_what_was_written_for_a_case_that_is_resolved_makes_no_claim_of_it(
    app: App, ada: Actor, case: tables.Handoff, clock: Clock
) -> None:
    written = assistant.write(app, case, DRAFT)
    verbs.resolve(app, ada, case.id)
    clock.forward(minutes=5)
    judge(app, ada, written, Judgement.ACCEPTED)
    assert current(app, case).claim_expires_at is None


def test_the_newest_usable_risk_is_copied_and_the_version_stays(app: App, case: tables.Handoff) -> None:
    before = current(app, case)
    copy(app, case)
    assert current(app, case).risk_level is None
    assistant.write(app, case, RISK, content={"level": "low", **LEVEL})
    high = assistant.write(app, case, RISK, content={"level": "high", **LEVEL})
    assistant.write(app, case, RISK, status=Status.REJECTED, content={"level": "medium", **LEVEL})
    for _ in range(2):
        copy(app, case)
    after = current(app, case)
    assert (after.risk_level, after.version, after.updated_at) == ("high", before.version, before.updated_at)
    [entry] = entries(app, "handoff.risk_copied")
    assert (entry.actor_kind, entry.data["artifact_id"], entry.data["risk_level"]) == ("system", high, "high")


def test_only_a_usable_risk_assessment_asks_for_the_copy(app: App, case: tables.Handoff) -> None:
    def waiting() -> int:
        with app.view() as view:
            topic = tables.Job.topic == jobs.CopySignals.topic
            return len(view.session.scalars(select(tables.Job).where(topic)).all())

    assistant.write(app, case, SUMMARY)
    assistant.write(app, case, DRAFT)
    assistant.write(app, case, RISK, status=Status.REJECTED)
    assert waiting() == 0
    assistant.write(app, case, RISK)
    assert waiting() == 1
