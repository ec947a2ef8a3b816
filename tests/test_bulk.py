"""One action on many cases: each for itself, in their order, and repeated without doing anything twice."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, get_args

import pytest
from sqlalchemy import select

from flowops import bulk, errors
from flowops.actions.bulk import Action
from flowops.api import bodies
from flowops.app import App
from flowops.domain.access import Actor, Role
from flowops.domain.handoffs import Outcome, Priority, Status, WaitingFor
from flowops.queries import audit
from flowops.storage import tables
from tests import cases, verbs

PARAMS: dict[Action, dict[str, Any]] = {
    Action.WAIT: {"waiting_for": WaitingFor.CUSTOMER},
    Action.PRIORITY: {"priority": Priority.LOW, "reason": "No hurry."},
    Action.ESCALATE: {"reason": "Too hard."},
    Action.NOTE: {"text": "Looked at them."},
    Action.RESOLVE: {"outcome": Outcome.ANSWERED, "notes": "Done."},
    Action.REOPEN: {"reason": "Not done."},
}


@pytest.fixture
def boss(app: App) -> Actor:
    return cases.person(app, "Sue", Role.SUPERVISOR)


def opened(app: App, by: Actor, count: int) -> list[str]:
    return [cases.case(app, by).id for _ in range(count)]


def told(results: list[bulk.Result]) -> list[int | str | None]:
    """The new version of each case, or the code of what was wrong."""
    return [result.error.code if result.error else result.version for result in results]


def notes(app: App) -> list[str]:
    with app.view() as view:
        return list(view.session.scalars(select(tables.Note.handoff_id).order_by(tables.Note.handoff_id)))


def test_every_action_can_be_taken_on_many_cases(app: App, boss: Actor) -> None:
    refs = opened(app, boss, 2)
    way = "claim note priority wait resume release assign resolve reopen escalate"  # one after another they all succeed
    assert sorted(way.split()) == sorted(Action)
    params = PARAMS | {Action.ASSIGN: {"user_id": boss.id}}
    for version, action in enumerate(map(Action, way.split()), 2):
        results = bulk.act(app, boss, action, refs, params.get(action, {}))
        assert told(results) == [version, version], action
        assert [result.ref for result in results] == refs
    assert all(verbs.read(app, ref).status is Status.PENDING for ref in refs)


def test_the_api_takes_every_action() -> None:
    union, _ = get_args(bodies.Bulk)
    accepted = [get_args(body.model_fields["action"].annotation) for body in get_args(union)]
    assert sorted(sum(accepted, ())) == sorted(Action)


def test_a_refused_case_stops_no_other_and_one_named_twice_is_acted_on_once(app: App, boss: Actor) -> None:
    ada = cases.person(app, "Ada")
    hers, free, done = opened(app, boss, 3)
    legal = cases.case(app, cases.person(app, "Lou", queues=["legal"]), queue="legal").id
    verbs.claim(app, ada, hers)
    verbs.claim(app, boss, done)
    verbs.resolve(app, boss, done)
    refs = [hers, free, legal, done, "H-99", free]
    results = bulk.act(app, cases.person(app, "Bob"), Action.CLAIM, refs, {})
    assert told(results) == ["already_claimed", 2, "not_found", "already_resolved", "not_found", 2]
    assert verbs.happened(app, free).count("handoff.claimed") == 1
    assert "handoff.claim_extended" not in verbs.happened(app, free)


def test_a_repeat_under_the_same_key_goes_on_where_the_first_try_stopped(app: App, boss: Actor) -> None:
    refs = sorted(opened(app, boss, 4))
    first = bulk.act(app, boss, Action.NOTE, refs[:2], PARAMS[Action.NOTE], "k")
    verbs.note(app, cases.person(app, "Bob"), refs[0])
    assert told(bulk.act(app, boss, Action.NOTE, refs, PARAMS[Action.NOTE], "k")) == [*told(first), 2, 2]
    assert notes(app) == sorted([*refs, refs[0]])
    others = bulk.act(app, boss, Action.NOTE, refs[:1], {"text": "Something else."}, "k")
    assert told(others) == ["idempotency_mismatch"]
    assert told(bulk.act(app, boss, Action.CLAIM, refs[:1], {}, "k")) == [4], "another action is another matter"
    assert told(bulk.act(app, boss, Action.NOTE, refs[:1], PARAMS[Action.NOTE])) == [5], "nor does a call without key"


def test_a_case_that_was_refused_is_tried_again(app: App, boss: Actor) -> None:
    (ref,) = opened(app, boss, 1)
    assert told(bulk.act(app, boss, Action.RELEASE, [ref], {}, "k")) == ["not_claimed"]
    verbs.claim(app, boss, ref)
    assert told(bulk.act(app, boss, Action.RELEASE, [ref], {}, "k")) == [3]


def test_who_lacks_the_permission_changes_nothing(app: App, boss: Actor) -> None:
    ada, (ref,) = cases.person(app, "Ada"), opened(app, boss, 1)
    for action, params in ((Action.ASSIGN, {"user_id": ada.id}), (Action.PRIORITY, PARAMS[Action.PRIORITY])):
        with pytest.raises(errors.NotPermitted, match=r"handoffs\.supervise"):
            bulk.act(app, ada, action, [ref], params)
    for action in Action:
        with pytest.raises(errors.NotPermitted):
            bulk.act(app, cases.person(app, f"Vic {action}", Role.VIEWER), action, [ref], PARAMS.get(action, {}))
    assert verbs.read(app, ref).version == 1


def test_the_same_call_made_four_times_at_once_does_everything_once(app: App, boss: Actor) -> None:
    refs = sorted(opened(app, boss, 5))
    ready = Barrier(4)

    def call(_: int) -> list[int | str | None]:
        ready.wait()
        return told(bulk.act(app, boss, Action.NOTE, refs, PARAMS[Action.NOTE], "k"))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, range(4))) == [[2] * 5] * 4
    assert notes(app) == refs


def test_what_a_role_may_not_do_to_one_of_the_cases_is_recorded(app: App, boss: Actor) -> None:
    hard, plain = opened(app, boss, 2)
    verbs.escalate(app, boss, hard)
    ada = cases.person(app, "Ada")
    assert told(bulk.act(app, ada, Action.CLAIM, [hard, plain], {})) == ["not_permitted", 2]
    with app.view() as view:
        [entry] = audit.search(view, event="access.refused").items
    assert (entry.row.actor_id, entry.data["permission"]) == (ada.id, "handoffs.supervise")
    assert entry.data["path"] == f"/handoffs/{hard}/claim"
