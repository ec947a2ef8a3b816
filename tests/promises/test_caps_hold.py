"""However many approve in the same moment, no rolling cap is exceeded, and as many as fit succeed."""

import random

import pytest

from tests import rushes


@pytest.mark.timeout(300)
def test_sixty_four_approvals_at_once_never_exceed_a_cap_and_leave_no_room(database_url: str) -> None:
    app, clock = rushes.open_app(database_url)
    approved = {}
    # SQLite has one writer anyway; all kinds run on it in the long run.
    for number, kind in enumerate(rushes.KINDS[::3] if app.settings.is_sqlite else rushes.KINDS):
        found = rushes.rush(app, clock, kind, random.Random(number))
        assert found["faults"] == [], kind
        approved[kind] = found["approved"]
    app.close()
    assert all(0 < each < rushes.PEOPLE for each in approved.values()), approved
