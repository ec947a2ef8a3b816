"""A list holds exactly the cases that were asked for, in the order asked for, however its pages are cut."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flowops import errors
from flowops.app import App
from flowops.domain import events
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.facts import Message
from flowops.domain.filters import ALL, Filters, Risk, Sort, Waiting, read
from flowops.domain.handoffs import Priority, Reason, Status, Tier, WaitingFor
from flowops.queries import handoffs
from flowops.storage import tables
from tests import cases, plans
from tests.conftest import NOW
from tests.plans import Index

COUNT = 40
HOUR = timedelta(hours=1)
Is = Callable[[tables.Handoff], bool]


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada", queues=("default", "billing"))


@contextmanager
def changing(app: App, case: tables.Handoff) -> Iterator[tables.Handoff]:
    """The case's row, to be made what a test needs."""
    with app.unit(SYSTEM) as unit:
        yield unit.session.get_one(tables.Handoff, case.number)
        unit.record(events.DemoSeeded(cases=1))


def scatter(app: App, ada: Actor, bob: Actor) -> list[tables.Handoff]:
    """Cases of every kind, with many ties."""
    rng, made = random.Random(11), []
    for number in range(COUNT):
        queue = rng.choice(["default", "billing"])
        case = cases.case(app, ada, queue=queue, reason=rng.choice([Reason.OTHER, Reason.ESCALATED]), promise=False)
        with changing(app, case) as row:
            row.priority = rng.choice([*Priority])
            row.status = rng.choice([*Status])
            row.channel = rng.choice(["chat", "email"])
            row.tier = rng.choice([*Tier])
            row.resolved_at = NOW if row.status is Status.RESOLVED else None
            row.claimed_by = rng.choice([ada.id, bob.id]) if row.status is Status.CLAIMED else None
            row.waiting_for = rng.choice([None, *WaitingFor])
            row.risk_level = rng.choice([None, "low", "medium", "high"])
            row.sla_due_at = rng.choice([None, NOW - HOUR, NOW, NOW + HOUR])
            row.sla_breached_at = rng.choice([None, NOW])
            row.created_at = NOW - HOUR * rng.choice([1, 2, 3])
            if number % 8 == 0:
                row.queue = "elsewhere"
        made.append(row)
    return made


def known_order(sort: Sort) -> Callable[[tables.Handoff], Any]:
    def due(row: tables.Handoff) -> Any:
        return row.resolved_at is not None, row.sla_due_at is None, row.sla_due_at or NOW, row.number

    orders: dict[Sort, Callable[[tables.Handoff], Any]] = {
        Sort.DUE: due,
        Sort.NEWEST: lambda row: (NOW - row.created_at, -row.number),
        Sort.PRIORITY: lambda row: (-row.priority.rank - (row.sla_breached_at is not None), due(row)),
        Sort.RISK: lambda row: (-[None, "low", "medium", "high"].index(row.risk_level), due(row)),
    }
    return orders[sort]


def is_(name: str, value: object) -> Is:
    """Does a case have this value there?"""
    return lambda row: getattr(row, name) is value


def choices(ada: Actor, bob: Actor) -> dict[str, dict[Any, Is]]:
    """Each filter's values, and which cases each of them finds."""
    return {
        "status": {each: is_("status", each) for each in Status},
        "priority": {each: is_("priority", each) for each in Priority},
        "reason": {Reason.OTHER: lambda row: row.reason is Reason.OTHER},
        "queue": {"billing": lambda row: row.queue == "billing", "elsewhere": lambda row: False},
        "channel": {"chat": lambda row: row.channel == "chat"},
        "tier": {Tier.SUPERVISOR: lambda row: row.tier is Tier.SUPERVISOR},
        "assignee": {
            "me": lambda row: row.claimed_by == ada.id,
            "none": lambda row: row.claimed_by is None,
            bob.id: lambda row: row.claimed_by == bob.id,
        },
        "risk": {
            Risk.NONE: lambda row: row.risk_level is None,
            Risk.HIGH: lambda row: row.risk_level == "high",
        },
        "customer": {"cust_1": lambda row: True, "cust_2": lambda row: False},
        "breached": {
            True: lambda row: row.sla_breached_at is not None,
            False: lambda row: row.sla_breached_at is None,
        },
        "waiting": {
            Waiting.YES: lambda row: row.waiting_for is not None,
            Waiting.NO: lambda row: row.waiting_for is None,
            Waiting.CUSTOMER: lambda row: row.waiting_for is WaitingFor.CUSTOMER,
            Waiting.THIRD_PARTY: lambda row: row.waiting_for is WaitingFor.THIRD_PARTY,
        },
        "due": {
            "<30m": lambda row: row.sla_due_at is not None and row.sla_due_at < NOW + HOUR / 2,
            ">30m": lambda row: row.sla_due_at is not None and row.sla_due_at > NOW + HOUR / 2,
        },
    }


