"""A dashboard session: somebody who is signed in to the dashboard, for whom, and what they may do there."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from flux_dispatch.domain.api_key import Scope, covers
from flux_dispatch.domain.audit_entry import Actor, ActorKind
from flux_dispatch.domain.ids import AccountId, DashboardSessionId

IDLE: Final = timedelta(hours=12)
"""A session ends when it has not been used for this long; its last use is known to the minute."""

ABSOLUTE: Final = timedelta(days=7)
"""A session ends this long after signing in, however much it is used."""

PORTAL_SCOPES: Final = frozenset({Scope.READ, Scope.WEBHOOKS_WRITE, Scope.EVENTS_WRITE, Scope.AUDIT_LOG_READ})
"""What a customer may do who came by a portal link."""

OPERATOR_SCOPES: Final = frozenset({Scope.ADMIN})
"""What an operator may do who came by a link."""


class SignedInBy(StrEnum):
    """What somebody showed to sign in."""

    PORTAL_LINK = "portal_link"
    API_KEY = "api_key"
    OPERATOR_LINK = "operator_link"


class SignInRefusal(StrEnum):
    """Why somebody could not sign in."""

    UNKNOWN_KEY = "unknown_key"
    REVOKED_KEY = "revoked_key"
    EXPIRED_KEY = "expired_key"
    KEY_LACKS_READ = "key_lacks_read"
    UNKNOWN_LINK = "unknown_link"
    USED_LINK = "used_link"
    EXPIRED_LINK = "expired_link"


@dataclass(frozen=True, slots=True)
class DashboardSession:
    """A session that works; `account` is None for an operator, who may act for any account.

    `id` names it where sessions are listed, and lets nobody in.
    """

    id: DashboardSessionId
    account: AccountId | None
    scopes: frozenset[Scope]
    signed_in_by: SignedInBy
    created_at: datetime
    expires_at: datetime

    @property
    def is_operator(self) -> bool:
        """Say whether this is somebody of the platform, not a customer."""
        return self.account is None

    @property
    def is_customer(self) -> bool:
        """Say whether this is a customer, who came by a portal link: nothing of the platform itself is theirs."""
        return self.signed_in_by is SignedInBy.PORTAL_LINK

    @property
    def actor(self) -> Actor:
        """Whoever is signed in, as the audit log has them; by which key stands with the session."""
        if self.is_customer:
            return Actor(ActorKind.CUSTOMER, session=self.id)
        return Actor(ActorKind.OPERATOR if self.is_operator else ActorKind.API_KEY, session=self.id)

    def may(self, scope: Scope) -> bool:
        """Say whether the session covers a call of this scope."""
        return covers(self.scopes, scope)


def by_link(account: AccountId | None) -> tuple[SignedInBy, frozenset[Scope]]:
    """Return how a link signs in whom it was made for (None: an operator), and what they may do."""
    if account is None:
        return SignedInBy.OPERATOR_LINK, OPERATOR_SCOPES
    return SignedInBy.PORTAL_LINK, PORTAL_SCOPES
