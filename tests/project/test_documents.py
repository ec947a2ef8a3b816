"""The documents list what the code has, no more and no less, and their links lead somewhere."""

import itertools
import json
import re
from collections.abc import Iterator

import pytest
import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic.alias_generators import to_camel
from typer.core import TyperCommand, TyperGroup

from flowops import cli, settings
from flowops.domain import events, jobs, retries, webhooks
from flowops.workers import handlers
from tests.project import repository


def entries(document: str) -> set[str]:
    """The code at the start of each heading and of each table row: what a reference document is about."""
    text = (repository.ROOT / "docs" / document).read_text()
    return set(re.findall(r"^(?:#+|\|) *`([^`]+)`", text, flags=re.MULTILINE))


def subclasses(parent: type[object]) -> set[str]:
    return {child.__name__ for child in parent.__subclasses__() if child.__module__.startswith("flowops.")}


def leaves(group: TyperGroup, path: str) -> Iterator[tuple[str, TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from leaves(command, f"{path} {name}")
        else:
            assert isinstance(command, TyperCommand)
            yield f"{path} {name}", command


def commands(group: TyperGroup, path: str) -> Iterator[str]:
    return (name for name, _ in leaves(group, path))


def test_every_setting_is_documented() -> None:
    assert entries("settings.md") == {f"FLOWOPS_{field.upper()}" for field in settings.Settings.model_fields}


# What the manual says in words instead of a value.
IN_WORDS: dict[str, list[object]] = {
    "none": [None, ()],
    "sandbox": [None, ""],
    "host and port": [""],
    "made with SQLite": [None],
    "each topic's own": [{}],
    "the built-in rules alone": [""],
    "the built-in generator": [""],
    "the provider's own": [""],
}


def test_every_default_of_a_setting_is_the_documented_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = (repository.ROOT / "docs" / "settings.md").read_text()
    told = dict(re.findall(r"^\| `FLOWOPS_(\w+)` \| (.+?) \|", text, flags=re.MULTILINE))
    monkeypatch.chdir(tmp_path_factory.mktemp("no_file"))  # of settings
    for name, field in settings.Settings.model_fields.items():
        default = told[name.upper()]
        if default == "see below":
            (example,) = re.findall(r"```json\n(.+?)\n```", text, flags=re.DOTALL)
            assert settings.load(**{name: json.loads(example)}).limits == field.default
        elif words := IN_WORDS.get(default):
            assert field.default in words, name
        else:
            assert getattr(settings.load(**{name: default.strip("`")}), name) == field.default, name


def test_every_option_of_a_command_is_documented_and_no_other() -> None:
    group = typer.main.get_command(cli.app)
    assert isinstance(group, TyperGroup)
    text = (repository.ROOT / "docs" / "cli.md").read_text()
    told = dict(re.findall(r"^\| `(flowops [^`]+)` \| (.+) \|$", text, flags=re.MULTILINE))
    for path, command in leaves(group, "flowops"):
        options = {name for option in command.params for name in option.opts if name.startswith("--")} - {"--help"}
        assert set(re.findall(r"--[a-z][a-z-]*", told[path])) == options, path


def test_every_event_is_documented() -> None:
    assert entries("events.md") == subclasses(events.Event)


def test_every_public_event_is_documented_with_its_fields() -> None:
    text = (repository.ROOT / "docs" / "webhooks.md").read_text()
    rows = re.findall(r"^\| `(\w+\.\w+)` \|.*\| (.+) \|$", text, flags=re.MULTILINE)
    told = {name: re.findall(r"`(\w+)`", fields) for name, fields in rows}
    assert told == {name: [to_camel(field) for field in fields] for name, fields in webhooks.FIELDS.items()}


def test_every_job_is_documented() -> None:
    assert entries("jobs.md") == subclasses(jobs.Job)


def test_the_threads_of_every_topic_are_the_documented_ones() -> None:
    text = (repository.ROOT / "docs" / "jobs.md").read_text()
    [(many, named, usual)] = re.findall(
        r"(\d+) of a process for (`[^,]+`.*?),\s(\d+) for every other topic", text, re.DOTALL
    )
    told = dict.fromkeys(jobs.JOBS, int(usual)) | dict.fromkeys(re.findall(r"`(.+?)`", named), int(many))
    assert told == {topic: handler.threads for topic, handler in handlers.TABLE.items()}


def test_the_tries_of_a_delivery_are_the_documented_ones() -> None:
    for document in ("jobs.md", "webhooks.md"):
        text = (repository.ROOT / "docs" / document).read_text()
        assert re.findall(r"(\d+) tries", text) == [str(retries.PATIENT.tries)], document


def test_every_command_is_documented() -> None:
    group = typer.main.get_command(cli.app)
    assert isinstance(group, TyperGroup)
    assert entries("cli.md") == set(commands(group, "flowops"))


DOCUMENTS = {
    str(file.relative_to(repository.ROOT)): file for file in repository.files("*.md") if "prompts" not in file.parts
}


def tokens(name: str) -> list[Token]:
    return MarkdownIt().enable("table").parse(DOCUMENTS[name].read_text())


def links(name: str) -> Iterator[str]:
    for block in tokens(name):
        for token in block.children or []:
            target = token.attrs.get("href", token.attrs.get("src"))
            if isinstance(target, str) and not re.match(r"[a-z]+:", target):
                yield target


def anchors(name: str) -> set[str]:
    """The anchors that hosts of Markdown give to headings."""
    parsed = tokens(name)
    titles = [after.content for block, after in itertools.pairwise(parsed) if block.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in links(name):
        path, _, anchor = link.partition("#")
        target = (DOCUMENTS[name].parent / path).resolve() if path else DOCUMENTS[name]
        assert target.exists(), f"{name} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(str(target.relative_to(repository.ROOT))), (
                f"{name} links to {link}: no such heading"
            )
