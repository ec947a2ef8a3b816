"""What is carried out was approved as it is, by enough people who might give it, in time, and it was never refused."""

import os
import shutil
from pathlib import Path

import pytest

from tests.bent import bending

EXAMPLES = 250


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(4))
def test_whatever_people_time_and_records_do(part: int, sqlite_template: Path, tmp_path: Path) -> None:
    """A thousand examples, in parts that each begin with an empty database; a build tells the same ones every time."""
    url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'flowops.db')}"
    found = bending.bend(url, part if "CI" in os.environ else None, EXAMPLES)
    assert found["executed"] > 10, "or the judge had nothing to look at"
    assert found["approvals"] > 50
