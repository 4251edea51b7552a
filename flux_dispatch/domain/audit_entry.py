"""An audit entry: who did what to what, when and from where, and what each reader of it may know."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Any, Final, NamedTuple

from flux_dispatch.domain.audit_action import ACTIONS, BY_NAME, FIELDS, Action
from flux_dispatch.domain.ids import AccountId, ApiKeyId, DashboardSessionId

MAX_TEXT_LENGTH: Final = 500
"""How many characters of a value an entry keeps."""

MAX_ITEMS: Final = 100
"""How many items of a list or of an object an entry keeps."""


class ActorKind(StrEnum):
    """Who did something."""

    API_KEY = "api_key"
    """Somebody with an API key of the account, by the API or signed in with it to the dashboard."""

    PLATFORM_KEY = "platform_key"
    """A service of the platform, whose key acts for any account."""

    CUSTOMER = "customer"
    """Somebody of the account who came to the dashboard by a portal link."""

    OPERATOR = "operator"
    """Somebody of the platform in the dashboard."""

    COMMAND = "command"
    """Somebody on a server, with the command `flux`."""

    ENGINE = "engine"
    """Nobody: what runs by itself."""

    NOBODY = "nobody"
    """Somebody who was not let in."""


class TargetKind(StrEnum):
    """What something was done to."""

    ACCOUNT = "account"
    API_KEY = "api_key"
    PORTAL_LINK = "portal_link"
    DASHBOARD_SESSION = "dashboard_session"
    WEBHOOK = "webhook"
    EVENT = "event"
    DELIVERY = "delivery"
    RECOVERY = "recovery"
    EVENT_TYPE = "event_type"
    ALERT = "alert"
    ALERT_CHANNEL = "alert_channel"
    LISTEN_SESSION = "listen_session"


OF_THE_PLATFORM: Final = frozenset({ActorKind.PLATFORM_KEY, ActorKind.OPERATOR, ActorKind.COMMAND})
"""Actors of whom an account is told that they did something, and not who and from where."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the key that was given and the session, where there are such, and what to call them."""

    kind: ActorKind
    api_key: ApiKeyId | None = None
    session: DashboardSessionId | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts at a moment, and how they came: what an entry says of itself beyond what was done."""

    actor: Actor
    request_id: str | None = None
    address: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What something was done to: its public id (an event type's is its name; "" for several), and what it is called.

    The name is that of the moment: it is read when the thing itself is gone.
    """

    kind: TargetKind
    id: str
    name: str = ""


class Change(NamedTuple):
    """A field before and after, None where it was not or is not there; of what is secret, names alone."""

    before: Any
    after: Any


Changes = Mapping[str, Change]
"""What was changed, by the names of fields."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log; `account` is None where it is about the platform."""

    id: str
    account: AccountId | None
    action: Action | str
    acting: Acting
    target: Target | None
    changes: Changes
    created_at: datetime


class Reader(Enum):
    """Who reads the audit log."""

    PLATFORM = auto()
    """An operator, or a platform key: reads everything."""

    ACCOUNT = auto()
    """Somebody with a key of the account: all of its entries, the platform's people without who and where they are."""

    CUSTOMER = auto()
    """Somebody who came by a portal link: what concerns customers, and of others only that it was they."""


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    """Return the fields whose values are not the same, each cut to what an entry keeps."""
    names = [*before, *(name for name in after if name not in before)]
    return {
        name: Change(kept(before.get(name)), kept(after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    }


def made_with(**values: Any) -> dict[str, Change]:  # noqa: ANN401 - any JSON
    """Return what a new thing was made with; what is empty is left out."""
    return {name: Change(None, kept(value)) for name, value in values.items() if value not in (None, "", (), [], {})}


def kept(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return what an entry keeps of a value: JSON, and not more than it is worth."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT_LENGTH else f"{value[:MAX_TEXT_LENGTH]}…"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): kept(value[key]) for key in list(value)[:MAX_ITEMS]}
    if isinstance(value, list | tuple):
        return [kept(each) for each in value[:MAX_ITEMS]]
    return value


def as_read_by(reader: Reader, entry: AuditEntry) -> AuditEntry:
    """Return the entry without what its reader may not know."""
    kind = entry.acting.actor.kind
    knows_all = reader is Reader.PLATFORM or kind is ActorKind.ENGINE
    if knows_all or (kind not in OF_THE_PLATFORM if reader is Reader.ACCOUNT else kind is ActorKind.CUSTOMER):
        return entry
    return replace(entry, acting=Acting(Actor(kind), request_id=entry.acting.request_id))


def who(actor: Actor) -> str:
    """Return what a sentence calls an actor, at its beginning."""
    unnamed, named = _WHO[actor.kind]
    return named.format(name=actor.name) if actor.name else unnamed


def did(entry: AuditEntry) -> tuple[str, str, str]:
    """Return what was done: the words before the target, the target ("" where there is none), and the words behind."""
    known = BY_NAME.get(entry.action)
    words = ACTIONS[known].did if known else f"did {entry.action} to {{target}}"
    words = words.replace("{fields}", _fields(entry.changes))
    before, _, behind = words.partition("{target}")
    target = (entry.target.name or entry.target.id) if entry.target and "{target}" in words else ""
    return before, target, behind + _times(entry)


def sentence(entry: AuditEntry) -> str:
    """Return the entry as one sentence, like `API key sk_live_…4f2a changed the URL of the webhook shop-orders`."""
    return " ".join(f"{who(entry.acting.actor)} {''.join(did(entry))}".split())


def _fields(changes: Changes) -> str:
    names = [FIELDS[name] for name in FIELDS if name in changes] + [name for name in changes if name not in FIELDS]
    if not names:
        return "nothing"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _times(entry: AuditEntry) -> str:
    if entry.action != Action.SIGN_IN_REFUSED:
        return ""
    reason, times = entry.changes.get("reason"), entry.changes.get("times")
    told = f": {str(reason.after).replace('_', ' ')}" if reason else ""
    return f"{told}, {times.after} times" if times and times.after != 1 else told


_WHO: Final[Mapping[ActorKind, tuple[str, str]]] = {
    ActorKind.API_KEY: ("An API key", "API key {name}"),
    ActorKind.PLATFORM_KEY: ("The platform", "Platform key {name}"),
    ActorKind.CUSTOMER: ("A customer", "{name}"),
    ActorKind.OPERATOR: ("An operator", "An operator with the key {name}"),
    ActorKind.COMMAND: ("Somebody on the server", "{name} on the server"),
    # in the words of no product: customers read it in another one's name
    ActorKind.ENGINE: ("The system", "The system"),
    ActorKind.NOBODY: ("Somebody", "Somebody with the key {name}"),
}
"""How sentences begin, without and with a name."""
