"""Runs the migrations on the connection `flowops.storage.migrate` hands over."""

from alembic import context

from flowops.storage import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.Base.metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
