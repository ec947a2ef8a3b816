"""What a request asks of the database, counted: time differs between machines, statements and transactions do not."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from flowops import app as application
from flowops.domain.access import Role
from flowops.settings import Settings
from tests import live, make
from tests.api.test_intake import CASE, REQUEST

pytestmark = pytest.mark.in_process
COUNTED = {"select", "insert", "update", "delete", "transaction"}


@pytest.fixture
def app(settings: Settings) -> Iterator[application.App]:
    """The app under the database's clock: to ask for the time may be a statement too."""
    built = application.build(settings)
    built.sandbox.seed(built.now())
    yield built
    built.close()


@contextmanager
def counting(app: application.App) -> Iterator[Counter[str]]:
    """How many transactions begin meanwhile, and how many statements of each kind are executed; many rows are one.

    How a transaction begins and ends is not counted, nor who tells the workers, since that is nobody's to wait for.
    """
    counted: Counter[str] = Counter()

    def count(what: str) -> None:
        if what in COUNTED and threading.current_thread().name != "hints":
            counted[what] += 1

    def execute(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        count(statement.split()[0].lower())

    def begin(_connection: Any) -> None:
        count("transaction")

    listeners: list[tuple[str, Callable[..., Any]]] = [("before_cursor_execute", execute), ("begin", begin)]
    for name, listener in listeners:
        event.listen(app.database.engine, name, listener)
    yield counted
    for name, listener in listeners:
        event.remove(app.database.engine, name, listener)


def spent(app: application.App, api: live.Api, method: str, path: str, token: str, **sent: Any) -> Counter[str]:
    """What this request costs."""
    with counting(app) as counted:
        answer = api.send(method, path, token, **sent)
    assert answer.is_success, answer.text
    return counted


def test_opening_a_case_takes_one_insert_a_table_and_no_second_look(api: live.Api, app: application.App) -> None:
    bot = make.token(app, Role.SERVICE, "bot")
    api.post("/handoffs", bot, json=CASE | {"customer": {"id": "cust_124"}})  # the rules' source is kept with the first
    messages = [{"role": "customer", "text": f"Please look, {n}."} for n in range(20)]
    first = spent(app, api, "POST", "/handoffs", bot, json=CASE | {"messages": messages})
    again = spent(app, api, "POST", "/handoffs", bot, json=CASE)
    # Decision, request, case, messages, entries, the clock's mark and the job; at first the customer and their private
    # values too. However many rows a table gets, they are one statement.
    assert (first["insert"], again["insert"]) == (9, 7)
    for spending in (first, again):
        assert (spending["update"], spending["delete"]) == (0, 0)
        # Who calls, their account, the customer with their history, queue, rules, the messages for the answer, and
        # which webhooks are told. PostgreSQL is asked for the time thrice (for the caller, the facts and the unit) and
        # for one lock.
        assert spending["select"] <= (7 if app.database.is_sqlite else 7 + 3 + 1)
        # For the caller, the account and the unit; on PostgreSQL for the time too.
        assert spending["transaction"] <= (3 if app.database.is_sqlite else 4)


def test_a_request_that_is_approved_takes_little_more(api: live.Api, app: application.App) -> None:
    bot = make.token(app, Role.SERVICE, "bot")
    api.post("/requests", bot, json=REQUEST | {"customer": {"id": "cust_124"}})
    spending = spent(app, api, "POST", "/requests", bot, json=REQUEST)
    # Customer, decision, request, effect, messages, entries, private values and the job.
    assert (spending["insert"], spending["update"], spending["delete"]) == (8, 0, 0)
    # The invoice in place of the case's messages, and for the answer the request and the effect.
    assert spending["select"] <= (9 if app.database.is_sqlite else 9 + 3 + 1)
    assert spending["transaction"] <= (4 if app.database.is_sqlite else 5)


def test_who_calls_is_one_question_however_many_queues_they_see(api: live.Api, app: application.App) -> None:
    queues = [f"q{n}" for n in range(20)]
    ada, grace = make.token(app, name="Ada"), make.token(app, name="Grace", queues=queues)
    one, many = (spent(app, api, "GET", "/handoffs", each) for each in (ada, grace))
    assert one == many
    # Beside it the list, what was written for its cases and their clocks; PostgreSQL is asked for the time twice.
    assert one["select"] <= (4 if app.database.is_sqlite else 4 + 2)
    assert one["transaction"] == 2
