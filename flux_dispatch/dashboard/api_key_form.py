"""The form of an API key: what its fields say, and the key that they ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from multidict import MultiMapping

from flux_dispatch.domain.api_key import MAX_PER_SECOND, Limits, NewApiKey, Scope, validate_new_api_key
from flux_dispatch.domain.errors import InvalidRequest

ALLOWS: Final = {
    Scope.EVENTS_WRITE: "publish and resend events",
    Scope.WEBHOOKS_WRITE: "create, change, test and recover webhooks, and acknowledge alerts",
    Scope.EVENT_TYPES_WRITE: "describe event types",
    Scope.READ: "see everything but the audit log, and sign in here",
    Scope.AUDIT_LOG_READ: "read and export the audit log",
    Scope.ADMIN: "all of these, and make and revoke keys",
}
"""What each scope lets a key do."""


@dataclass(frozen=True, slots=True)
class ApiKeyForm:
    """What somebody typed and ticked; `expires_on` is a day, on which the key works no longer."""

    name: str = ""
    scopes: Sequence[str] = ()
    expires_on: str = ""
    events_per_second: str = ""
    requests_per_second: str = ""

    @classmethod
    def read(cls, form: MultiMapping[object]) -> "ApiKeyForm":
        """Return what was sent."""
        texts = ("name", "expires_on", "events_per_second", "requests_per_second")
        given = {each: str(form.get(each, "")).strip() for each in texts}
        return cls(scopes=[str(each) for each in form.getall("scope", [])], **given)

    def wanted(self) -> NewApiKey:
        """Return the key that is asked for.

        Raises:
            InvalidRequest: a value is not what it must be; `param` names its field.
        """
        if not self.scopes:
            raise InvalidRequest("Tick at least one thing that the key may do.", param="scopes")
        limits = Limits(
            _limit(self.events_per_second, "events_per_second"), _limit(self.requests_per_second, "requests_per_second")
        )
        return validate_new_api_key(
            scopes=self.scopes, name=self.name, expires_at=_begin_of(self.expires_on), limits=limits
        )


def _limit(text: str, param: str) -> int | None:
    if not text:
        return None
    try:
        return int(text) if text.isascii() else _no_limit(param)
    except ValueError:
        return _no_limit(param)


def _no_limit(param: str) -> int:
    raise InvalidRequest(f"Give a whole number from 1 to {MAX_PER_SECOND}, or nothing.", param=param)


def _begin_of(day: str) -> datetime | None:
    if not day:
        return None
    try:
        return datetime.combine(date.fromisoformat(day), time(tzinfo=UTC))
    except ValueError:
        raise InvalidRequest("Give a day like 2027-01-31, or nothing.", param="expires_at") from None
