"""The commands about people, services and tokens."""

import json

import pytest

from flowops.app import App
from flowops.cli import terminal
from flowops.domain.access import Role
from flowops.queries import audit, operators
from tests.cli.conftest import Flowops

pytestmark = pytest.mark.usefixtures("on_database")

ADD = ("users", "add", "Priya Shah", "--email", "Priya@example.com", "--role", "operator")


def test_a_person_is_added_to_new_queues_and_the_record_names_who_sat_here(flowops: Flowops, app: App) -> None:
    ran = flowops(*ADD, "--queue", "billing", "--queue", "default", "--json")
    said = json.loads(ran.out)
    assert (ran.code, said["email"], said["queues"]) == (0, "priya@example.com", ["billing", "default"])
    with app.view() as view:
        entries = audit.search(view).items
        found = operators.user(view, "Priya Shah")
    assert found.id == said["id"]
    assert {entry.row.event for entry in entries} == {"queue.added", "user.added"}
    assert {(entry.row.actor_kind, entry.row.correlation_id) for entry in entries} == {
        ("system", f"cli:{terminal.who()}")
    }


def test_a_password_is_read_from_standard_input_and_a_poor_one_is_refused(flowops: Flowops) -> None:
    refused = flowops(*ADD, "--password-stdin", stdin="short\n")
    assert (refused.code, refused.out) == (1, "")
    assert len(refused.err.splitlines()) == 1
    assert "priya" not in flowops("users", "list").out
    assert flowops(*ADD, "--password-stdin", stdin="a long enough one\n").code == 0


def test_people_are_listed_changed_and_disabled(flowops: Flowops) -> None:
    flowops(*ADD)
    assert flowops("users", "role", "priya@example.com", "supervisor").out == "Priya Shah is now supervisor.\n"
    assert flowops("users", "disable", "Priya Shah").code == 0
    row = next(line for line in flowops("users", "list").out.splitlines() if "Priya" in line)
    assert row.split()[:6] == ["Priya", "Shah", "priya@example.com", "supervisor", "default", "disabled"]


def test_mail_about_cases_is_switched_off_and_on_for_people_alone(flowops: Flowops, app: App) -> None:
    flowops(*ADD)
    flowops("tokens", "create", "--service", "bot")
    assert flowops("users", "notify", "Priya Shah", "off").out == "Priya Shah is not told by mail.\n"
    assert flowops("users", "notify", "Priya Shah", "on").out == "Priya Shah is told by mail.\n"
    refused = flowops("users", "notify", "bot", "on")
    assert (refused.code, refused.out) == (1, "")


def test_the_last_admin_stays(flowops: Flowops) -> None:
    flowops("users", "add", "Ana", "--email", "ana@example.com", "--role", "admin")
    ran = flowops("users", "disable", "Ana")
    assert (ran.code, ran.out) == (1, "")
    assert "last active admin" in ran.err


def test_a_name_that_looks_like_markup_is_printed_as_it_is(flowops: Flowops) -> None:
    flowops("users", "add", "[bold]Ada :smile:", "--email", "ada@example.com", "--role", "viewer")
    assert "[bold]Ada :smile:" in flowops("users", "list").out


def test_a_link_is_one_unbroken_line(flowops: Flowops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    flowops(*ADD)
    ran = flowops("users", "link", "Priya Shah")
    assert ran.out.startswith("http://127.0.0.1:8080/console/link/")
    assert len(ran.out.splitlines()) == 1


def test_a_token_works_until_it_is_revoked(flowops: Flowops, app: App) -> None:
    flowops(*ADD)
    ran = flowops("tokens", "create", "--user", "Priya Shah", "--expires", "90d", "--json")
    token = json.loads(ran.out)["token"]
    with app.view() as view:
        owner = operators.by_token(view, token)
        ((row, _),) = operators.tokens(view)
    assert owner
    assert owner.role is Role.OPERATOR
    assert row.expires_at
    assert (row.expires_at - row.created_at).days == 90
    assert token not in flowops("tokens", "list").out
    flowops("tokens", "revoke", row.id)
    with app.view() as view:
        assert operators.by_token(view, token) is None
    assert " revoked " in flowops("tokens", "list").out


def test_a_service_is_made_with_its_first_token_only(flowops: Flowops, app: App) -> None:
    first, second = (json.loads(flowops("tokens", "create", "--service", "bot", "--json").out) for _ in range(2))
    with app.view() as view:
        owners = {owner.id for token in (first, second) if (owner := operators.by_token(view, token["token"]))}
        (member,) = operators.users(view)
    assert owners == {member.user.id}
    assert member.user.role is Role.SERVICE


@pytest.mark.parametrize(
    "words",
    [
        ("tokens", "create"),
        ("tokens", "create", "--user", "a", "--service", "b"),
        ("tokens", "create", "--service", "b", "--expires", "soon"),
        ("tokens", "create", "--service", "b", "--expires", "0d"),
        ("users", "add", "Ada"),
        ("users", "add", "Ada", "--email", "a@example.com", "--role", "king"),
    ],
)
def test_a_command_asked_wrongly_ends_with_2_and_changes_nothing(
    flowops: Flowops, app: App, words: tuple[str, ...]
) -> None:
    assert flowops(*words).code == 2
    with app.view() as view:
        assert operators.users(view) == []


def test_who_is_not_there_is_one_sentence_and_no_trace(flowops: Flowops) -> None:
    ran = flowops("users", "role", "Nobody", "admin")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("There is no user Nobody")
    assert len(ran.err.splitlines()) == 1
