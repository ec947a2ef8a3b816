"""A queue begins to exist with the first who sees it, whoever else makes it in the same moment."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from flowops.actions import operators
from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.queries import operators as known
from flowops.storage import tables


def test_two_people_who_are_added_at_once_share_their_new_queue(app: App) -> None:
    def add(name: str) -> None:
        with app.unit(SYSTEM) as unit:
            operators.add_person(unit, name, f"{name}@example.com", Role.OPERATOR, ["legal"])

    with ThreadPoolExecutor(1) as pool:
        with app.unit(SYSTEM) as unit:
            operators.add_person(unit, "ada", "ada@example.com", Role.OPERATOR, ["legal"])
            unit.session.flush()
            adding = pool.submit(add, "bob")  # waits for this unit to end
        adding.result(timeout=30)
    with app.view() as view:
        assert {member.user.name: member.queues for member in known.users(view)} == {
            "ada": ("legal",),
            "bob": ("legal",),
        }
        entries = view.session.scalars(select(tables.AuditEntry.event)).all()
    assert sorted(entries) == ["queue.added", "user.added", "user.added"]
