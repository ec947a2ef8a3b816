"""What a person does with a list of cases."""

from collections.abc import Callable

from flowops.app import App
from tests import cases, verbs, world
from tests.console.visitor import Visitor


def test_nobody_is_said_to_be_waiting_only_when_that_is_why(app: App, sign_in: Callable[..., Visitor]) -> None:
    ada, handoff = sign_in("Ada"), cases.case(app, world.service(app))
    cases.case(app, world.service(app, "other"))
    assert ada.post("/q/all/next", key="a" * 32).headers["Location"] == f"/console/q/all?case={handoff.label}"
    again = ada.post("/q/mine/next", key="a" * 32)
    assert again.status_code == 422
    assert "This form was sent before, filled in differently." in again.text
    assert "Nobody is waiting." not in again.text
    assert ada.post("/q/all/next").status_code == 303
    none = ada.post("/q/all/next")
    assert none.status_code == 200
    assert "There is no case left that you may take." in none.text


def test_a_reason_for_many_is_as_long_as_one_for_a_single_case_at_most(
    app: App, sign_in: Callable[..., Visitor]
) -> None:
    ada, handoff = sign_in("Ada"), cases.case(app, world.service(app))
    form = {"action": "escalate", "ids": handoff.label}
    answer = ada.send("/q/all/bulk", form | {"reason": "x" * 20_001})
    assert answer.status_code == 422
    assert "20,001 characters are too many; 20,000 is the most." in answer.text
    assert verbs.read(app, handoff.id).tier == "operator"
    assert ada.send("/q/all/bulk", form | {"reason": "x" * 20_000}).status_code == 200
    assert verbs.read(app, handoff.id).tier == "supervisor"
