"""People and services as pages: added, changed, signed out and disabled by an admin."""

import re
from collections.abc import Callable

import pytest

from flowops.actions import staff
from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.queries import audit
from flowops.queries import operators as known
from tests import make
from tests.console.visitor import Visitor

PASSWORD = "a long enough password"
SignIn = Callable[..., Visitor]


@pytest.fixture
def ana(sign_in: SignIn) -> Visitor:
    return sign_in("Ana Costa", Role.ADMIN)


def member(app: App, user_id: str) -> known.Member:
    with app.view() as view:
        return known.member(view, user_id)


def entries(app: App, event: str) -> list[tuple[str, dict[str, object]]]:
    """Who did such a thing and what it was, the newest first."""
    with app.view(SYSTEM) as view:
        return [(entry.actor_name, entry.data) for entry in audit.search(view, event=event).items]


def test_a_person_is_added_and_signs_in_by_a_link_that_is_shown_once(app: App, ana: Visitor, stranger: Visitor) -> None:
    form = {"name": "Bo Li", "email": " Bo@Example.com", "role": "operator", "queues": "default, billing"}
    assert ana.send("/admin/people", form).headers["Location"] == "/console/admin/people"
    page = ana.get("/admin/people").text
    found = re.search(r'href="/console/admin/people/(usr_\w+)">Bo Li<', page)
    assert found
    bo = member(app, found[1])
    assert (bo.user.email, bo.user.role, bo.queues) == ("bo@example.com", "operator", ("billing", "default"))

    key = {"key": "a" * 32}
    made = ana.send(f"/admin/people/{bo.user.id}/link", key)
    link = re.search(rf"{re.escape(app.settings.origin)}/console(/link/[\w-]+)", made.text)
    assert (made.status_code, bool(link)) == (200, True)
    again = ana.send(f"/admin/people/{bo.user.id}/link", key)
    assert again.status_code == 409
    assert "It was shown once and cannot be shown again." in again.text
    assert len(entries(app, "session.link_made")) == 2  # Ana's own and this one
    assert "/console/link/" not in ana.get(f"/admin/people/{bo.user.id}").text
    assert link
    assert stranger.post(link[1]).status_code == 303
    assert "Bo Li, operator" in stranger.get("/q/all").text


def test_what_does_not_fit_adds_nobody_and_is_kept(app: App, ana: Visitor) -> None:
    make.user(app, name="Tom")
    fitting = {"name": "Bo", "email": "bo@example.com", "role": "viewer", "queues": "default"}
    for wrong, status, said in (
        ({"email": "nobody"}, 422, "The e-mail address is none."),
        ({"email": "TOM@example.com"}, 409, "There is already a user"),
        ({"role": "service"}, 422, "Choose a role."),
        ({"queues": "No Queue"}, 422, "names no queue"),
        ({"name": " "}, 422, "A name has 1 to 200 characters"),
    ):
        answer = ana.send("/admin/people", fitting | wrong)
        assert answer.status_code == status, wrong
        assert said in answer.text
        assert 'value="' + (fitting | wrong)["email"] in answer.text
    with app.view() as view:
        assert sorted(each.user.name for each in known.users(view)) == ["Ana Costa", "Tom"]


def test_role_queues_and_password_change_at_once_and_by_name(app: App, ana: Visitor, sign_in: SignIn) -> None:
    bo = sign_in("Bo")
    assert bo.actor
    address = f"/admin/people/{bo.actor.id}"
    assert ana.post(f"{address}/role", role="supervisor").status_code == 303
    assert ana.post(f"{address}/role", role="service").status_code == 422
    assert "Bo, supervisor" in bo.get("/q/all").text
    for _ in range(2):
        assert ana.post(f"{address}/queues", queues="vault billing").status_code == 303
    assert ana.post(f"{address}/queues", queues="No Queue").status_code == 422
    assert member(app, bo.actor.id or "").queues == ("billing", "vault")
    ((who, data),) = entries(app, "user.queues_set")
    assert who == "Ana Costa"
    assert (data["before"], data["after"]) == (["default"], ["billing", "vault"])
    assert "best 15 or more" in ana.post(f"{address}/password", password="short").text
    assert bo.get("/q/all").status_code == 200
    assert ana.post(f"{address}/password", password=PASSWORD).status_code == 303
    assert bo.get("/q/all").status_code == 303
    assert PASSWORD not in ana.get(address).text


def test_somebody_is_signed_out_everywhere_and_disabled(app: App, ana: Visitor, sign_in: SignIn) -> None:
    bo = sign_in("Bo")
    assert bo.actor
    address = f"/admin/people/{bo.actor.id}"
    assert "1 session" in ana.get(address).text
    assert ana.post(f"{address}/sign-out").status_code == 303
    assert bo.get("/q/all").status_code == 303
    assert "0 sessions" in ana.get(address).text
    assert ana.post(f"{address}/disable").status_code == 303
    page = ana.get(address).text
    assert "Disabled" in page
    assert address not in re.findall(r'action="/console([^"]*)/', page)
    assert entries(app, "user.disabled") == [("Ana Costa", {"user_id": bo.actor.id})]


def test_the_last_admin_stays(app: App, ana: Visitor) -> None:
    assert ana.actor
    for verb, form in (("disable", {}), ("role", {"role": "viewer"})):
        answer = ana.send(f"/admin/people/{ana.actor.id}/{verb}", form)
        assert answer.status_code == 409
        assert "Ana Costa is the last active admin." in answer.text
    assert member(app, ana.actor.id or "").user.role is Role.ADMIN


def test_a_service_has_queues_but_neither_role_nor_password(app: App, ana: Visitor) -> None:
    bot = make.user(app, Role.SERVICE, "bot")
    page = ana.get(f"/admin/people/{bot}").text
    forms = set(re.findall(rf'action="/console/admin/people/{bot}/(\w+)"', page))
    assert forms == {"queues", "disable"}
    assert ana.post(f"/admin/people/{bot}/link").status_code == 422
    assert ana.get("/admin/people/usr_none").status_code == 404
    assert ana.post("/admin/people/usr_none/disable").status_code == 404


def test_people_are_managed_by_admins_alone(app: App, sign_in: SignIn) -> None:
    sue = sign_in("Sue", Role.SUPERVISOR)
    assert sue.actor
    for answer in (
        sue.get("/admin/people"),
        sue.get(f"/admin/people/{sue.actor.id}"),
        sue.post(f"/admin/people/{sue.actor.id}/role", role="admin"),
        sue.post("/admin/people", name="Eve", email="eve@example.com", role="admin"),
    ):
        assert answer.status_code == 403
    assert "It belongs to the role admin. Ask an admin for another role." in answer.text
    sign_in("Ana Costa", Role.ADMIN)
    assert "Ask Ana Costa, who can give people another role." in sue.get("/admin/people").text
    with app.unit(SYSTEM) as unit:
        assert staff.supervisors(unit, "default") == [sue.actor.id]
