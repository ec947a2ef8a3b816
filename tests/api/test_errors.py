"""Every error that can reach a client has its number, its code and a whole sentence."""

import inspect

import pytest

from flowops import boundary, errors
from flowops.api import errors as problems
from tests.live import Api

LEAVES = [
    error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, tuple(boundary.STATUS))
]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.NotFound(kind="handoff", id="H-1"), 404, "not_found"),
        (errors.ClaimExpired(at="14:22"), 409, "claim_expired"),
        (errors.StaleVersion(current=3, sent=2), 412, "stale_version"),
        (errors.NotPermitted(permission="audit.read", role="viewer"), 403, "not_permitted"),
        (errors.Invalid(reason="No."), 422, "invalid"),
        (errors.IdempotencyMismatch(), 422, "idempotency_mismatch"),
        (errors.Unavailable(what="The database", reason="gone"), 503, "unavailable"),
        (errors.NotAuthenticated(reason="No."), 401, "not_authenticated"),
        (errors.TooManyTries(seconds=7), 429, "too_many_tries"),
    ],
)
def test_a_family_gives_the_number_and_a_leaf_the_code(error: errors.FlowOpsError, status: int, code: str) -> None:
    answer = problems.problem(error)
    assert answer.status_code == status
    assert f'"code":"{code}"'.encode() in bytes(answer.body)


def test_a_mistake_of_ours_is_no_problem_of_the_client() -> None:
    with pytest.raises(errors.UnauditedChange):
        problems.problem(errors.UnauditedChange(tables="handoffs"))


def test_facts_are_told_in_camel_case_beside_the_sentence() -> None:
    error = errors.OpenEffects(count=2, first_effect="eff_1")
    assert b'"firstEffect":"eff_1"' in bytes(problems.problem(error).body)


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_error_has_a_message_of_its_own(leaf: type[errors.FlowOpsError]) -> None:
    assert inspect.getdoc(leaf)
    assert leaf.__doc__ is not None
    assert leaf.__doc__.rstrip().endswith((".", "}"))


def test_an_address_that_not_even_a_mount_takes_is_a_problem_too(api: Api) -> None:
    answer = api.get("/effects/%0A/cancel")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"
