"""What people are told of accounts."""

from typing import Final

from flux_webhooks.models import Account

from flux_dispatch.cli.output.tables import Column, Kind

EMPTY: Final = "There is no account yet. Make one:\n  flux accounts create Acme --external-id cus_42"

COLUMNS: Final = (
    Column("account", lambda each: each.id, Kind.ID),
    Column("name", lambda each: each.name),
    Column("external id", lambda each: each.external_id),
    Column("created", lambda each: each.created, Kind.TIME, may_go=True),
)


def fields(account: Account) -> dict[str, object]:
    """Return the fields of one account."""
    return {
        "id": account.id,
        "name": account.name,
        "external_id": account.external_id,
        "metadata": account.metadata or None,
        "created": account.created,
        "updated": account.updated,
    }
