"""Published vectors and real data, from the folder the environment names."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of conformance data; without it these tests are skipped, visibly."""
    folder = os.environ.get("FLOWOPS_CONFORMANCE_DATA")
    if not folder:
        pytest.skip("FLOWOPS_CONFORMANCE_DATA names no folder, so conformance was not tested")
    return Path(folder)
