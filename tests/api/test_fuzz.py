"""The API under requests nobody would think of, made from its own OpenAPI document: none ends as our failure."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import CHECKS, load_all_checks

from flowops.app import App
from flowops.domain.access import Role
from tests import live, make

pytestmark = [
    pytest.mark.in_process,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(300),
]
load_all_checks()
# Not: what a well-formed request may be refused for (a case that is not there, or not in the state it needs) is told
# by no schema; and a token is asked for before anything is looked at, which is tested for every route elsewhere.
HELD = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
        "allow_header_conformance",
        "use_after_free",
        "ensure_resource_availability",
    ]
)
QUIET = [HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def limits(examples: int, **more: Any) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=QUIET,
        phases=[Phase.explicit, Phase.generate],
        **more,
    )


@pytest.fixture
def schema(app: App) -> Iterator[Any]:
    """The API of a server as schemathesis sees it, without the streams, which have no end."""
    app.sandbox.seed(app.now())
    with live.server(app) as address:
        loaded = schemathesis.openapi.from_url(f"{address}/openapi.json")
        yield loaded.exclude(path=["/events", "/audit/export.{form}"])


def hold(operation: Any, token: str) -> None:
    """Have an operation called in many ways by whoever has this token."""

    @limits(12)
    @hypothesis.given(case=operation.as_strategy())
    def holds(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=HELD)

    holds()


def test_no_operation_fails_on_generated_requests(app: App, schema: Any) -> None:
    supervisor, admin = (make.token(app, role, f"somebody-{role}") for role in (Role.SUPERVISOR, Role.ADMIN))
    for result in schema.get_all_operations():
        operation = result.ok()
        hold(operation, admin if operation.path.startswith("/webhooks") else supervisor)


def test_no_sequence_of_operations_fails(app: App, schema: Any, sqlite_template: Path) -> None:
    machine = schema.as_state_machine()

    class Workflow(machine):  # type: ignore[misc, valid-type]  # made at run time
        def setup(self) -> None:
            """Begin each sequence with the same database, or the same calls would not get the same answers."""
            app.database.close()
            path = app.settings.sqlite_path
            for left in path.parent.glob(f"{path.name}-*"):
                left.unlink()
            shutil.copy(sqlite_template, path)
            app.sandbox.seed(app.now())
            self.headers = {"Authorization": f"Bearer {make.token(app, Role.SUPERVISOR, 'sue')}"}

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": self.headers}

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            case.validate_response(response, checks=HELD)

    Workflow.run(settings=limits(40, stateful_step_count=8))
