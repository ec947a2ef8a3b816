"""The recipes work as they stand: applied to a copy of the package, all of them, and tested there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project import repository

RECIPES = sorted(path for path in (repository.ROOT / "docs" / "recipes").glob("*.md") if path.name != "README.md")
# The endpoint's query is what the page shows.
ORDER = sorted(RECIPES, key=lambda path: path.name == "console-page.md")


def blocks(recipe: Path) -> Iterator[tuple[str, str, str]]:
    """Each block of code: the file it is for, which is named once for several, its language, and its text."""
    name = ""
    pattern = r"^`([\w./-]+)`\n|^```(\w+)\n(.*?)^```"
    for found in re.finditer(pattern, recipe.read_text(), flags=re.MULTILINE | re.DOTALL):
        if found[1]:
            name = found[1]
        else:
            assert name, f"{recipe.name} does not say which file its first block is for"
            yield name, found[2], found[3]


def changed(text: str, diff: str) -> str:
    """A text after a change; the lines around it must be there, as they are, once."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    after = "".join(line[1:] for line in lines if not line.startswith("-"))
    assert text.count(before) == 1, f"these lines are not there, or not once:\n{before}"
    return text.replace(before, after)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its tests."""
    for name in ("flowops", "tests", "tools"):
        shutil.copytree(repository.ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(repository.ROOT / name, tmp_path)
    return tmp_path


def test_every_recipe_does_what_it_says(copy: Path) -> None:
    tests = []
    for recipe in ORDER:
        for name, language, text in blocks(recipe):
            path = copy / name
            if language == "diff":
                path.write_text(changed(path.read_text(), text))
            else:
                path.write_text(f"{path.read_text()}\n\n{text}" if path.exists() else text)
            if name.startswith("tests/"):
                tests.append(name)
    assert len(tests) == len(RECIPES)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    beside = Path(sys.executable).with_name
    for command in (
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "-k", "not postgresql", *tests],
        [str(beside("ruff")), "check", "--no-cache", "flowops", *tests],
        [str(beside("lint-imports")), "--no-logo", "--no-cache"],
    ):
        paths = environment | {"PYTHONPATH": str(copy)}
        ran = subprocess.run(command, cwd=copy, env=paths, check=False, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
