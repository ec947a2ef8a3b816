"""What the tests about the repository itself read: its root, its files and its settings."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def files(*patterns: str) -> list[Path]:
    """Every file that is, or is about to be, part of the repository and matches one of git's patterns."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    # A file deleted but not yet committed is still listed.
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def toml(name: str) -> dict[str, Any]:
    """A TOML file of the root folder."""
    return tomllib.loads((ROOT / name).read_text())
