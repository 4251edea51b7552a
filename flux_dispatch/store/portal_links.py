"""Portal links: stored as digests, shown once."""

import secrets
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.domain.portal_link import TOKEN_BYTES, PortalLink, digest
from flux_dispatch.store.connect import DriverStatement

# Those of the account that were over a day ago are forgotten with it: nobody else comes for them.
_CREATE = DriverStatement("""
    WITH forgotten AS (
        DELETE FROM portal_links
        WHERE account_id = CAST(:account AS uuid) AND expires_at < flux_now() - interval '1 day'
    )
    INSERT INTO portal_links (account_id, digest, expires_at)
    VALUES (CAST(:account AS uuid), :digest, flux_now() + :lifetime)
    RETURNING id, expires_at
""")


class PortalLinkStore:
    """Makes portal links."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def create(self, account: AccountId, lifetime: timedelta) -> PortalLink:
        """Make a link for an account, that can be used once within its lifetime."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        parameters = {"account": parse_id(Prefix.ACCOUNT, account), "digest": digest(token), "lifetime": lifetime}
        (row,) = await _CREATE.rows(self._database, parameters)
        return PortalLink(format_id(Prefix.PORTAL_LINK, row["id"].hex), token, row["expires_at"])
