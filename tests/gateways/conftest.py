"""The demo world, reached directly and over HTTP."""

from collections.abc import Iterator

import pytest

from tests import conftest, servers


@pytest.fixture
def provider(clock: conftest.Clock) -> Iterator[servers.Provider]:
    with servers.http_provider(clock, seeded_at=clock.now) as running:
        yield running
