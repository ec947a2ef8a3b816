"""The API reference says what the product has, no more and no less."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from flowops import app as application
from flowops import boundary, cli, errors, web
from flowops import settings as configuration
from flowops.api import system
from flowops.domain import jobs
from flowops.domain.access import Role
from flowops.queries import metrics
from tests.project import reference, repository
from tests.project.test_documents import commands

ENDPOINTS = {(e.method, e.path): e for e in reference.endpoints()}
# Answers of writes are sent as they were kept, so the document names their schema and not the object's words.
OBJECTS = {"handoff": "Handoff", "request": "Request", "effect": "Effect", "artifact": "Artifact", "draft": "Draft"}
PARTS = {
    "policy": "Policy",
    "decision": "Decision",
    "evaluated": "Evaluated",
    "sla": "Sla",
    "job": "Job",
    "entry": "Entry",
    "webhook": "Webhook",
    "delivery": "Delivery",
}


@pytest.fixture(scope="module")
def app(sqlite_template: Path) -> Iterator[application.App]:
    """The app on an empty database."""
    built = application.build(configuration.Settings(database_url=f"sqlite:///{sqlite_template}"))
    yield built
    built.close()


@pytest.fixture(scope="module")
def document(app: application.App) -> dict[str, Any]:
    """The OpenAPI document."""
    return web.api(app).openapi()


def paths(path: str, operation: dict[str, Any]) -> Iterator[str]:
    """A path as the reference writes it, once for each name it can end in."""
    plain = re.sub(r"\{(?!kind|form|name|seq|secret|delivery)\w+\}", "{id}", path)
    if "{name}" not in plain:
        yield plain
        return
    (choice,) = (p["schema"]["enum"] for p in operation["parameters"] if p["name"] == "name")
    for name in choice:
        yield plain.replace("{name}", name)


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), plain): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for plain in paths(path, operation)
    }


def schema(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference into the document leads to."""
    while "$ref" in part:
        part = document["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return part


def test_every_endpoint_is_in_the_reference_and_no_other(document: dict[str, Any]) -> None:
    assert set(ENDPOINTS) == set(operations(document))


def test_what_is_said_not_to_be_there_is_not_there(document: dict[str, Any]) -> None:
    there = {f"{method} {path}" for method, path in operations(document)}
    assert not reference.missing("Endpoints") & there
    group = typer.main.get_command(cli.app)
    assert isinstance(group, TyperGroup)
    assert not reference.missing("Commands") & set(commands(group, "flowops"))
    settings = {f"FLOWOPS_{field.upper()}" for field in configuration.Settings.model_fields}
    assert not reference.missing("Settings") & settings
    assert not reference.missing("Topics") & set(jobs.JOBS)


def test_every_query_parameter_is_in_the_reference(document: dict[str, Any]) -> None:
    for key, operation in operations(document).items():
        taken = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
        assert ENDPOINTS[key].query == taken, key


def test_every_field_of_every_body_is_in_the_reference(document: dict[str, Any]) -> None:
    for key, operation in operations(document).items():
        sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        body = schema(document, sent)
        kinds = [schema(document, kind) for kind in body.get("oneOf", [body])]
        needed = set.intersection(*(set(kind.get("required", [])) for kind in kinds))
        taken = {name if name in needed else f"{name}?" for kind in kinds for name in kind.get("properties", {})}
        assert ENDPOINTS[key].body == taken, key


def test_every_field_of_every_object_is_in_the_reference(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for title, name in (OBJECTS | PARTS).items():
        assert reference.names(title) >= set(schemas[name]["properties"]), title


def test_every_answer_is_the_object_the_reference_names(document: dict[str, Any]) -> None:
    for key, operation in operations(document).items():
        named = re.match(r"(a page of )?\[(\w+)\]\(#\w+\)", ENDPOINTS[key].answer)
        if named is None:
            continue
        good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        given = good["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        wanted = (OBJECTS | PARTS)[named[2]]
        assert given.startswith(f"Page_{wanted}" if named[1] else wanted), key


def test_every_code_is_in_the_reference_with_its_status() -> None:
    told = {code: int(row[1]) for row in reference.table("Refusals") for code in reference.codes(row[0])}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.FlowOpsError)]
    numbers = {kind.code: number for kind in kinds if (number := boundary.number(kind)) is not None}
    assert {code: numbers.get(code) for code in told} == told
    named = {code for endpoint in ENDPOINTS.values() for code in endpoint.refusals}
    assert named <= set(told)


def test_every_metric_is_in_the_reference_with_its_labels(app: application.App) -> None:
    with app.view() as view:
        found = {f"{m.name}_total" if m.type == "counter" else m.name: _labels(m) for m in metrics.collect(view)}
    found["flowops_http_request_seconds"] = _labels(system.REQUEST_SECONDS)
    told = {name: reference.codes(row[1]) for row in reference.table("Metrics") for name in reference.codes(row[0])}
    assert told == found
    text = (repository.ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `(flowops_\w+)(?:\{([\w,]+)\})?` \|", text, flags=re.MULTILINE)
    assert {name: frozenset(filter(None, labels.split(","))) for name, labels in rows} == found


def _labels(metric: Any) -> frozenset[str]:
    """The names of a metric's labels, which it tells nobody but its samples; there may be none yet."""
    return frozenset(getattr(metric, "_labelnames", ()))


def test_every_topic_is_in_the_reference() -> None:
    assert reference.names("Job topics") == set(jobs.JOBS)


def test_every_role_has_a_column_in_the_reference() -> None:
    head = next(line for line in reference.TEXT.splitlines() if line.startswith("| may |"))
    assert [cell.strip() for cell in head.strip("|").split("|")][1:] == [role.value for role in Role]
