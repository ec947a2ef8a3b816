"""People, services, and how they prove who they are."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from flowops import errors
from flowops.actions import operators
from flowops.app import App
from flowops.domain import tokens
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.queries import operators as known
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests import make
from tests.conftest import Clock

PASSWORD = "correct horse battery staple"


def by_token(app: App, token: str) -> Actor | None:
    with app.view() as view:
        return known.by_token(view, token)


def by_session(app: App, secret: str) -> Actor | None:
    with app.view() as view:
        return known.by_session(view, secret)


def sign_in(app: App, email: str = "ada@example.com", password: str = PASSWORD) -> str:
    with app.view() as view:
        claimant = known.claimant(view, email)
    user_id = known.verify(claimant, password)
    with app.unit(SYSTEM) as unit:
        return operators.sign_in(unit, user_id)


def with_password(app: App, role: Role = Role.OPERATOR) -> str:
    with app.unit(SYSTEM) as unit:
        return operators.add_person(unit, "Ada", "Ada@Example.com", role, ["default"], operators.hashed(PASSWORD)).id


def entries(app: App, event: str) -> int:
    with app.view() as view:
        counted = select(func.count()).where(tables.AuditEntry.event == event)
        return view.session.scalar(counted) or 0


def at_once(*works: Callable[[], object]) -> list[object]:
    """What each work gave or raised when all began together."""
    results: list[object] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(place: int, work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            results[place] = work()
        except errors.FlowOpsError as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_person_sees_their_queues_and_a_new_queue_begins_to_exist(app: App) -> None:
    token = make.token(app, Role.OPERATOR, queues=["default", "billing"])
    actor = by_token(app, token)
    assert actor
    assert (actor.name, actor.role) == ("Ada", Role.OPERATOR)
    assert sorted(actor.queues) == ["billing", "default"]
    assert entries(app, "queue.added") == 1


def test_an_address_belongs_to_one_person_in_any_capitals(app: App) -> None:
    with_password(app)
    with pytest.raises(errors.AlreadyExists), app.unit(SYSTEM) as unit:
        operators.add_person(unit, "Other", "ADA@example.com", Role.VIEWER)
    assert entries(app, "user.added") == 1


def test_a_service_name_belongs_to_one_service(app: App) -> None:
    make.user(app, Role.SERVICE, "bot")
    with pytest.raises(errors.AlreadyExists):
        make.user(app, Role.SERVICE, "bot")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "A\nB"},
        {"name": "x" * 201},
        {"email": "nobody"},
        {"email": "a b@c"},
        {"queues": ["No Queue"]},
        {"role": Role.SERVICE},
    ],
)
def test_what_does_not_fit_adds_nobody(app: App, wrong: dict[str, object]) -> None:
    given: dict[str, object] = {"name": "Ada", "email": "ada@example.com", "role": Role.VIEWER}
    with pytest.raises(errors.Invalid), app.unit(SYSTEM) as unit:
        operators.add_person(unit, **(given | wrong))  # type: ignore[arg-type]  # one field is wrong on purpose
    with app.view() as view:
        assert known.users(view) == []


def test_only_the_fingerprint_of_a_token_is_kept(app: App) -> None:
    token = make.token(app)
    with app.view() as view:
        ((row, owner),) = known.tokens(view)
    assert row.sha256 == tokens.fingerprint(token)
    assert row.hint == token[-4:]
    assert owner.name == "Ada"
    assert tokens.is_wellformed(token)


def test_a_token_works_until_it_expires(app: App, clock: Clock) -> None:
    user_id = make.user(app)
    with app.unit(SYSTEM) as unit:
        token = operators.create_token(unit, user_id, timedelta(days=90))
    clock.forward(days=89)
    assert by_token(app, token)
    clock.forward(days=1)
    assert by_token(app, token) is None


def test_a_revoked_token_stops_working_and_a_repeat_changes_nothing(app: App) -> None:
    token = make.token(app)
    with app.view() as view:
        ((row, _),) = known.tokens(view)
    for _ in range(2):
        with app.unit(SYSTEM) as unit:
            operators.revoke_token(unit, row.id)
    assert by_token(app, token) is None
    assert entries(app, "token.revoked") == 1
    with pytest.raises(errors.NotFound), app.unit(SYSTEM) as unit:
        operators.revoke_token(unit, "tok_none")


def test_a_password_signs_in_for_twelve_hours(app: App, clock: Clock) -> None:
    with_password(app)
    secret = sign_in(app, "ADA@example.com")
    clock.forward(hours=11, minutes=59)
    actor = by_session(app, secret)
    assert actor
    assert actor.name == "Ada"
    clock.forward(minutes=1)
    assert by_session(app, secret) is None


def test_every_sign_in_is_a_session_of_its_own_and_ends_alone(app: App) -> None:
    with_password(app)
    first, second = sign_in(app), sign_in(app)
    assert first != second
    for _ in range(2):
        with app.unit(SYSTEM) as unit:
            operators.sign_out(unit, first)
    assert by_session(app, first) is None
    assert by_session(app, second)
    assert entries(app, "session.signed_out") == 1


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("ada@example.com", ""),
        ("ada@example.com", "\ud800"),
    ],
)
def test_a_wrong_address_or_password_is_answered_alike(app: App, email: str, password: str) -> None:
    with_password(app)
    with pytest.raises(errors.NotAuthenticated, match="address or the password is wrong"):
        sign_in(app, email, password)


def test_somebody_unknown_costs_a_verification_too(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    with_password(app)
    make.user(app, name="Nopassword")
    verified, hasher = list[str](), known._HASHER

    class Counting:
        def verify(self, hashed: str, password: bytes) -> bool:
            verified.append(hashed)
            return hasher.verify(hashed, password)

    monkeypatch.setattr(known, "_HASHER", Counting())
    for email in ("ada@example.com", "nobody@example.com", "nopassword@example.com"):
        with pytest.raises(errors.NotAuthenticated):
            sign_in(app, email, "wrong password")
    assert len(verified) == 3
    assert all(hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$") for hashed in verified)


def test_a_new_password_ends_sessions_and_links(app: App) -> None:
    user_id = with_password(app)
    secret = sign_in(app)
    with app.unit(SYSTEM) as unit:
        link = operators.make_sign_in_link(unit, user_id)
        operators.set_password(unit, user_id, operators.hashed("another horse battery"))
    assert by_session(app, secret) is None
    with pytest.raises(errors.NotAuthenticated), app.unit(SYSTEM) as unit:
        operators.sign_in_by_link(unit, link)
    assert by_session(app, sign_in(app, password="another horse battery"))


def test_whoever_is_disabled_loses_everything_at_once(app: App) -> None:
    user_id = with_password(app)
    token, secret = make.token_of(app, user_id), sign_in(app)
    with app.unit(SYSTEM) as unit:
        link = operators.make_sign_in_link(unit, user_id)
    for _ in range(2):
        with app.unit(SYSTEM) as unit:
            operators.disable(unit, user_id)
    assert by_token(app, token) is None
    assert by_session(app, secret) is None
    assert entries(app, "user.disabled") == 1
    with pytest.raises(errors.NotAuthenticated):
        sign_in(app)
    with pytest.raises(errors.NotAuthenticated), app.unit(SYSTEM) as unit:
        operators.sign_in_by_link(unit, link)
    with pytest.raises(errors.Invalid), app.unit(SYSTEM) as unit:
        operators.create_token(unit, user_id)


def test_a_session_of_somebody_disabled_is_dead_even_where_its_row_lives(app: App, clock: Clock) -> None:
    user_id = with_password(app)
    secret = sign_in(app)
    with app.unit(SYSTEM) as unit:
        operators.disable(unit, user_id)
        row = {"sha256": tokens.fingerprint(secret), "user_id": user_id}
        unit.session.add(tables.BrowserSession(**row, created_at=clock.now, expires_at=clock.now + timedelta(hours=1)))
    assert by_session(app, secret) is None


def test_a_link_signs_in_once_within_fifteen_minutes(app: App, clock: Clock) -> None:
    user_id = make.user(app)
    with app.unit(SYSTEM) as unit:
        used, late = operators.make_sign_in_link(unit, user_id), operators.make_sign_in_link(unit, user_id)
    clock.forward(minutes=14)
    with app.unit(SYSTEM) as unit:
        secret = operators.sign_in_by_link(unit, used)
    assert by_session(app, secret)
    with pytest.raises(errors.NotAuthenticated, match="was used"), app.unit(SYSTEM) as unit:
        operators.sign_in_by_link(unit, used)
    clock.forward(minutes=1)
    with pytest.raises(errors.NotAuthenticated), app.unit(SYSTEM) as unit:
        operators.sign_in_by_link(unit, late)


def test_of_eight_who_use_one_link_at_once_one_gets_in(app: App) -> None:
    user_id = make.user(app)
    with app.unit(SYSTEM) as unit:
        link = operators.make_sign_in_link(unit, user_id)

    def enter() -> str:
        with app.unit(SYSTEM) as unit:
            return operators.sign_in_by_link(unit, link)

    results = at_once(*[enter] * 8)
    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, errors.NotAuthenticated) for result in results) == 7


def test_a_service_gets_neither_link_nor_password(app: App) -> None:
    user_id = make.user(app, Role.SERVICE, "bot")
    with pytest.raises(errors.Invalid), app.unit(SYSTEM) as unit:
        operators.make_sign_in_link(unit, user_id)
    with pytest.raises(errors.Invalid), app.unit(SYSTEM) as unit:
        operators.set_password(unit, user_id, operators.hashed(PASSWORD))


def test_a_role_changes_at_once_for_a_token_in_use(app: App) -> None:
    user_id = make.user(app, Role.VIEWER)
    token = make.token_of(app, user_id)
    with app.unit(SYSTEM) as unit:
        operators.change_role(unit, user_id, Role.SUPERVISOR)
    actor = by_token(app, token)
    assert actor
    assert actor.role is Role.SUPERVISOR


@pytest.mark.parametrize(("before", "after"), [(Role.VIEWER, Role.SERVICE), (Role.SERVICE, Role.VIEWER)])
def test_a_person_never_becomes_a_service_nor_a_service_a_person(app: App, before: Role, after: Role) -> None:
    user_id = make.user(app, before)
    with pytest.raises(errors.Invalid), app.unit(SYSTEM) as unit:
        operators.change_role(unit, user_id, after)


def test_queues_change_at_once_for_a_token_in_use_and_a_repeat_changes_nothing(app: App) -> None:
    user_id = make.user(app, queues=["default", "billing"])
    token = make.token_of(app, user_id)
    for names in (["vault", "billing", "vault"], ["billing", "vault"], []):
        with app.unit(SYSTEM) as unit:
            operators.set_queues(unit, user_id, names)
        assert (actor := by_token(app, token))
        assert actor.queues == set(names)
    assert (entries(app, "user.queues_set"), entries(app, "queue.added")) == (2, 2)
    with pytest.raises(errors.Invalid), app.unit(SYSTEM) as unit:
        operators.set_queues(unit, user_id, ["billing", "No Queue"])


def test_signing_out_everywhere_ends_sessions_and_links_and_is_recorded_once(app: App) -> None:
    user_id = with_password(app)
    secrets = [sign_in(app), sign_in(app)]
    with app.unit(SYSTEM) as unit:
        link = operators.make_sign_in_link(unit, user_id)
    for _ in range(2):
        with app.unit(SYSTEM) as unit:
            operators.sign_out_everywhere(unit, user_id)
    assert [by_session(app, secret) for secret in secrets] == [None, None]
    assert entries(app, "session.signed_out") == 1
    with pytest.raises(errors.NotAuthenticated), app.unit(SYSTEM) as unit:
        operators.sign_in_by_link(unit, link)


def test_the_last_active_admin_can_be_neither_disabled_nor_demoted(app: App) -> None:
    first, second = make.user(app, Role.ADMIN, "First"), make.user(app, Role.ADMIN, "Second")
    with app.unit(SYSTEM) as unit:
        operators.disable(unit, first)
    with pytest.raises(errors.LastAdmin, match="Second"), app.unit(SYSTEM) as unit:
        operators.disable(unit, second)
    with pytest.raises(errors.LastAdmin), app.unit(SYSTEM) as unit:
        operators.change_role(unit, second, Role.VIEWER)
    with app.unit(SYSTEM) as unit:
        operators.change_role(unit, second, Role.ADMIN)


def test_two_admins_who_remove_each_other_at_once_leave_one(app: App) -> None:
    first, second = make.user(app, Role.ADMIN, "First"), make.user(app, Role.ADMIN, "Second")
    removed = threading.Event()

    def remove_second() -> None:
        with app.unit(SYSTEM) as unit:
            operators.disable(unit, second)
            removed.set()
            time.sleep(0.3)  # not committed yet, while the other begins

    def remove_first() -> None:
        removed.wait(10)
        with app.unit(SYSTEM) as unit:
            operators.disable(unit, first)

    done, refused = at_once(remove_second, remove_first)
    assert done is None
    assert isinstance(refused, errors.LastAdmin)
    with app.view() as view:
        assert [member.user.name for member in known.users(view) if not member.user.disabled_at] == ["First"]


def test_who_is_told_by_mail_is_their_choice_and_a_service_has_none(app: App) -> None:
    ada, bot = make.user(app), make.user(app, Role.SERVICE, "bot")
    with app.unit(SYSTEM) as unit:
        assert operators.set_notify(unit, ada, by_mail=False).notify is False
        operators.set_notify(unit, ada, by_mail=False)
        found = unit.session.scalars(
            select(tables.AuditEntry).where(tables.AuditEntry.event == "user.notifications_set")
        )
        assert [entry.data for entry in found] == [{"user_id": ada, "by_mail": False}]
    with pytest.raises(errors.Invalid, match="no mail"), app.unit(SYSTEM) as unit:
        operators.set_notify(unit, bot, by_mail=True)


def test_somebody_is_found_by_id_address_or_a_name_that_is_theirs_alone(app: App) -> None:
    ada = make.user(app)
    with app.unit(SYSTEM) as unit:
        operators.add_person(unit, "Bob", "bob1@example.com", Role.VIEWER)
        operators.add_person(unit, "Bob", "bob2@example.com", Role.VIEWER)
    with app.view() as view:
        assert [known.user(view, who).id for who in (ada, "Ada@example.com", "Ada")] == [ada] * 3
        with pytest.raises(errors.NotFound):
            known.user(view, "Bob")


def test_whoever_is_not_there_cannot_be_changed(app: App) -> None:
    works: list[Callable[[Unit], object]] = [
        lambda unit: operators.disable(unit, "usr_none"),
        lambda unit: operators.change_role(unit, "usr_none", Role.ADMIN),
        lambda unit: operators.set_notify(unit, "usr_none", by_mail=False),
        lambda unit: operators.create_token(unit, "usr_none"),
        lambda unit: operators.set_password(unit, "usr_none", operators.Hash("")),
        lambda unit: operators.set_queues(unit, "usr_none", ["default"]),
        lambda unit: operators.sign_out_everywhere(unit, "usr_none"),
    ]
    for work in works:
        with pytest.raises(errors.NotFound), app.unit(SYSTEM) as unit:
            work(unit)
