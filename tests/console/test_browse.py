"""Lists and cases as pages."""

import re
from collections.abc import Callable

import pytest

from flowops.actions import ownership
from flowops.app import App
from flowops.domain.access import Role
from flowops.domain.handoffs import Priority
from tests import cases, verbs, world
from tests.conftest import Clock
from tests.console.visitor import Visitor


@pytest.fixture
def ada(sign_in: Callable[..., Visitor]) -> Visitor:
    return sign_in("Ada Byron", queues=("default", "billing"))


def labels(page: str) -> list[str]:
    """The numbers of the cases a list shows, in its order."""
    return re.findall(r'<span class="num">(H-\d+)</span>', page)


def test_the_console_begins_with_those_who_need_a_person(ada: Visitor) -> None:
    answer = ada.client.get("/console", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.url.path == "/console/q/needs-a-person"
    assert "Nobody is waiting." in answer.text


def test_each_view_shows_its_cases_and_the_rail_counts_them(app: App, ada: Visitor) -> None:
    bot = world.service(app)
    waiting, mine, done = (cases.case(app, bot, title=title) for title in ("Waiting", "Mine", "Done"))
    lease = app.settings.claim_lease
    assert ada.actor
    for handoff in (mine, done):
        with app.unit(ada.actor) as unit:
            ownership.claim(unit, handoff.id, lease=lease)
    ada.resolve(done.label, outcome="other")
    shown = {view: labels(ada.get(f"/q/{view}").text) for view in ("mine", "needs-a-person", "unassigned", "all")}
    assert {view: set(rows) for view, rows in shown.items()} == {
        "mine": {mine.label},
        "needs-a-person": {waiting.label, mine.label},
        "unassigned": {waiting.label},
        "all": {waiting.label, mine.label, done.label},
    }
    counted = re.findall(
        r"(My work|Needs a person|Unassigned)\s*<span class=\"num\">(\d+)</span>", ada.get("/q/all").text
    )
    assert dict(counted) == {"My work": "1", "Needs a person": "2", "Unassigned": "1"}


def test_a_list_is_filtered_and_ordered_by_its_address(app: App, ada: Visitor, clock: Clock) -> None:
    bot = world.service(app)
    low = cases.case(app, bot, title="Low", priority=Priority.LOW)
    clock.forward(minutes=1)
    urgent = cases.case(app, bot, title="Urgent", priority=Priority.URGENT)
    clock.forward(minutes=1)
    billing = cases.case(app, bot, title="Billing", priority=Priority.LOW, queue="billing")
    for query, expected in (
        ("", [urgent, low, billing]),
        ("?sort=-created", [billing, urgent, low]),
        ("?priority=low", [low, billing]),
        ("?priority=low&queue=billing", [billing]),
        ("?status=claimed", []),
        ("?assignee=none&sort=due&cursor=", [urgent, low, billing]),
    ):
        page = ada.get(f"/q/all{query}").text
        assert labels(page) == [handoff.label for handoff in expected], query
    page = ada.get("/q/all?priority=low&queue=billing&sort=-created").text
    assert 'href="/console/q/all?queue=billing&amp;sort=-created"' in page  # the priority is taken away
    assert 'aria-sort="descending"' in page
    assert "No case matches." in ada.get("/q/all?status=claimed").text


def test_a_filtered_list_says_how_many_of_its_view_it_holds(app: App, ada: Visitor) -> None:
    bot = world.service(app)
    for priority in (Priority.LOW, Priority.LOW, Priority.HIGH):
        cases.case(app, bot, priority=priority)

    def head(path: str) -> str:
        found = re.search(r'</h1>\s*<span class="quiet num">([^<]*)</span>', ada.get(f"/q/{path}").text)
        return found[1] if found else ""

    assert head("needs-a-person") == "3"
    assert head("needs-a-person?priority=low") == "2 of 3"
    assert head("needs-a-person?q=priority:high charged") == "1 of 3"
    assert head("needs-a-person?q=nobody") == "0 of 3"
    assert (head("all"), head("all?priority=low")) == ("", "2")


def test_words_that_cannot_be_looked_for_stay_in_their_field_with_the_reason(app: App, ada: Visitor) -> None:
    ref = cases.case(app, world.service(app)).label
    answer = ada.get(f"/q/all?q=due:tomorrow refund&priority=high&case={ref}")
    assert answer.status_code == 422
    assert 'value="due:tomorrow refund"' in answer.text
    assert 'aria-describedby="search-wrong"' in answer.text
    assert "due cannot be &#39;tomorrow&#39;: it reads like due:&lt;1h or due:&gt;2d." in answer.text
    assert (labels(answer.text), "Needs a person" in answer.text) == ([], True)
    assert "I was charged twice." in answer.text  # the open case stays
    assert ada.post(f"/case/{ref}/claim?in=all&q=due:tomorrow").status_code == 303


def test_what_is_due_comes_first_and_what_is_resolved_last(app: App, ada: Visitor, clock: Clock) -> None:
    bot = world.service(app)
    done, mine = (cases.case(app, bot, title=title) for title in ("Done", "Mine"))
    clock.forward(minutes=5)
    late, none, soon = (cases.case(app, bot, promise=promise, priority=priority) for promise, priority in (
        (True, Priority.LOW), (False, Priority.HIGH), (True, Priority.URGENT),
    ))  # fmt: skip
    assert ada.actor
    for handoff in (done, late, none, soon):
        verbs.claim(app, ada.actor, handoff.id)
    ada.resolve(done.label, outcome="other")
    assert labels(ada.get("/q/all").text) == [each.label for each in (mine, soon, late, none, done)]
    assert labels(ada.get("/q/mine").text) == [each.label for each in (soon, late, none)]


def test_more_than_a_page_is_loaded_by_where_the_last_row_stood(app: App, ada: Visitor) -> None:
    bot = world.service(app)
    made = {cases.case(app, bot, title=f"Case {number}").label for number in range(51)}
    first = ada.get("/q/all?priority=high").text
    onward = re.search(r'href="(/console/q/all\?[^"]*cursor=[^"]*)">Load more', first)
    assert onward
    second = ada.client.get(onward[1].replace("&amp;", "&")).text
    assert (len(labels(first)), len(labels(second))) == (50, 1)
    assert set(labels(first)) | set(labels(second)) == made
    assert "Back to the start" in second


def test_an_address_that_means_nothing_is_a_page_that_says_so(ada: Visitor) -> None:
    for path, status in (
        ("/q/nowhere", 404),
        ("/q/all?sort=colour", 422),
        ("/q/all?status=lost", 422),
        ("/q/all?cursor=x", 422),
        ("/q/all?cursor=ZHVlIDUgMDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OQ==", 422),  # due 5, in year 1 of another time zone
        ("/q/all?sort=-created&cursor=LWNyZWF0ZWQgNSA=", 422),  # -created 5, without a time
        ("/q/%00", 422),
        ("/case/H-999", 404),
        ("/case/H-99999999999999999999", 404),
        ("/q/all?case=H-999", 404),
    ):
        answer = ada.get(path)
        assert answer.status_code == status, path
        assert "Go to the queue" in answer.text


def test_a_case_beside_its_list_keeps_the_list(app: App, ada: Visitor) -> None:
    ref = cases.case(app, world.service(app)).label
    page = ada.get(f"/q/needs-a-person?priority=high&case={ref}").text
    assert labels(page).count(ref) == 1
    assert 'aria-current="true"' in page
    assert f'href="/console/q/needs-a-person?priority=high&amp;case={ref}"' in page
    assert f'action="/console/case/{ref}/claim?in=needs-a-person&amp;priority=high"' in page


def test_a_viewer_reads_everything_and_is_offered_nothing(app: App, sign_in: Callable[..., Visitor]) -> None:
    ref = cases.case(app, world.service(app)).label
    page = sign_in("Vic", Role.VIEWER).get(f"/case/{ref}").text
    assert re.findall(r'method="post" action="([^"]*)"', page) == ["/console/logout"]


def test_what_people_wrote_is_inert(app: App, ada: Visitor) -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}'\"&"
    handoff = cases.case(
        app,
        world.service(app),
        title=nasty,
        messages=({"role": "customer", "text": nasty, "at": "2026-11-22T11:00:00Z"},),
    )
    ada.post(f"/case/{handoff.label}/note", text=nasty)
    ada.post(f"/case/{handoff.label}/claim")
    ada.post(f"/case/{handoff.label}/reply", body=nasty, caseId=handoff.id)
    for page in (
        ada.get(f"/q/all?case={handoff.label}").text,
        ada.post(f"/case/{handoff.label}/resolve", outcome="other", notes=nasty).text,
        ada.get(f"/q/{nasty}").text,
    ):
        assert "<script>" not in page
        assert "<img" not in page
        assert "49'" not in page
    assert ada.get(f"/case/{handoff.label}").text.count("&lt;script&gt;") >= 4


def test_a_long_message_is_folded(app: App, ada: Visitor) -> None:
    text = "word " * 1000
    message = {"role": "customer", "text": text, "at": "2026-11-22T11:00:00Z"}
    page = ada.get(f"/case/{cases.case(app, world.service(app), messages=(message,)).label}").text
    assert "Show the rest" in page
    assert page.count("word ") == page.count("word") - 2  # split once, nothing lost: both parts end in a word
