"""Dashboard sessions: begun by a link or a key, found by their tokens, which are stored as digests."""

import secrets
from collections.abc import Collection
from dataclasses import replace
from typing import Final, cast

from asyncpg import Record
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flux_dispatch.domain.api_key import ApiKey, Scope
from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import Target, TargetKind, made_with
from flux_dispatch.domain.dashboard_session import ABSOLUTE, IDLE, DashboardSession, SignedInBy, SignInRefusal, by_link
from flux_dispatch.domain.ids import AccountId, ApiKeyId, DashboardSessionId, Prefix, format_id, parse_id
from flux_dispatch.domain.secret_token import TOKEN_BYTES, digest
from flux_dispatch.store.acting import acting_with
from flux_dispatch.store.audit_log import note
from flux_dispatch.store.connect import DriverStatement, transaction

FORGOTTEN_AT_ONCE: Final = 100
"""How many sessions that are over a sign-in takes away: more than it makes, and not more than it has time for."""

# Of several at once one sets it; the others wait for that one's end, and find it set, unless it was rolled back.
_USE_LINK = DriverStatement("""
    UPDATE portal_links SET used_at = flux_now()
    WHERE digest = :digest AND used_at IS NULL AND expires_at > flux_now()
      AND NOT EXISTS (SELECT FROM accounts WHERE accounts.id = portal_links.account_id AND deleted_at IS NOT NULL)
    RETURNING account_id
""")
_WHY_NOT = DriverStatement("""
    SELECT account_id, used_at IS NOT NULL AS is_used FROM portal_links
    WHERE digest = :digest
      AND NOT EXISTS (SELECT FROM accounts WHERE accounts.id = portal_links.account_id AND deleted_at IS NOT NULL)
""")
_SIGN_IN = DriverStatement("""
    WITH forgotten AS (
        DELETE FROM dashboard_sessions WHERE digest = ANY(ARRAY(
            SELECT digest FROM dashboard_sessions WHERE expires_at <= flux_now()
            ORDER BY expires_at LIMIT :forgotten FOR UPDATE SKIP LOCKED
        ))
    )
    INSERT INTO dashboard_sessions (digest, account_id, api_key_id, scopes, signed_in_by, expires_at)
    VALUES (
        :digest, CAST(:account AS uuid), CAST(:api_key AS uuid), :scopes, :signed_in_by,
        least(flux_now() + :absolute, CAST(:no_later_than AS timestamptz))
    )
    RETURNING id, account_id, scopes, signed_in_by, created_at, expires_at
""")
_WORKS = """expires_at > flux_now() AND last_used_at > flux_now() - CAST(:idle AS interval)
          AND NOT EXISTS (SELECT FROM accounts WHERE id = session.account_id AND deleted_at IS NOT NULL)
          AND NOT EXISTS (
              SELECT FROM api_keys
              WHERE id = session.api_key_id AND (revoked_at IS NOT NULL OR api_keys.expires_at <= flux_now())
          )
"""
# What the update asks is asked of the row that it locks, so of many requests at once only the first writes.
_FIND = DriverStatement(f"""
    WITH found AS (
        SELECT digest, id, account_id, scopes, signed_in_by, created_at, expires_at
        FROM dashboard_sessions AS session
        WHERE digest = :digest AND {_WORKS}
    ), used AS (
        UPDATE dashboard_sessions SET last_used_at = flux_now()
        WHERE digest = (SELECT digest FROM found) AND last_used_at <= flux_now() - interval '1 minute'
    )
    SELECT * FROM found
""")  # noqa: S608 - only a piece of our own is written into it
_STILL_OPEN = DriverStatement(f"""
    SELECT digest FROM dashboard_sessions AS session WHERE digest = ANY(CAST(:digests AS bytea[])) AND {_WORKS}
""")  # noqa: S608 - as above
_END = DriverStatement(f"""
    DELETE FROM dashboard_sessions AS session WHERE digest = :digest
    RETURNING id, account_id, scopes, signed_in_by, created_at, expires_at, api_key_id, {_WORKS} AS works
""")  # noqa: S608 - as above
_END_ALL = DriverStatement("""
    WITH ended AS (DELETE FROM dashboard_sessions WHERE account_id = CAST(:account AS uuid) RETURNING digest)
    SELECT count(*) FROM ended
""")
_END_ALL_OPERATORS = DriverStatement(_END_ALL.text.replace("= CAST(:account AS uuid)", "IS NULL"))