def test_walking_all_pages_gives_every_wanted_case_once_and_in_order(app: App, ada: Actor) -> None:
    bob = cases.person(app, "Bob")
    cases.person(app, "Eve", queues=("elsewhere",))
    made = scatter(app, ada, bob)
    known = choices(ada, bob)
    assert known.keys() == Filters.model_fields.keys()
    wanted = st.fixed_dictionaries({}, optional={name: st.sampled_from([*values]) for name, values in known.items()})
    some = st.integers(0, 3).flatmap(lambda most: wanted.map(lambda given: dict([*given.items()][:most])))

    @settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
    @given(
        given=some, sort=st.sampled_from(Sort), limit=st.integers(1, 20), unresolved=st.booleans(), typed=st.booleans()
    )
    def walk(*, given: dict[str, Any], sort: Sort, limit: int, unresolved: bool, typed: bool) -> None:
        expected = [
            row.label
            for row in sorted(made, key=known_order(sort))
            if row.queue != "elsewhere"
            and all(known[name][value](row) for name, value in given.items())
            and not (unresolved and row.status is Status.RESOLVED)
        ]
        line = " ".join(f"{name}:{value}" for name, value in given.items())
        asked: dict[str, Any] = {"q": line} if typed else {"wanted": Filters(**given)}
        found, cursor, pages = [], None, 0
        while pages == 0 or cursor:
            with app.view(ada) as view:
                page = handoffs.search(view, **asked, unresolved=unresolved, sort=sort, cursor=cursor, limit=limit)
            found += [listed.handoff.label for listed in page.items]
            cursor, pages = page.next_cursor, pages + 1
        assert found == expected
        assert pages == max(1, -(-len(expected) // limit))

    for sort in Sort:
        walk = example(given={}, sort=sort, limit=3, unresolved=False, typed=False)(walk)
    walk()


def found(app: App, who: Actor, q: str) -> list[str]:
    with app.view(who) as view:
        return [listed.handoff.label for listed in handoffs.search(view, q=q).items]


def test_words_are_found_wherever_a_case_says_them(app: App, ada: Actor) -> None:
    said = (Message(role="customer", text="Bitte STORNIEREN, Ärger mit 100% Müll_ab \\ c", at=NOW),)
    told: dict[str, Any] = {"email": "Grace@Example.com", "name": "Grace Hopper"}
    cases.case(app, ada, title="Late parcel", customer_id="acme-7", messages=said, **told)
    cases.case(app, ada, title="See H-1", customer_id="cust_2")
    for line, expected in {
        "late": ["H-1"],
        "PARCEL late": ["H-1"],
        "late charged": [],
        "acme": ["H-1"],
        "hopper grace@example": ["H-1"],
        "stornieren": ["H-1"],
        "ärger MÜLL": ["H-1"],
        "100%": ["H-1"],
        "10%M": [],
        "Müll_ab": ["H-1"],
        "Müllxab": [],
        "late_parcel": [],
        "\\": ["H-1"],
        "H-2": ["H-2"],
        "h-1": ["H-1", "H-2"],
        "2": ["H-2"],
        '"charged twice"': ["H-2"],
        '"twice charged"': [],
        "parcel status:pending": ["H-1"],
        "parcel status:resolved": [],
        "": ["H-1", "H-2"],
    }.items():
        assert sorted(found(app, ada, line)) == expected, line


def test_a_search_finds_nothing_its_viewer_may_not_see(app: App, ada: Actor) -> None:
    bot, other = cases.person(app, "bot", Role.SERVICE, ()), cases.person(app, "other", Role.SERVICE, ())
    cases.person(app, "Eve", queues=("elsewhere",))
    mine, hidden = cases.case(app, bot), cases.case(app, other, queue="elsewhere")
    assert found(app, ada, "charged") == [mine.label]
    assert found(app, bot, "charged") == [mine.label]
    assert found(app, other, hidden.label) == [hidden.label]
    assert found(app, ada, hidden.label) == []
    assert found(app, bot, "queue:elsewhere") == []


def test_a_cursor_of_another_order_is_refused(app: App, ada: Actor) -> None:
    for _ in range(2):
        cases.case(app, ada)
    for sort in Sort:
        with app.view(ada) as view:
            cursor = handoffs.search(view, sort=sort, limit=1).next_cursor
            for other in set(Sort) - {sort}:
                with pytest.raises(errors.Invalid, match="cursor"):
                    handoffs.search(view, sort=other, cursor=cursor)


@pytest.mark.parametrize(
    ("sort", "is_open", "all_of_them"),
    [
        (Sort.DUE, "ix_handoffs_open_due", "ix_handoffs_due"),
        (Sort.PRIORITY, "ix_handoffs_open_turn", "ix_handoffs_turn"),
        (Sort.RISK, "ix_handoffs_open_risk", "ix_handoffs_risk"),
    ],
)
def test_cases_are_read_in_the_order_of_an_index(
    app: App, ada: Actor, sort: Sort, is_open: str, all_of_them: str
) -> None:
    cases.case(app, ada)
    pending, resolved, nobodys = (read(given) for given in (
        {"status": "pending"}, {"status": "resolved"}, {"assignee": "none"}
    ))  # fmt: skip
    for wanted, unresolved, name in (
        (ALL, True, is_open),
        (pending, False, is_open),
        (nobodys, True, is_open),
        (ALL, False, all_of_them),
        (resolved, False, all_of_them),
    ):
        with app.view(ada) as view, plans.noted(view.session, Index.WALKED) as asked:
            handoffs.search(view, wanted, unresolved=unresolved, sort=sort)
        assert name in asked[0].split()
        assert "Sort" not in asked[0]
        assert "TEMP B-TREE" not in asked[0]


def test_what_the_console_counts_on_every_page_is_read_from_open_cases_alone(app: App, ada: Actor) -> None:
    cases.case(app, ada)
    with app.view(ada) as view, plans.noted(view.session, Index.USED) as asked:
        handoffs.counts(view)
    assert "ix_handoffs_open" in asked[0]
