"""The table that says whether the release before may still be running, and needs what is sealed in plain text too."""

from sqlalchemy import Boolean, Column, Table, true

from flux_dispatch.store.tables.metadata import metadata

# one row; true where an installation of the release before was migrated, until `flux keys rotate-encryption`
sealing = Table(
    "sealing",
    metadata,
    Column("is_the_only_row", Boolean, primary_key=True, server_default=true()),
    Column("keeps_plain", Boolean, nullable=False),
)
