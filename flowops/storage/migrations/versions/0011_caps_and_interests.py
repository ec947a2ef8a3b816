"""What was approved can be counted for a customer and a person; people are linked to customers they keep out of."""

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations
from flowops.storage.types import UtcTime

revision = "0011"
down_revision = "0010"
downgrade = migrations.refuse

INDEXES = (
    ("ix_effects_capped", "effects", ("customer_id", "kind", "approved_at"), "approved_at IS NOT NULL"),
    ("ix_approvals_capped", "approvals", ("user_id", "counted_at"), "counted_at IS NOT NULL"),
)
_MONEY = {
    "sqlite": ("json_extract(params, '$.money.amount')", "json_extract(params, '$.money.currency')"),
    "postgresql": (
        "CAST(CAST(params AS json) -> 'money' ->> 'amount' AS bigint)",
        "CAST(params AS json) -> 'money' ->> 'currency'",
    ),
}


def upgrade() -> None:
    for name, kind in (
        ("customer_id", sa.String()),
        ("amount", sa.BigInteger()),
        ("currency", sa.String()),
        ("approved_at", UtcTime()),
    ):
        op.add_column("effects", sa.Column(name, kind, nullable=True))
    op.add_column("approvals", sa.Column("counted_at", UtcTime(), nullable=True))
    amount, currency = _MONEY[op.get_bind().dialect.name]
    op.execute(
        "UPDATE effects SET customer_id = (SELECT customer_id FROM requests WHERE requests.id = request_id), "
        f"amount = {amount}, currency = {currency}"
    )
    # The last approval of what is approved is the one that did it; policy did it at once.
    op.execute(
        "UPDATE effects SET approved_at = COALESCE((SELECT max(at) FROM approvals "
        "WHERE effect_id = effects.id AND revision = effects.revision), created_at) "
        "WHERE status IN ('approved', 'executing', 'done')"
    )
    op.execute(
        "UPDATE approvals SET counted_at = (SELECT approved_at FROM effects "
        "WHERE effects.id = effect_id AND effects.revision = approvals.revision)"
    )
    for name, table, columns, where in INDEXES:
        op.create_index(name, table, list(columns), postgresql_where=sa.text(where), sqlite_where=sa.text(where))
    op.create_table(
        "person_links",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_person_links_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_person_links"),
        sa.UniqueConstraint("user_id", "kind", "value", name="uq_person_links_user_id_kind_value"),
    )
