"""A command loads what it needs and no more: who looks at a list does not wait for a web framework."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("on_database")
def test_a_list_is_shown_without_loading_what_serves_the_web() -> None:
    words = [sys.executable, "-X", "importtime", "-m", "flowops", "tokens", "list"]
    ran = subprocess.run(words, check=True, capture_output=True, text=True)
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "flowops.cli.people" in loaded
    assert not {"fastapi", "uvicorn", "flowops.console", "flowops.web"} & loaded
