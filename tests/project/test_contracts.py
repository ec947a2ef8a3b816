"""Each import contract is kept by the package and broken by the import it forbids."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import repository

# contract: (a module to write to, the line it gains)
OFFENCES = {
    "layers": [
        ("storage/unit.py", "import flowops.app"),
        ("actions/handoffs.py", "import flowops.gateways"),
        ("actions/handoffs.py", "import flowops.queries"),
        ("api/handoffs.py", "import flowops.console"),
        ("errors.py", "import flowops.settings"),
        ("newcomer.py", "'''A module that nobody gave a layer.'''"),
    ],
    "domain": [
        (f"domain/{module}.py", f"import {forbidden}")
        for module, forbidden in [
            ("handoffs", "sqlalchemy"),
            ("handoffs", "fastapi"),
            ("handoffs", "httpx"),
            ("policy", "os"),
            ("policy", "random"),
            ("policy", "secrets"),
            ("policy", "time"),
            ("policy", "uuid"),
        ]
    ],
    "ai": [
        ("ai/generator.py", "import flowops.storage.tables"),
        ("ai/generator.py", "import sqlalchemy"),
        ("domain/artifacts.py", "import sqlalchemy"),  # reached through the domain
    ],
    "gateways": [
        ("gateways/mail.py", "import flowops.storage.tables"),
        ("gateways/mail.py", "import sqlalchemy"),
    ],
    "storage": [
        (f"{module}.py", "import flowops.storage.tables")
        for module in ["cli", "web", "api/handoffs", "console/queue", "workers/loop"]
    ],
    "cycles": [
        ("domain/money.py", "import flowops.domain.policy\nimport flowops.domain.handoffs"),
    ],
}
CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in repository.toml("pyproject.toml")["tool"]["importlinter"]["contracts"]
}


def lint(tree: Path) -> str:
    """The linter's report on the package in `tree`, read under the repository's own contracts."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = os.environ | {"COLUMNS": "200", "PYTHONPATH": str(tree)}
    return subprocess.run(command, cwd=tree, env=environment, check=False, capture_output=True, text=True).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package with its contracts."""
    shutil.copy(repository.ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(repository.ROOT / "flowops", tmp_path / "flowops", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_package_keeps_every_contract(tree: Path) -> None:
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in lint(tree)


def test_every_contract_was_seen_to_fail() -> None:
    assert OFFENCES.keys() == CONTRACTS.keys()


@pytest.mark.parametrize(
    ("contract", "module", "line"),
    [(contract, module, line) for contract, offences in OFFENCES.items() for module, line in offences],
)
def test_a_contract_is_broken_by_the_import_it_forbids(tree: Path, contract: str, module: str, line: str) -> None:
    with (tree / "flowops" / module).open("a") as file:
        file.write(f"\n{line}\n")
    report = lint(tree)
    assert f"{CONTRACTS[contract]} BROKEN" in report, f"{CONTRACTS[contract]!r} let `{line}` into {module}:\n{report}"
