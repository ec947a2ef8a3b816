"""The API reference, docs/api.md, as tests read it: its endpoints, objects, tables and what is not there yet."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.project import repository

TEXT = (repository.ROOT / "docs" / "api.md").read_text()


@dataclass(frozen=True)
class Endpoint:
    """One endpoint as it is described; `example` is the curl command, and `status` what it is to answer."""

    method: str
    path: str
    query: frozenset[str]
    body: frozenset[str]  # optional fields end in a question mark
    answer: str
    refusals: frozenset[str]
    example: str
    status: frozenset[int]


def endpoints() -> Iterator[Endpoint]:
    """Every endpoint that has a heading of its own."""
    for section in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]:
        heading = re.match(r"`(GET|POST|PUT|PATCH|DELETE) (\S+)`\n", section)
        if heading is None:
            continue
        example = re.search(r"```sh\n(.+?) +# ([\d or]+)\n```", section, flags=re.DOTALL)
        assert example, f"{heading[0]} has no example"
        yield Endpoint(
            heading[1],
            heading[2],
            query=_codes(section, "Query"),
            body=_codes(section, "Body"),
            answer=_line(section, "Answer"),
            refusals=_codes(section, "Refusals"),
            example=example[1],
            status=frozenset(map(int, re.findall(r"\d+", example[2]))),
        )


def table(title: str) -> list[list[str]]:
    """The rows of the table under a heading, without its head, cell by cell."""
    section = re.search(rf"^#+ {title}\n(.*?)(?=^#|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert section, f"there is no heading {title}"
    rows = [line.strip("| ").split(" | ") for line in section[1].splitlines() if line.startswith("|")]
    return rows[2:]


def names(title: str) -> frozenset[str]:
    """The names in the first column of a table."""
    return frozenset(name for row in table(title) for name in codes(row[0]))


def missing(what: str) -> frozenset[str]:
    """What is said not to be there yet: Endpoints, Commands, Settings or Topics."""
    found = re.search(rf"^- {what}: (.+?)(?=^- |\n\n)", TEXT, flags=re.MULTILINE | re.DOTALL)
    return codes(found[1]) if found else frozenset()


def codes(text: str) -> frozenset[str]:
    """Everything written as code in a text."""
    return frozenset(re.findall(r"`([^`]+)`", text))


def _line(section: str, name: str) -> str:
    found = re.search(rf"^- {name}: (.+)$", section, flags=re.MULTILINE)
    return found[1] if found else ""


def _codes(section: str, name: str) -> frozenset[str]:
    return codes(_line(section, name))
