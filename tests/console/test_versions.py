"""Every version of what the assistant wrote, and what it was shown, as pages."""

from collections.abc import Callable

import pytest

from flowops.ai import generator
from flowops.app import App
from flowops.domain import artifacts as kinds
from flowops.domain.access import SYSTEM, Role
from flowops.domain.artifacts import Status
from flowops.queries import artifacts, audit
from flowops.storage import tables
from tests import cases, world
from tests.console.test_case import summarise
from tests.console.visitor import Visitor


@pytest.fixture
def handoff(app: App, site: str) -> tables.Handoff:
    """A case whose summary was written twice, and then failed."""
    made = cases.case(app, world.service(app), customer_id="cust_123", title="<b>Charged</b> twice")
    for _ in range(2):
        summarise(app, made)
    (good,) = generator.write(kinds.SUMMARY, {"handoff": {"title": "x"}}, app.generators)
    failed = generator.Attempt(
        status=Status.FAILED, content=None, grounding=None, provenance=good.provenance, reasons=("model timed out",)
    )
    summarise(app, made, [failed])
    return made


def versions(app: App, handoff: tables.Handoff) -> list[tables.Artifact]:
    with app.view(SYSTEM) as view:
        return [shown.artifact for shown in artifacts.versions(view, handoff).items]


def test_every_version_is_listed_and_can_be_read(
    app: App, sign_in: Callable[..., Visitor], handoff: tables.Handoff
) -> None:
    vic, here = sign_in("Vic", Role.VIEWER), f"/case/{handoff.label}/artifacts"
    assert f'href="/console{here}?kind=summary"' in vic.get(f"/case/{handoff.label}").text
    page = vic.get(f"{here}?kind=summary").text
    failed, second, first = versions(app, handoff)
    assert [page.index(f"{here}/{artifact.id}") for artifact in (failed, second, first)] == sorted(
        page.index(f"{here}/{artifact.id}") for artifact in (failed, second, first)
    )
    assert "Handoff summary v3" in page
    assert "has written nothing of this kind" in vic.get(f"{here}?kind=draft").text
    assert first.content
    read = vic.get(f"{here}/{first.id}").text
    assert first.content["nextStep"] in read
    assert "Key facts" in read
    assert "&lt;b&gt;Charged&lt;/b&gt;" in read
    assert "model timed out" in vic.get(f"{here}/{failed.id}").text
    assert "<form" not in read.replace('<form class="me"', "")


def test_what_it_was_shown_is_text_and_that_it_was_read_is_recorded(
    app: App, sign_in: Callable[..., Visitor], handoff: tables.Handoff
) -> None:
    vic, (*_, first) = sign_in("Vic", Role.VIEWER), versions(app, handoff)
    address = f"/case/{handoff.label}/artifacts/{first.id}/context"
    assert f'href="/console/case/{handoff.label}/artifacts/' in vic.get(f"/case/{handoff.label}").text
    page = vic.get(address).text
    assert "&lt;b&gt;Charged&lt;/b&gt; twice" in page
    assert "<b>Charged" not in page
    with app.view(SYSTEM) as view:
        (entry,) = audit.search(view, event="context.read").items
    assert (entry.actor_name, entry.row.handoff_id, entry.data["artifact_id"]) == ("Vic", handoff.id, first.id)


def test_a_version_belongs_to_its_case_and_to_those_who_see_it(
    app: App, sign_in: Callable[..., Visitor], handoff: tables.Handoff
) -> None:
    other, (newest, *_) = cases.case(app, world.service(app, "other")), versions(app, handoff)
    vic, eve = sign_in("Vic", Role.VIEWER), sign_in("Eve", Role.SUPERVISOR, ("elsewhere",))
    for who, label in ((vic, other.label), (eve, handoff.label)):
        for rest in ("", "/context"):
            assert who.get(f"/case/{label}/artifacts/{newest.id}{rest}").status_code == 404
    assert eve.get(f"/case/{handoff.label}/artifacts").status_code == 404
    assert vic.get(f"/case/{handoff.label}/artifacts?kind=poem").status_code == 404
    with app.view(SYSTEM) as view:
        assert audit.search(view, event="context.read").items == []
