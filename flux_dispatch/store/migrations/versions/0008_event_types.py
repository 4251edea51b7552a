"""The catalogue of event types, with the two that every account has."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TABLES = """
CREATE TABLE event_types (
    account_id uuid NOT NULL,
    name text NOT NULL,
    id uuid NOT NULL DEFAULT flux_new_id(),
    description text NOT NULL,
    type_group text,
    example text,
    schema text,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT flux_now(),
    updated_at timestamptz NOT NULL DEFAULT flux_now(),
    archived_at timestamptz,
    PRIMARY KEY (account_id, name)
);
CREATE INDEX event_types_account ON event_types (account_id, id);
"""

# They describe, and refuse nothing: who publishes these types today goes on, whatever the data is.
_EVERYBODYS: list[dict[str, Any]] = [
    {
        "name": "order.completed",
        "description": "An order was paid for and is complete.",
        "group": "Orders",
        "example": {"order": "ord_1001", "amount": 4999, "currency": "EUR"},
        "schema": {
            "type": "object",
            "properties": {
                "order": {"description": "The order's id."},
                "amount": {"description": "In the currency's smallest unit."},
                "currency": {"description": "ISO 4217, like EUR."},
            },
        },
    },
    {
        "name": "user.signup",
        "description": "A user has signed up.",
        "group": "Users",
        "example": {"user": "usr_1001", "email": "zoe@example.com", "name": "Zoë"},
        "schema": {
            "type": "object",
            "properties": {
                "user": {"description": "The user's id."},
                "email": {"description": "Where the user is reached."},
                "name": {"description": "What the user is called."},
            },
        },
    },
]


def upgrade() -> None:
    """Make the table, and put in what every account has."""
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    insert = sa.text("""
        INSERT INTO event_types (account_id, name, description, type_group, example, schema)
        VALUES ('00000000-0000-0000-0000-000000000000', :name, :description, :group, :example, :schema)
    """)
    for each in _EVERYBODYS:
        texts = {name: json.dumps(each[name]) for name in ("example", "schema")}
        op.execute(insert.bindparams(**each | texts))
