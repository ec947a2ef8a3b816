"""What is installed: a wheel that holds everything, few dependencies, and a lock that fits every machine."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from tests.project import repository


def test_the_wheel_ships_every_file_of_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=repository.ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("flowops/")}
    assert shipped == {str(file.relative_to(repository.ROOT)) for file in repository.files("flowops")}


def closure(packages: dict[str, dict[str, Any]], name: str, extras: list[str], seen: set[str]) -> set[str]:
    """The names of a locked package and all it needs, on whichever platform."""
    seen.add(name)
    package = packages[name]
    needed = list(package.get("dependencies", []))
    for extra in extras:
        needed += package.get("optional-dependencies", {}).get(extra, [])
    for dependency in needed:
        if dependency["name"] not in seen or dependency.get("extra"):
            closure(packages, dependency["name"], dependency.get("extra", []), seen)
    return seen


def test_the_product_needs_at_most_60_packages() -> None:
    packages = {package["name"]: package for package in repository.toml("uv.lock")["package"]}
    assert len(closure(packages, "flowops", [], set())) - 1 <= 60


def test_the_lock_names_the_public_index_only() -> None:
    sources = {str(package["source"]) for package in repository.toml("uv.lock")["package"]}
    assert sources == {"{'registry': 'https://pypi.org/simple'}", "{'editable': '.'}"}
    hosts = re.findall(r"\b(\w+://[^/\"]*)", (repository.ROOT / "uv.lock").read_text())
    assert set(hosts) == {"https://pypi.org", "https://files.pythonhosted.org"}
