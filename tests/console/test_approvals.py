"""What waits for my approval, as a page."""

import re
from collections.abc import Callable

from flowops.app import App
from flowops.domain.access import Role
from tests import cases, verbs, world
from tests.console.visitor import Visitor


def test_what_i_may_approve_is_listed_with_its_case_and_counted_in_the_rail(
    app: App, sign_in: Callable[..., Visitor]
) -> None:
    sue, ada = sign_in("Sue Park", Role.SUPERVISOR), sign_in("Ada")
    assert "Nothing waits for your approval." in sue.get("/approvals").text
    big = world.proposed(app, world.service(app), customer_id="cust_132", params=world.BIG, subject="<Charged> twice")
    page = sue.get("/approvals").text
    label = verbs.read(app, str(big.handoff_id)).label
    assert f'href="/console/case/{label}#{big.id}"' in page
    assert "&lt;Charged&gt; twice" in page
    for fact in ("600.00 EUR", "bot", "0 of 2", "just now"):
        assert f">{fact}<" in page, fact
    assert re.search(r'For approval\s*<span class="num">1</span>', page)
    assert f'id="{big.id}"' in sue.get(f"/case/{label}").text
    assert big.id not in ada.get("/approvals").text
    world.approve(app, sue.actor or world.service(app), big)
    assert "Nothing waits for your approval." in sue.get("/approvals").text


def test_who_approves_nothing_has_no_such_page(app: App, sign_in: Callable[..., Visitor]) -> None:
    for role in (Role.VIEWER, Role.AUDITOR, Role.ADMIN):
        somebody = sign_in(role.capitalize(), role)
        assert somebody.get("/approvals").status_code == 403
        assert "/console/approvals" not in somebody.get("/q/all").text


def test_more_than_a_page_is_loaded_onward(app: App, sign_in: Callable[..., Visitor]) -> None:
    ada, handoff = sign_in("Ada"), cases.case(app, world.service(app), customer_id="cust_132")
    assert ada.actor
    verbs.claim(app, ada.actor, handoff.id)
    made = [world.propose(app, ada.actor, handoff.id, "reply", {"body": f"Reply {n}."}).id for n in range(51)]
    first = ada.get("/approvals").text
    onward = f"/approvals?cursor={made[49]}"
    assert onward in first
    assert [effect_id in first for effect_id in made] == [True] * 50 + [False]
    assert made[50] in ada.get(onward).text
    assert ada.get("/approvals?cursor=none").status_code == 422
