"""Policies and decisions as pages: the rules and what they showed, each decision explained, and taken again."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from playwright.sync_api import expect
from sqlalchemy import insert

from flowops.app import App
from flowops.console import again
from flowops.domain import policy, ruleset
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.facts import Facts
from flowops.domain.policy import Rule, Ruling
from flowops.queries import decisions
from flowops.storage import tables
from tests import cases, live, verbs, world
from tests.conftest import Clock
from tests.console.browser import SMALL, Open, once
from tests.console.visitor import Visitor

NASTY = "<script>alert(1)</script>"


@policy.rule("refund", mode="shadow")
def stops_all(facts: Facts) -> Ruling:
    """Denies every <refund>."""
    return policy.deny("none <at all>")


@policy.rule("refund", mode="shadow")
def fails(facts: Facts) -> Ruling:
    """Divides by zero."""
    raise ZeroDivisionError


@policy.rule("reply", mode="off")
def sleeps(facts: Facts) -> Ruling:
    """Is not asked."""
    return policy.abstain("never")


@pytest.fixture
def bot(app: App, site: str) -> Actor:
    return world.service(app)


def with_rules(app: App, *rules: Rule, mark: str = "a") -> App:
    """The same with more rules, under a version of their own."""
    return replace(app, policy=replace(app.policy, version="sha256:" + mark * 64, rules=(*app.policy.rules, *rules)))


@contextmanager
def serving(app: App) -> Iterator[None]:
    """While inside, the site decides with the rules of this one."""
    with live.server(app):
        yield


def strict(rule: Rule) -> Rule:
    return replace(rule, mode=policy.Mode.ON)


def test_rules_are_listed_with_what_they_do_their_mode_and_what_they_showed(
    app: App, bot: Actor, sign_in: Callable[..., Visitor]
) -> None:
    vera = sign_in("Vera", Role.VIEWER)
    ours = with_rules(app, stops_all, fails, sleeps)
    with serving(ours):
        page = vera.get("/policies").text
        assert "It has not decided anything yet." in page
        world.receive(ours, bot)
        page = vera.get("/policies").text
    assert re.search(r'href="/console/policies" data-key="p" title="G, then P" aria-current="page">', page)
    assert "Denies every &lt;refund&gt;." in page
    rows = dict(re.findall(r'<tr id="([\w.]+)">(.*?)</tr>', page, re.DOTALL))
    assert set(rows) == {rule.name for rule in ours.policy.rules}
    for rule, mode, kinds in ((stops_all, "shadow", "refund"), (sleeps, "off", "reply")):
        assert f'data-mode="{mode}">{mode}<' in rows[rule.name]
        assert f">{kinds}<" in rows[rule.name]
    assert 'data-mode="on">on<' in rows["refunds.age"]
    assert ">every request<" in rows["escalation.asked_for"]
    shown = rows[fails.name]
    assert f'href="/console/decisions?rule={fails.name}&amp;finding=diverged">1<' in shown
    assert f'href="/console/decisions?rule={fails.name}&amp;finding=failed">1<' in shown
    assert "finding=failed" not in rows[stops_all.name]
    assert "finding" not in rows["refunds.age"]


def test_a_version_says_since_when_it_decides_and_which_ones_did_before(
    app: App, bot: Actor, sign_in: Callable[..., Visitor], clock: Clock
) -> None:
    world.receive(app, bot)
    clock.forward(days=2)
    ours = with_rules(app)
    world.receive(ours, bot)
    sue = sign_in("Sue")
    with serving(ours):
        page = sue.get("/policies").text
    assert "It decides since 24 Nov 2026, 12:00:00 UTC" in page
    assert "1 version decided before" in page
    assert page.count(app.policy.version) == 1
    assert page.count("sha256:" + "a" * 64) == 1
    back = sue.get("/policies").text
    assert "others meanwhile, and now again" in back


def test_decisions_are_listed_newest_first_and_picked_by_outcome_rule_and_finding(
    app: App, bot: Actor, sue: Visitor
) -> None:
    assert "There is none yet." in sue.get("/decisions").text
    plain = world.receive(app, bot).decision_id
    shown = world.receive(with_rules(app, stops_all), bot, escalate=True, subject=NASTY).decision_id
    page = sue.get("/decisions").text
    assert page.index(shown) < page.index(plain)
    assert "&lt;script&gt;" in page
    assert NASTY not in page
    assert ">refund 49.00 EUR<" in page

    def found(query: str) -> list[bool]:
        page = sue.get(f"/decisions?{query}").text
        return [f"/console/decisions/{each}" in page for each in (plain, shown)]

    assert found("outcome=approve") == [True, False]
    assert found("outcome=review") == [False, True]
    assert found("rule=refunds.small_and_recent") == [True, False]
    assert found(f"finding=diverged&rule={stops_all.name}") == [False, True]
    assert found("finding=failed") == [False, False]
    with app.view(SYSTEM) as view:
        about = decisions.get(view, plain).subject_id
    assert found(f"subject={about}") == [True, False]
    assert "There is none like that." in sue.get("/decisions?outcome=deny").text
    for wrong in ("outcome=abstain", "finding=odd", "cursor=none"):
        assert sue.get(f"/decisions?{wrong}").status_code == 422


def test_a_filter_travels_along_to_the_next_page(app: App, bot: Actor, sue: Visitor) -> None:
    made = [world.receive(app, bot, escalate=True, external_id=f"n{n}").decision_id for n in range(51)]
    first = sue.get("/decisions?outcome=review").text
    shown = [each in first for each in made]
    assert shown == [False] + [True] * 50
    onward = f"/decisions?outcome=review&cursor={made[1]}"
    assert onward.replace("&", "&amp;") in first
    rest = sue.get(onward).text
    assert made[0] in rest
    assert 'href="/console/decisions?outcome=review">Back to the start<' in rest


def test_a_decision_shows_what_it_was_taken_from_and_each_rules_part_in_it(app: App, bot: Actor, sue: Visitor) -> None:
    ours = with_rules(app, stops_all, fails)
    tool = {"source": "tool:get_order", "at": "2026-11-22T11:00:00Z", "data": {"note": NASTY}}
    text = {"role": "customer", "text": f"{NASTY} again", "at": "2026-11-22T11:00:00Z"}
    request = world.receive(ours, bot, escalate=True, subject=NASTY, name=NASTY, tools=(tool,), messages=(text,))
    with serving(ours):
        page = sue.get(f"/decisions/{request.decision_id}").text
    assert NASTY not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5
    case = verbs.read(app, str(request.handoff_id))
    with app.view(SYSTEM) as view:
        row = decisions.get(view, request.decision_id)
    assert f'href="/console/case/{case.label}"' in page
    for fact in ("49.00 EUR", "inv_123", "cust_123", "ada@example.com", "22 Nov 2026, 11:00:00 UTC"):
        assert fact in page, fact
    for title in ("Asked", "Account", "Invoice", "Limits", "Checks", "History", "Messages", "Tool outputs"):
        assert re.search(rf"<h3 [^>]*>{title}</h3>", page), title
    for spoken in row.verdict["trace"]:
        assert f'id="{spoken["rule"]}"' in page
        for path in spoken["read"]:
            assert f"<code>{path}</code>" in page
    assert f'With <a class="ruling" href="/console/policies#{stops_all.name}">' in page
    assert '<span class="tag" data-tone="danger">failed</span>' in page
    assert "the version of now" in page
    assert sue.get("/decisions/dec_none").status_code == 404


def test_a_decision_says_that_nothing_would_be_different_today(app: App, bot: Actor, sue: Visitor) -> None:
    decision_id = world.receive(app, bot).decision_id
    page = sue.get(f"/decisions/{decision_id}").text
    assert "With the rules of today nothing is different: the outcome would be" in page
    assert "<th>As it was taken</th>" not in page


def test_a_decision_taken_again_shows_the_outcome_and_the_rulings_that_differ(
    app: App, bot: Actor, sue: Visitor
) -> None:
    decision_id = world.receive(app, bot).decision_id
    with serving(with_rules(app, strict(stops_all))):
        page = sue.get(f"/decisions/{decision_id}").text
    part = page[page.index('id="again"') : page.index('id="trace-title"')]
    assert re.search(r"the outcome would be .*deny</span> and was .*approve</span>. Why: none &lt;at all&gt;", part)
    assert part.count("<tr>") == 2  # the head, and the one rule that is new
    assert f"/console/policies#{stops_all.name}" in part
    assert "did not rule" in part
    assert "another version than now" in page
    with serving(with_rules(app, stops_all)):
        page = sue.get(f"/decisions/{decision_id}").text
    assert "but not every ruling" in page


def test_two_versions_that_ever_decided_are_compared_side_by_side(app: App, bot: Actor, sue: Visitor) -> None:
    head = "from flowops.domain.policy import Facts, Ruling, abstain, deny, rule\n\n@rule('refund')\n"
    own = "def own(facts: Facts) -> Ruling:\n    return {said}\n"
    mild, harsh = (ruleset.load({"a.py": head + own.format(said=said)}) for said in ("abstain('no')", "deny('yes')"))
    for each in (mild, harsh):
        world.receive(replace(app, policy=each), bot)
    decision_id = world.receive(app, bot).decision_id
    page = sue.get(f"/decisions/{decision_id}").text
    for each in (mild, harsh):
        assert page.count(f'<option value="{each.version}">') == 2
    page = sue.get(f"/decisions/{decision_id}?then={mild.version}&now={harsh.version}").text
    part = page[page.index('id="again"') : page.index('id="trace-title"')]
    assert re.search(r"With the second of them the outcome would be .*deny</span> and would be .*review", part)
    assert "Why: yes" in part
    assert part.count(f'<option value="{mild.version}" selected>') == 1
    assert part.index(f"<span>{mild.version}</span>") < part.index(f"<span>{harsh.version}</span>")
    assert part.count("<tr>") == 2
    answer = sue.get(f"/decisions/{decision_id}?then=sha256:unknown")
    assert answer.status_code == 404


def test_a_version_that_cannot_be_had_any_more_is_said_to_be_so(app: App, bot: Actor, sue: Visitor) -> None:
    forged = with_rules(app, stops_all)
    decision_id = world.receive(forged, bot).decision_id
    answer = sue.get(f"/decisions/{decision_id}?then={forged.policy.version}")
    assert answer.status_code == 422
    assert "is not the one it is the hash of" in answer.text


def test_a_decision_whose_facts_cannot_be_read_shows_what_is_left(app: App, bot: Actor, sue: Visitor) -> None:
    request = world.receive(app, bot)
    with app.view(SYSTEM) as view:
        kept = vars(decisions.get(view, request.decision_id))
    values = {column.name: kept[column.name] for column in tables.Decision.__table__.columns}
    with app.database.writing() as connection:
        connection.execute(insert(tables.Decision).values(values | {"id": "dec_0", "facts": {"asked": NASTY}}))
    page = sue.get("/decisions/dec_0")
    assert page.status_code == 200
    assert page.text.count("was erased or cannot be read") == 2
    assert NASTY not in page.text
    assert "/console/decisions/dec_0" in sue.get("/decisions").text
    assert "1 could not be: what it was taken from was erased" in sue.get("/policies/replay").text


def test_a_replay_counts_what_the_rules_of_now_would_change_and_changes_nothing(
    app: App, bot: Actor, sue: Visitor
) -> None:
    assert "There is no decision to take again" in sue.get("/policies/replay").text
    refund = world.receive(app, bot).decision_id
    reply = world.receive(app, bot, kind="reply", params={"body": "Hello."}, external_id="r").decision_id
    assert "0 of the last 2 decisions would be others" in sue.get("/policies/replay").text
    with serving(with_rules(app, strict(stops_all))):
        assert 'href="/console/policies/replay"' in sue.get("/policies").text
        page = sue.get("/policies/replay").text
    assert "1 of the last 2 decisions would be another" in page
    assert f'href="/console/decisions/{refund}#again"' in page
    assert reply not in page
    with app.view(SYSTEM) as view:
        assert decisions.count(view) == 2
        assert decisions.get(view, refund).outcome == "approve"


def test_a_replay_ends_in_time_and_says_what_it_left(app: App, bot: Actor) -> None:
    for n in range(5):
        world.receive(app, bot, external_id=f"n{n}")
    with app.view(SYSTEM) as view:
        rows = decisions.search(view).items
    ticks = iter(range(100))
    report = again.replay(rows, app.policy, seconds=3.0, clock=lambda: float(next(ticks)))
    assert (report.looked, report.left) == (2, 3)


def test_a_decision_of_another_queue_is_seen_nowhere(app: App, bot: Actor, sign_in: Callable[..., Visitor]) -> None:
    ours = with_rules(app, fails)
    cases.person(app, "Somebody", queues=("other",))
    decision_id = world.receive(ours, bot, escalate=True, queue="other").decision_id
    ada, max_ = sign_in("Ada"), sign_in("Max", queues=("other",))
    with serving(ours):
        for visitor, sees in ((ada, False), (max_, True)):
            assert (visitor.get(f"/decisions/{decision_id}").status_code == 200) is sees
            assert (decision_id in visitor.get("/decisions").text) is sees
            assert ("of the last 1 decision" in visitor.get("/policies/replay").text) is sees
            assert ("finding=failed" in visitor.get("/policies").text) is sees
            assert (decision_id in visitor.get("/decisions?finding=failed").text) is sees


def test_whoever_reads_cases_reads_policies_and_nobody_else(
    app: App, stranger: Visitor, bot: Actor, sign_in: Callable[..., Visitor]
) -> None:
    decision_id = world.receive(app, bot).decision_id
    paths = ("/policies", "/policies/replay", "/decisions", f"/decisions/{decision_id}")
    for role in (Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN):
        somebody = sign_in(role.capitalize(), role)
        assert [somebody.get(path).status_code for path in paths] == [200] * 4
        assert "/console/policies" in somebody.get("/q/all").text
    assert [stranger.get(path).status_code for path in paths] == [303] * 4


def test_an_effect_of_a_case_leads_to_the_decision_about_it(app: App, bot: Actor, sue: Visitor) -> None:
    effect = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    case = verbs.read(app, str(effect.handoff_id))
    with app.view(SYSTEM) as view:
        about = decisions.get(view, effect.decision_id)
    page = sue.get(f"/case/{case.label}").text
    for ruling in about.verdict["rulings"]:
        assert f'href="/console/decisions/{about.id}#{ruling["rule"]}"' in page
    assert f'href="/console/decisions/{about.id}">Its decision</a>' in page


@once
def test_a_ruling_leads_to_its_decision_and_that_to_the_rule(app: App, bot: Actor, open_page: Open) -> None:
    effect = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    case = verbs.read(app, str(effect.handoff_id))
    page = open_page(cases.person(app, "Vera Holm", Role.VIEWER))
    page.goto(f"/console/case/{case.label}")
    ruling = page.locator("#rulings").get_by_role("link").first
    name = ruling.inner_text()
    ruling.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Decision", exact=True)).to_be_visible()
    spoken = page.locator("tr:target")
    expect(spoken).to_contain_text(name)
    expect(page.get_by_text("Nothing is different")).to_be_visible()
    assert page.evaluate(SMALL) == []
    spoken.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name="Policies", exact=True)).to_be_visible()
    expect(page.locator("tr:target")).to_contain_text(name)
    version = page.locator(".digest").first
    expect(version).not_to_have_text(re.compile("^$"))
    version.focus()
    expect(version.get_by_text(app.policy.version, exact=True)).to_be_in_viewport()
    page.get_by_role("link", name="Replay on the last 200 decisions").click()
    expect(page.get_by_role("heading", name="0 of the last")).to_be_visible()


@once
def test_g_then_p_leads_to_the_policies_unless_somebody_writes_or_turned_it_off(app: App, open_page: Open) -> None:
    page = open_page(cases.person(app, "Ada Byron"))
    search, policies = page.get_by_label("Search cases"), page.get_by_role("heading", name="Policies", exact=True)
    search.focus()
    page.keyboard.type("gp")
    expect(search).to_have_value("gp")
    search.blur()
    page.keyboard.type("gp")
    expect(policies).to_be_visible()
    page.goto("/console/me")
    page.get_by_label("Keys lead to pages").uncheck()
    page.reload()
    expect(page.get_by_label("Keys lead to pages")).not_to_be_checked()
    page.get_by_label("Keys lead to pages").blur()
    page.keyboard.type("gp")
    page.get_by_label("Keys lead to pages").check()
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()
    page.get_by_label("Keys lead to pages").blur()
    page.keyboard.type("gp")
    expect(policies).to_be_visible()
