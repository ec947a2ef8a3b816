"""A reply that says what nothing supports is told so when it is proposed, cannot be approved, and does not leave."""

import pytest

from flowops import errors
from flowops.app import App
from flowops.domain.access import Actor
from flowops.domain.effects import Status
from flowops.domain.facts import Message
from flowops.queries import effects as queries
from flowops.storage import tables
from tests import verbs, world
from tests.conftest import NOW, Clock

ASKS = Message(role="customer", text="You took 77 EUR on 3 May 2026, says invoice 10442. Refund me!", at=NOW)


@pytest.fixture
def case(app: App, bot: Actor, ada: Actor) -> str:
    """A case of Ada's, with a refund of 49.00 EUR that waits for somebody."""
    request = world.receive(app, bot, escalate=True, messages=(ASKS,))
    verbs.claim(app, ada, str(request.handoff_id))
    return str(request.handoff_id)


def failed(app: App, effect: tables.Effect) -> dict[str, str]:
    """What the proposal says of its reply."""
    with app.view() as view:
        checks = queries.get(view, effect.id).facts.failed
    return {check.name: f"{check.actual}; {check.expected}" for check in checks}


def refund(app: App, case: str) -> tables.Effect:
    with app.view() as view:
        [effect] = [e.effect for e in queries.search(view, handoff_id=case).items if e.effect.kind == "refund"]
    return effect


def reply(app: App, by: Actor, case: str, body: str) -> tables.Effect:
    return world.propose(app, by, case, "reply", {"body": body})


def test_it_is_told_at_once_and_refused_when_it_is_approved(app: App, ada: Actor, case: str) -> None:
    made = reply(app, ada, case, "Invoice inv_123 was 59.00 EUR.")
    sentence = "the reply says 59.00 EUR; the records know 49.00 EUR (inv_123)"
    assert failed(app, made)["reply_amounts_are_known"].startswith(sentence)
    with pytest.raises(errors.VerificationFailed) as refused:
        world.approve(app, ada, made)
    [check] = [check for check in refused.value.facts["checks"] if check["name"] == "reply_amounts_are_known"]
    assert check["actual"] == "the reply says 59.00 EUR"
    assert world.now(app, made).status is Status.PROPOSED


def test_what_the_records_and_the_customer_say_may_be_said(app: App, ada: Actor, case: str) -> None:
    body = "You wrote of 77 EUR, 3 May 2026 and invoice 10442. On your Pro plan there is inv_123 of €49,00, paid on {}."
    made = reply(app, ada, case, body.format(f"{NOW:%Y-%m-%d}"))
    assert failed(app, made) == {}
    assert world.approve(app, ada, made).status is Status.APPROVED


def test_a_refund_approved_in_the_meantime_makes_a_promise_true(
    app: App, ada: Actor, bot: Actor, case: str, clock: Clock
) -> None:
    made = reply(app, ada, case, "Your 49 EUR will be refunded.")
    assert failed(app, made) == {
        "reply_promises_are_kept": "the reply says the refund will be made (“refunded”); "
        "no refund of this case is approved"
    }
    with pytest.raises(errors.VerificationFailed):
        world.approve(app, ada, made)
    world.approve(app, ada, refund(app, case))
    assert world.approve(app, ada, made).status is Status.APPROVED
    assert failed(app, made) == failed(app, made)
    clock.forward(seconds=app.settings.undo_seconds)
    assert world.start(app, made.id)


def test_a_promise_whose_refund_is_called_back_does_not_leave(app: App, ada: Actor, case: str, clock: Clock) -> None:
    backing = refund(app, case)
    world.approve(app, ada, backing)
    made = reply(app, ada, case, "Your 49 EUR will be refunded.")
    world.approve(app, ada, made)
    world.cancel(app, ada, backing)
    clock.forward(seconds=app.settings.undo_seconds)
    assert not world.start(app, made.id)
    assert world.now(app, made).status is Status.HELD
    assert failed(app, made).keys() == {"reply_promises_are_kept"}


def test_a_reply_that_came_with_its_request_is_read_alike(app: App, bot: Actor, ada: Actor) -> None:
    messages = (Message(role="customer", text="I was charged 77 EUR.", at=NOW),)
    says = world.proposed(app, bot, kind="reply", params={"body": "You were charged 77 EUR."}, messages=messages)
    assert failed(app, says) == {}
    other = world.proposed(app, bot, kind="reply", params={"body": "You get 78 EUR."}, messages=messages)
    assert failed(app, other).keys() == {"reply_amounts_are_known"}


def test_another_reply_of_the_case_stands_behind_nothing(app: App, ada: Actor, case: str) -> None:
    world.approve(app, ada, reply(app, ada, case, "We look into it."))
    assert failed(app, reply(app, ada, case, "Your request is approved.")).keys() == {"reply_promises_are_kept"}
