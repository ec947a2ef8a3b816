"""${message}."""

from alembic import op
import sqlalchemy as sa
from flowops.storage import migrations
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
downgrade = migrations.refuse


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
