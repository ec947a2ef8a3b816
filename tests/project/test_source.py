"""The rules about source text that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

from tests.project import repository
from tools import vendor

MODULES = repository.files("*.py")
TEXTS = [
    file
    for file in repository.files()
    if file.suffix not in {".png", ".ico", ".woff2"} and vendor.FOLDER not in file.parents
]

# A bracket around one letter keeps a pattern from finding itself.
MARKS = re.compile(r"[T]ODO|[F]IXME|[N]otImplementedError")
EVASIONS = re.compile(r"[p]ytest\.(skip|importorskip|xfail)\b|[m]ark\.(skip|skipif|xfail)\b|[u]nittest\.skip")
WORKPLACE = re.compile(r"/[w]ork/|/[t]mp/brief|/[o]pt/(pypi|wheels)|\b[i]ssue\s+#?\d|[f]ile://")
UNREASONED = re.compile(
    r"#\s*[t]ype:\s*ignore(?!\[[\w, -]+\]\s+#\s*\w)|#\s*[n]oqa(?!: [A-Z]+\d+(, [A-Z]+\d+)*\s+[-#]\s*\w)"
)
CONFORMANCE = repository.ROOT / "tests/conformance/conftest.py"


def found(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{file.relative_to(repository.ROOT)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_module_is_longer_than_400_lines() -> None:
    assert [file for file in MODULES if len(file.read_text().splitlines()) > 400] == []


def test_every_module_opens_with_a_sentence() -> None:
    documentation = {file: ast.get_docstring(ast.parse(file.read_text())) or "" for file in MODULES}
    assert [file for file, text in documentation.items() if not text.partition("\n\n")[0].endswith(".")] == []


def test_nothing_is_left_for_later() -> None:
    assert found(MARKS, TEXTS) == []


def test_only_the_absent_conformance_data_skips_a_test() -> None:
    assert found(EVASIONS, [file for file in MODULES if file != CONFORMANCE]) == []
    assert len(found(EVASIONS, [CONFORMANCE])) == 1


def test_every_silenced_check_says_why() -> None:
    assert found(UNREASONED, MODULES) == []


@pytest.mark.parametrize(
    ("comment", "reasoned"),
    [
        ("type: ignore", False),
        ("type: ignore[arg-type]", False),
        ("type: ignore[arg-type]  # the stub is wrong", True),
        ("noqa", False),
        ("noqa: S608", False),
        ("noqa: S608, B008 - names come from our own table", True),
    ],
)
def test_a_reason_is_recognised(comment: str, reasoned: bool) -> None:
    assert bool(UNREASONED.search(f"x = f()  # {comment}")) is not reasoned


def test_nothing_names_the_place_it_was_written_in() -> None:
    assert found(WORKPLACE, TEXTS) == []
