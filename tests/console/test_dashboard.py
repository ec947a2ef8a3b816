"""The dashboard as its readers meet it: figures, charts, the same numbers as tables and files, and the way behind."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from flowops.actions import handoffs, ownership
from flowops.app import App
from flowops.console import render
from flowops.domain.access import Actor, Role
from flowops.domain.handoffs import Outcome, Priority
from tests import cases, delivery
from tests.conftest import Clock
from tests.console.browser import SMALL, Open, once
from tests.console.visitor import Visitor
from tests.delivery import Ring


@pytest.fixture
def ada(app: App) -> Actor:
    """Somebody whose name a spreadsheet would take for a formula."""
    return cases.person(app, "=Ada")


@pytest.fixture
def hour(app: App, ada: Actor, clock: Clock) -> None:
    """An hour in which three cases arrived, one was resolved, one got late, and one job died."""
    first, _, _ = (cases.case(app, ada, priority=each) for each in (Priority.LOW, Priority.URGENT, Priority.LOW))
    clock.forward(minutes=5)
    with app.unit(ada) as unit:
        ownership.claim(unit, first.id, lease=timedelta(hours=1))
    clock.forward(minutes=10)
    with app.unit(ada) as unit:
        handoffs.resolve(unit, first.id, Outcome.ANSWERED, "Done.")
    delivery.enqueue(app, Ring(bell="a"))
    (job,) = [job for job in delivery.claim(app) if job.topic == Ring.topic]
    delivery.bury(app, job)
    clock.forward(minutes=40)


def rows(page: str, title: str) -> list[list[str]]:
    """The cells of the table in the card of this title."""
    card = next(card for card in page.split('<section class="chart')[1:] if title in card)
    (body,) = re.findall("<tbody>(.*?)</tbody>", card, re.DOTALL)
    cells = [re.findall("<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in body.split("</tr>")]
    return [[re.sub("<[^>]*>", "", cell).strip() for cell in row] for row in cells if row]


def tiles(page: str) -> dict[str, list[str]]:
    """What each figure says, by its title."""
    found = re.findall('<li class="tile">(.*?)</li>', page, re.DOTALL)
    texts = [[line.strip() for line in re.sub("<[^>]*>", "", tile).splitlines() if line.strip()] for tile in found]
    return {title: words for title, *words in texts}


@pytest.mark.usefixtures("hour")
def test_the_figures_of_an_hour_need_no_script(app: App, ada: Actor, sign_in: Callable[..., Visitor]) -> None:
    sam = sign_in("Sam", Role.SUPERVISOR)
    page = sam.get("/dash?range=1h").text
    assert tiles(page) == {
        "Need a person now": ["2", "+2 in the last hour", "1 overdue"],
        "First response, median": ["5:00", "Nothing to compare with"],
        "SLA met": ["100%", "Nothing to compare with", "0 of 2 broken"],
        "Drafts sent unchanged": ["–", "No draft was judged."],
        "Dead letters": ["1", "1 buried, 0 in the hour before", "the oldest 40 min ago"],
    }
    flow = rows(page, "Arrived and resolved")
    assert [(at, *map(int, numbers)) for at, *numbers in flow if numbers != ["0", "0"]] == [
        ("22 Nov, 11:55 UTC", 3, 0),
        ("22 Nov, 12:10 UTC", 0, 1),
    ]
    assert rows(page, "Open cases by age")[1] == ["15–60 min", "1"]
    assert rows(page, "Operators") == [["=Ada", "0", "1", "10:00"]]
    assert page.count('<rect class="line-1"') == page.count('<rect class="line-2"') == 12
    for link in ("/console/dash/promises?range=1h", "/console/q/needs-a-person", "/console/dead"):
        assert f'href="{link}"' in page
        assert sam.client.get(link).status_code == 200
    behind = sam.get("/dash/response?range=1h").text
    assert re.findall(r'href="/console/case/(H-\d+)"', behind) == ["H-1"]
    assert "5:00" in behind
    assert 'href="/console/dead"' not in sign_in("Vera", Role.VIEWER).get("/dash").text


@pytest.mark.usefixtures("hour")
def test_each_chart_is_a_file_in_which_nothing_is_a_formula(sign_in: Callable[..., Visitor]) -> None:
    vera = sign_in("Vera", Role.VIEWER)
    page = vera.get("/dash?range=1h").text
    series = re.findall(r'href="/console/dash.csv\?([^"]*)series=(\w+)"', page)
    assert {name for _, name in series} == {"flow", "ages", "operators", "reasons", "outcomes", "assistant"}
    found = {}
    for given, name in series:
        answer = vera.get(f"/dash.csv?{given.replace('&amp;', '&')}series={name}")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}-1h.csv"'
        found[name] = list(csv.reader(io.StringIO(answer.text)))
    assert found["operators"] == [["Name", "Open", "Resolved", "Median handling"], ["'=Ada", "0", "1", "600.000"]]
    assert [row for row in found["flow"] if row[1:] != ["0", "0"]] == [
        ["From", "Arrived", "Resolved"],
        ["2026-11-22T11:55:00Z", "3", "0"],
        ["2026-11-22T12:10:00Z", "0", "1"],
    ]


def test_what_the_dashboard_does_not_have_is_refused(sign_in: Callable[..., Visitor]) -> None:
    ada = sign_in("Ada")
    for path, status in (
        ("/dash?range=2h", 422),
        ("/dash?queue=other", 404),
        ("/dash/luck", 404),
        ("/dash.csv?series=luck", 404),
        ("/dash.csv", 404),
    ):
        assert ada.get(path).status_code == status, path


def test_somebody_of_several_queues_looks_at_one_of_them(app: App, sign_in: Callable[..., Visitor]) -> None:
    ada, eve = sign_in("Ada"), sign_in("Eve", queues=("default", "other"))
    assert eve.actor
    cases.case(app, eve.actor, queue="other")
    assert "<select" not in ada.get("/dash").text
    for query, waiting in (("", "1"), ("?queue=other", "1"), ("?queue=default", "0")):
        page = eve.get(f"/dash{query}").text
        assert tiles(page)["Need a person now"][0] == waiting
        assert page.count(query.removeprefix("?").replace("queue=", "&amp;queue=")) >= 5
    assert tiles(ada.get("/dash").text)["Need a person now"][0] == "0"


@once
@pytest.mark.usefixtures("hour")
def test_a_browser_draws_the_numbers_of_the_table_by_the_readers_clock(app: App, open_page: Open) -> None:
    page = open_page(cases.person(app, "Sam Okafor", Role.SUPERVISOR), locale="de-DE", timezone_id="Asia/Kolkata")
    page.get_by_role("link", name="Dashboard").click()
    expect(page.locator(".rail [aria-current]")).to_have_text("Dashboard")
    expect(page.locator("[data-chart] canvas")).to_be_visible()
    expect(page.locator(".columns")).to_have_count(0)
    drawn = page.locator("[data-chart] .drawing").bounding_box()
    assert drawn
    page.mouse.move(drawn["x"] + drawn["width"] - 25, drawn["y"] + 80)
    expect(page.locator("[data-chart] output")).to_have_text("22. Nov., 17:25: 3 arrived, 1 resolved")
    page.get_by_text("Show as table: Arrived and resolved").click()
    last = page.locator("[data-chart] tbody tr").last
    expect(last).to_have_text(re.compile(r"^\s*22\. Nov\., 17:25\s*3\s*1\s*$"))  # 11:55 UTC
    page.emulate_media(color_scheme="dark")
    page.get_by_role("link", name="First response").click()
    expect(page.get_by_role("heading", name="First responses")).to_be_visible()
    expect(page.get_by_role("link", name="H-1")).to_be_visible()


@once
@pytest.mark.usefixtures("hour")
def test_the_dashboard_fits_a_narrow_window_and_a_fingertip(app: App, open_page: Open) -> None:
    sam = cases.person(app, "Sam Okafor", Role.SUPERVISOR, ("default", "o" * 60))
    page = open_page(sam)
    for width in (320, 760, 1180):
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("dash", "dash/response"):
            page.goto(f"/console/{path}")
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), width
            assert page.evaluate(SMALL) == [], path


def test_a_module_finds_what_it_imports_beside_itself(stranger: Visitor) -> None:
    script = stranger.client.get(render.asset("dashboard.js"))
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    (imported,) = re.findall(r'from "\./(.+)"', script.text)
    answer = stranger.client.get(render.asset("dashboard.js").replace("dashboard.js", imported))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "vendor/vendor.lock.json" not in render.ASSETS
