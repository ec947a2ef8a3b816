"""How long a bearer token works."""

from datetime import timedelta

import pytest

from flowops import errors
from flowops.actions import operators
from flowops.app import App
from flowops.domain.access import SYSTEM
from flowops.queries import operators as known
from tests import make


@pytest.mark.parametrize("expires", [timedelta(0), timedelta(days=-1)])
def test_a_token_that_would_never_work_is_not_made(app: App, expires: timedelta) -> None:
    user_id = make.user(app)
    with pytest.raises(errors.Invalid, match="No token was made"), app.unit(SYSTEM) as unit:
        operators.create_token(unit, user_id, expires)
    with app.view() as view:
        assert known.tokens(view) == []
