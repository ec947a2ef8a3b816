"""The demonstration: a told story, and a world to click through, that leave nothing behind."""

import re
import signal
import tempfile
from pathlib import Path

import httpx
import pytest

from flowops import app as application
from flowops import settings
from flowops.cli.demo import cases, seed, world
from flowops.domain import effects
from flowops.queries import audit, handoffs, outbox
from flowops.queries import effects as effect_queries
from tests.cli.conftest import Flowops, Spawn


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


def test_the_seeded_world_is_the_same_every_time_and_has_something_of_everything(environment: Path) -> None:
    built = application.build(settings.load())
    seed.seed(built.settings, world.now(built))
    with built.view() as view:
        found = handoffs.search(view).items
        proposals = effect_queries.search(view).items
        jobs, _ = outbox.search(view, limit=200)
        newest = audit.search(view).items[0]
    assert {listed.handoff.reason for listed in found} == {
        "verification_failed",
        "policy_boundary",
        "escalated",
        "low_confidence",
        "other",
    }
    assert {listed.handoff.status for listed in found} == {"pending", "claimed", "resolved"}
    assert {listed.handoff.outcome for listed in found if listed.handoff.outcome} == {
        "answered",
        "other",
        "approved",
        "duplicate",
    }
    assert all(listed.has_summary for listed in found)
    assert {p.effect.status for p in proposals} == {
        effects.Status.PROPOSED,
        effects.Status.DONE,
        effects.Status.DECLINED,
    }
    assert any(p.effect.approvals_needed == 2 and len(p.approvals) == 1 for p in proposals)
    assert {job.status for job in jobs} == {"done"}
    assert newest.data == {"cases": len(cases.CASES)}
    assert sorted((h.handoff.label, h.handoff.title) for h in found)[0] == (
        "H-1",
        "What happens to my projects if I stop for a while?",
    )
    built.close()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_the_world_can_be_entered_by_its_link_and_is_gone_when_it_is_stopped(
    spawn: Spawn, scratch: Path, by: signal.Signals
) -> None:
    # Whatever real systems are configured, the demonstration does not reach them.
    running = spawn("demo", "--port", "0", COLUMNS="40", FLOWOPS_ACCOUNTS_URL="http://127.0.0.1:9")
    said = running.wait_for("/console/link/")
    link = said.splitlines()[-1]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/console/link/[\w-]{43}", link)
    assert "Sam Okafor, supervisor" in said
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(link).text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        form = {"csrf": token[1]} if token else {}
        queue = browser.post(link, data=form, headers={"Origin": link[: link.index("/console")]}, follow_redirects=True)
    assert queue.status_code == 200
    assert "A login I do not know" in queue.text
    assert running.stop(by) == 0
    assert list(scratch.iterdir()) == []


def test_a_demonstration_stopped_while_it_begins_leaves_nothing(spawn: Spawn, scratch: Path) -> None:
    running = spawn("demo", "--port", "0")
    while not list(scratch.iterdir()):
        assert running.process.poll() is None
    running.stop()
    assert list(scratch.iterdir()) == []
