"""Runs the migrations on the connection that `flux_dispatch.store.migrate` hands over; Alembic wants this file."""

from alembic import context

from flux_dispatch.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
