"""Each role holds exactly the permissions it was given, and nobody sees what is not theirs."""

import pytest

from flowops import errors
from flowops.domain.access import ASSISTANT, PERMISSIONS, SYSTEM, Actor, ActorKind, Permission, Role

# One row per permission: who holds it, in the order viewer, operator, supervisor, auditor, admin, service.
TABLE = """
    cases.read                   x x x x x -
    cases.read_own               - - - - - x
    metrics.read                 x x x x x -
    requests.create              - x x - - x
    handoffs.work                - x x - - -
    effects.propose              - x x - - x
    handoffs.resolve             - x x - - -
    effects.approve              - x x - - -
    handoffs.supervise           - - x - - -
    effects.approve_above_limit  - - x - - -
    effects.pause                - - x - x -
    jobs.manage                  - - x - - -
    audit.read                   - - x x - -
    people.manage                - - - - x -
    webhooks.manage              - - - - x -
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
ALL = [(Role(role), Permission(row[0]), mark == "x") for row in ROWS for role, mark in zip(Role, row[1:], strict=True)]


def person(role: Role | None = Role.OPERATOR, queues: frozenset[str] = frozenset()) -> Actor:
    return Actor(ActorKind.PERSON, "Ada", "usr_1", role, queues)


@pytest.mark.parametrize(("role", "permission", "holds"), ALL)
def test_a_role_holds_exactly_its_permissions(role: Role, permission: Permission, holds: bool) -> None:
    assert (permission in PERMISSIONS[role]) is holds
    assert person(role).may(permission) is holds


def test_the_table_names_every_permission_and_role() -> None:
    assert {permission for _, permission, _ in ALL} == set(Permission)
    assert set(PERMISSIONS) == set(Role)


def test_an_admin_neither_approves_nor_owns() -> None:
    acting = {permission for permission in Permission if permission.startswith(("handoffs.", "effects.", "requests."))}
    # To stop everything is no act on a case.
    assert PERMISSIONS[Role.ADMIN] & acting == {Permission.EFFECTS_PAUSE}


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("actor", [SYSTEM, ASSISTANT, person(role=None)])
def test_who_has_no_role_has_no_permission(actor: Actor, permission: Permission) -> None:
    assert not actor.may(permission)


def test_a_refusal_names_the_permission_and_the_role() -> None:
    with pytest.raises(errors.NotPermitted) as refused:
        person(Role.VIEWER).require(Permission.HANDOFFS_WORK)
    assert "the permission handoffs.work, which the role viewer does not have" in str(refused.value)
    person(Role.OPERATOR).require(Permission.HANDOFFS_WORK)


def test_a_person_sees_the_queues_they_belong_to() -> None:
    ada = person(queues=frozenset({"default"}))
    assert ada.sees("default", created_by=None)
    assert not ada.sees("fraud", created_by="usr_1")


def test_a_service_sees_what_it_created() -> None:
    bot = Actor(ActorKind.SERVICE, "bot", "usr_2", Role.SERVICE)
    assert bot.sees("default", created_by="usr_2")
    assert not bot.sees("default", created_by="usr_1")
    assert not bot.sees("default", created_by=None)


def test_the_parts_of_the_product_see_every_queue() -> None:
    assert SYSTEM.sees("fraud", created_by="usr_1")
