"""The tables of conditions: what operators were told of the installation, and when somebody last looked."""

from sqlalchemy import Boolean, Column, Table, Text

from flux_dispatch.store.tables.metadata import INSTANT, NOW, metadata

# There are four rows, at most.
conditions = Table(
    "conditions",
    metadata,
    Column("condition", Text, primary_key=True),
    # as people were told
    Column("holds", Boolean, nullable=False),
    Column("since", INSTANT, nullable=False, server_default=NOW),
    # since when the opposite is seen; null while it is not
    Column("opposite_since", INSTANT, nullable=True),
)

# One row for the API's processes and one for the workers: only the API's can tell that no worker is there.
condition_looks = Table(
    "condition_looks",
    metadata,
    Column("by", Text, primary_key=True),
    Column("looked_at", INSTANT, nullable=False),
)
