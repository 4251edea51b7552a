"""Portal links: stored as digests, shown once."""

import secrets
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, made_with
from flux_dispatch.domain.ids import AccountId, Prefix, format_id, parse_id
from flux_dispatch.domain.portal_link import PortalLink
from flux_dispatch.domain.secret_token import TOKEN_BYTES, digest
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import DriverStatement, transaction

# Those of the account that were over a day ago are forgotten with it: nobody else comes for them.
_ADD = """
    WITH forgotten AS (
        DELETE FROM portal_links
        WHERE :whose: AND expires_at < flux_now() - interval '1 day'
    )
    INSERT INTO portal_links (account_id, digest, expires_at)
    VALUES (CAST(:account AS uuid), :digest, flux_now() + :lifetime)
    RETURNING id, expires_at
"""
_CREATE = DriverStatement(_ADD.replace(":whose:", "account_id = CAST(:account AS uuid)"))
_CREATE_FOR_OPERATOR = DriverStatement(_ADD.replace(":whose:", "account_id IS NULL"))


class PortalLinkStore:
    """Makes portal links."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def create(self, account: AccountId | None, lifetime: timedelta) -> PortalLink:
        """Make a link for an account (None: for an operator), that can be used once within its lifetime."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        owner = parse_id(Prefix.ACCOUNT, account) if account else None
        statement = _CREATE if account else _CREATE_FOR_OPERATOR
        parameters = {"account": owner, "digest": digest(token), "lifetime": lifetime}
        async with transaction(self._database) as connection:
            (row,) = await statement.rows_on(connection, parameters)
            made = PortalLink(format_id(Prefix.PORTAL_LINK, row["id"].hex), token, row["expires_at"])
            target = Target(TargetKind.PORTAL_LINK, made.id, "a portal link" if account else "a link for operators")
            details = made_with(expires_at=made.expires_at)
            await note(connection, Action.PORTAL_LINK_CREATED, account, target, details)
        return made
