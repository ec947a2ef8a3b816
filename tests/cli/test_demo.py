"""The demonstration: a told story, and a world to click through, that leave nothing behind."""

import json
import random
import re
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path

import httpx
import pytest

from flowops import app as application
from flowops import settings
from flowops.app import App
from flowops.cli import demo
from flowops.cli.demo import cases, seed, trickle, world
from flowops.domain import effects
from flowops.domain.access import Actor
from flowops.domain.artifacts import NAMED, Judgement
from flowops.domain.filters import Filters, Waiting
from flowops.domain.handoffs import Outcome, Priority, Reason, Status, Tier, WaitingFor
from flowops.queries import artifacts, audit, handoffs, outbox
from flowops.queries import effects as effect_queries
from tests.cli.conftest import Flowops, Spawn
from tests.conftest import NOW

AFTERNOON = [case for case in cases.everything() if case.queue == "payments" and case.ago < timedelta(hours=8)]


@dataclass(frozen=True)
class Week:
    """The demonstration's app, and its people by their short names."""

    app: App
    people: dict[str, Actor]


@pytest.fixture
def scratch(environment: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demonstration puts its folder."""
    folder = environment / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_story_shows_every_step_and_leaves_nothing(flowops: Flowops, scratch: Path) -> None:
    ran = flowops("demo", "--once")
    assert ran.code == 0
    steps = re.findall(r"^\d+\. ([\w ]+?) ─", ran.out, re.MULTILINE)
    assert steps == [
        "The request",
        "Facts and checks",
        "The verdict",
        "The handoff",
        "The summary",
        "The claim",
        "The approval",
        "The execution",
        "The resolution",
        "The record",
    ]
    for words in (
        "250.00 EUR is above the automatic limit of 100.00 EUR",
        "claims grounded",
        "Priya Shah owns H-1",
        "Not claimed: Priya Shah has owned this case",
        "receipt rf_",
        "H-1 is resolved: approved",
    ):
        assert words in " ".join(ran.out.split())
    assert re.findall(r"^\d+ .* ([\w.]+) *$", ran.out, re.MULTILINE)[-9:] == [
        "request.received",
        "handoff.created",
        "effect.proposed",
        "artifact.created",
        "handoff.claimed",
        "effect.approved",
        "effect.started",
        "effect.done",
        "handoff.resolved",
    ]
    assert ran.err == ""
    assert list(scratch.iterdir()) == []


@pytest.fixture
def afternoon(tmp_path: Path) -> Iterator[Week]:
    """The cases of payments of the last hours."""
    built = application.build(settings.load(database_url=f"sqlite:///{tmp_path}/afternoon.db"), seed.Clock(NOW))
    yield Week(built, seed.seed(built.settings, NOW, AFTERNOON))
    built.close()


def test_the_same_cases_happen_the_same_way_every_time(afternoon: Week, tmp_path: Path) -> None:
    again = application.build(settings.load(database_url=f"sqlite:///{tmp_path}/again.db"), seed.Clock(NOW))
    seed.seed(again.settings, NOW, AFTERNOON)
    assert _what_happened(afternoon.app) == _what_happened(again)
    again.close()


def test_everybody_of_the_demonstration_is_made_up() -> None:
    for name in ("saas", "payments", "trust", "trickle"):
        text = resources.files(demo).joinpath("data", f"{name}.toml").read_text("utf-8")
        named = re.findall(r"@[\w-]+\.[\w.-]+|\b(?:[\w-]+\.)+(?:com|org|net|io|eu|de|fr|es|uk)\b", text)
        assert [it for it in named if not re.fullmatch(r"(@?[\w-]+\.)?@?example\.(com|org)", it)] == []


def test_new_requests_keep_coming_in_and_customers_answer(afternoon: Week) -> None:
    def invented(start: int) -> list[tuple[str, str]]:
        dice = random.Random(7)
        made = [trickle.invent(afternoon.app, dice, number) for number in range(start, start + 40)]
        return [(case.subject, case.queue) for case in made]

    first = invented(1000)
    assert first == invented(1000 + 10 * len(cases.read("trickle")["cases"]))
    assert {queue for _, queue in first} == set(world.BOTS)
    waiting = Filters(waiting=Waiting.CUSTOMER)
    with afternoon.app.view() as view:
        before, waited = len(handoffs.search(view, limit=200).items), len(handoffs.search(view, waiting).items)
    stop = threading.Event()
    thread = threading.Thread(
        target=trickle.run, args=(afternoon.app, afternoon.people, stop), kwargs={"gap": (0.0, 0.01)}
    )
    thread.start()
    while True:
        with afternoon.app.view() as view:
            now, waits = len(handoffs.search(view, limit=200).items), len(handoffs.search(view, waiting).items)
        if now > before + 5 and waits < waited:
            break
    stop.set()
    thread.join()
    assert not thread.is_alive()


def test_the_week_has_everything_can_be_entered_and_asked_and_is_gone_when_it_is_stopped(
    spawn: Spawn, scratch: Path
) -> None:
    # Whatever real systems are configured, the demonstration does not reach them.
    running = spawn("demo", "--port", "0", "--quiet", COLUMNS="40", FLOWOPS_ACCOUNTS_URL="http://127.0.0.1:9")
    said = running.wait_for("Priya Shah, operator: ")
    links = dict(
        re.findall(r"^([\w ]+), supervisor: (http://127\.0\.0\.1:\d+/console/link/[\w-]{43})$", said, re.MULTILINE)
    )
    assert links.keys() == {"Sam Okafor", "Noor Haddad"}
    link = links["Sam Okafor"]
    origin = link[: link.index("/console")]
    with httpx.Client(trust_env=False, timeout=60) as browser:
        page = browser.get(link).text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        form = {"csrf": token[1]} if token else {}
        queue = browser.post(link, data=form, headers={"Origin": origin}, follow_redirects=True)
        assert queue.status_code == 200
        assert "A login I do not know" in queue.text
        for number in range(1, 65):
            assert browser.get(f"{origin}/console/case/H-{number}").status_code == 200, number
    (database,) = scratch.glob("*/flowops.db")
    app = application.build(settings.load(database_url=f"sqlite:///{database}"))
    _has_something_of_everything(app)
    app.close()
    assert running.err.read_text() == ""
    (command,) = [line for line in said.splitlines() if line.startswith("curl ")]
    ran = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["outcome"] == "handed_off"
    assert running.stop(signal.SIGINT) == 0
    assert list(scratch.iterdir()) == []


def test_a_demonstration_stopped_while_it_begins_leaves_nothing(spawn: Spawn, scratch: Path) -> None:
    running = spawn("demo", "--port", "0")
    running.wait_for("Stop it with")
    assert running.stop() == 0
    assert list(scratch.iterdir()) == []


def _what_happened(app: App) -> list[object]:
    """Everything that was said, decided and done, and when; without ids."""
    with app.view() as view:
        found = [handoffs.get(view, each.handoff.id) for each in handoffs.search(view, limit=200).items]
        happened: list[object] = [
            (h.label, h.title, h.status, h.priority, h.outcome_notes, h.created_at, h.sla_due_at, h.risk_level)
            for h in (case.handoff for case in found)
        ]
        happened += [(m.text, m.at) for case in found for m in case.messages]
        happened += [(n.author.name, n.text, n.created_at) for case in found for n in case.notes]
        happened += [
            (entry.row.event, entry.row.at, entry.actor_name)
            for case in found
            for entry in handoffs.timeline(view, case.handoff.id, limit=200).items
        ]
        happened += [
            (p.effect.kind, p.effect.status, p.effect.created_at, p.effect.updated_at, p.effect.params.get("body"))
            for p in sorted(effect_queries.search(view, limit=200).items, key=lambda p: p.effect.created_at)
        ]
    return happened


def _has_something_of_everything(app: App) -> None:
    with app.view() as view:
        found = handoffs.search(view, limit=200).items
        proposals = effect_queries.search(view, limit=200).items
        jobs, _ = outbox.search(view, limit=200)
        (seeded,) = audit.search(view, event="demo.seeded").items
        written = [shown for each in found for shown in artifacts.versions(view, each.handoff, limit=200).items]
        mails = app.sandbox.mails()
    listed = [each.handoff for each in found]
    assert len(listed) >= 64
    for name, values in {
        "status": set(Status),
        "reason": set(Reason),
        "priority": set(Priority),
        "tier": set(Tier),
        "outcome": {None, *Outcome},
        "waiting_for": {None, *WaitingFor},
        "queue": set(world.BOTS),
        "risk_level": {None, "low", "medium", "high"},
    }.items():
        assert {getattr(handoff, name) for handoff in listed} == values, name
    pending = [handoff for handoff in listed if handoff.status is Status.PENDING]
    assert {bool(handoff.sla_breached_at) for handoff in pending} == {True, False}
    assert any(handoff.sla_warned_at and not handoff.sla_breached_at for handoff in pending)
    assert len({handoff.claimed_by for handoff in listed if handoff.status is Status.CLAIMED}) >= 4
    assert {p.effect.status for p in proposals} == set(effects.Status)
    assert any(p.effect.approvals_needed == 2 and len(p.approvals) == 1 for p in proposals)
    assert {shown.artifact.kind for shown in written} == set(NAMED.values())
    assert {shown.stale for shown in written} == {True, False}
    assert {shown.review.verdict for shown in written if shown.review} == set(Judgement)
    assert all(each.has_summary for each in found)
    assert {job.topic for job in jobs if job.status == "dead"} == {"effect.execute", "mail.send"}
    assert len({handoff.created_at.date() for handoff in listed}) >= 7
    assert any(mail.recipient == "anke.seidel@example.org" for mail in mails)
    assert seeded.data == {"cases": len(cases.everything())}