class DashboardSessionStore:
    """Begins, finds and ends sessions."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def sign_in_by_link(self, token: str) -> tuple[str, DashboardSession] | None:
        """Use a link up; return the token of the session that it began, which is not kept, and the session.

        None when there is no such link, it was used or is over, or its account is deleted.
        """
        async with transaction(self._database) as connection:
            links = await _USE_LINK.rows_on(connection, {"digest": digest(token)})
            if not links:
                return None
            account = _account_id(links[0])
            signed_in_by, scopes = by_link(account)
            return await _sign_in(connection, account, signed_in_by, scopes)

    async def sign_in_by_key(self, key: ApiKey) -> tuple[str, DashboardSession]:
        """Return the token of a new session, which is not kept, and the session; a platform key's is an operator's.

        It may do what the key may, and ends with it.
        """
        async with transaction(self._database) as connection:
            return await _sign_in(connection, key.account, SignedInBy.API_KEY, key.scopes, key)

    async def why_not(self, token: str) -> tuple[SignInRefusal, AccountId | None]:
        """Return why a link does not sign in, and whom it was made for, if that is known."""
        rows = await _WHY_NOT.rows(self._database, {"digest": digest(token)})
        if not rows:
            return SignInRefusal.UNKNOWN_LINK, None
        return SignInRefusal.USED_LINK if rows[0]["is_used"] else SignInRefusal.EXPIRED_LINK, _account_id(rows[0])

    async def find(self, token: str) -> DashboardSession | None:
        """Return the session of this token, and write that it is in use, at most once a minute.

        None when there is none, it has not been used for IDLE or began ABSOLUTE ago, the key that signed in was
        revoked or expired, or its account is deleted.
        """
        rows = await _FIND.rows(self._database, {"digest": digest(token), "idle": IDLE})
        return _session_from_row(rows[0]) if rows else None

    async def still_open(self, tokens: Collection[str]) -> set[str]:
        """Return those of these tokens whose session works; to look is no use of it, so it may end by being idle."""
        by_digest = {digest(each): each for each in tokens}
        rows = await _STILL_OPEN.rows(self._database, {"digests": list(by_digest), "idle": IDLE})
        return {by_digest[row["digest"]] for row in rows}

    async def end(self, token: str) -> None:
        """Sign out; a token that has no session changes nothing."""
        async with transaction(self._database) as connection:
            rows = await _END.rows_on(connection, {"digest": digest(token), "idle": IDLE})
            if not rows or not rows[0]["works"]:
                return
            session = _session_from_row(rows[0])
            # the row that tells of its key is gone
            with acting_with(replace(session.actor, api_key=_api_key_id(rows[0]))):
                await note(connection, Action.SIGNED_OUT, session.account, _target(session))

    async def end_all(self, account: AccountId | None) -> int:
        """Sign everybody of an account (None: every operator) out; return how many sessions went, also old ones."""
        async with transaction(self._database) as connection:
            if account is None:
                (row,) = await _END_ALL_OPERATORS.rows_on(connection, {})
            else:
                (row,) = await _END_ALL.rows_on(connection, {"account": parse_id(Prefix.ACCOUNT, account)})
            if count := cast(int, row["count"]):
                await note(connection, Action.ALL_SIGNED_OUT, account, changes=made_with(sessions=count))
        return count


async def _sign_in(
    connection: AsyncConnection,
    account: AccountId | None,
    signed_in_by: SignedInBy,
    scopes: Collection[str],
    key: ApiKey | None = None,
) -> tuple[str, DashboardSession]:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    parameters = {
        "digest": digest(token),
        "account": parse_id(Prefix.ACCOUNT, account) if account else None,
        "api_key": parse_id(Prefix.API_KEY, key.id) if key else None,
        "scopes": sorted(scopes),
        "signed_in_by": signed_in_by,
        "absolute": ABSOLUTE,
        "no_later_than": key.expires_at if key else None,
        "forgotten": FORGOTTEN_AT_ONCE,
    }
    (row,) = await _SIGN_IN.rows_on(connection, parameters)
    session = _session_from_row(row)
    with acting_with(session.actor):
        await note(connection, Action.SIGNED_IN, account, _target(session), made_with(by=signed_in_by.value))
    return token, session


def _target(session: DashboardSession) -> Target:
    return Target(TargetKind.DASHBOARD_SESSION, session.id)


def _session_from_row(row: Record) -> DashboardSession:
    return DashboardSession(
        id=cast(DashboardSessionId, format_id(Prefix.DASHBOARD_SESSION, row["id"].hex)),
        account=_account_id(row),
        # a scope of a later release gives nothing here
        scopes=frozenset(scope for scope in Scope if scope in row["scopes"]),
        signed_in_by=SignedInBy(row["signed_in_by"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def _api_key_id(row: Record) -> ApiKeyId | None:
    return cast(ApiKeyId, format_id(Prefix.API_KEY, row["api_key_id"].hex)) if row["api_key_id"] else None


def _account_id(row: Record) -> AccountId | None:
    return cast(AccountId, format_id(Prefix.ACCOUNT, row["account_id"].hex)) if row["account_id"] else None
