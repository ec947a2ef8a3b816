"""The migrations, shipped with the package."""

from typing import NoReturn

from alembic.util import CommandError


def refuse() -> NoReturn:
    """The downgrade of every migration: a way back that loses what came after would look like one that works."""
    msg = (
        "There is no way back by command. Nothing was changed; restore the backup that was made before the upgrade, "
        "with the version of FlowOps it came from."
    )
    raise CommandError(msg)
