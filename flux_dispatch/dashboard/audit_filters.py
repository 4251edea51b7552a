"""What the audit log is narrowed by, as it stands in the address of its page, or in the form that exports it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flux_dispatch.dashboard.event_filters import time_in
from flux_dispatch.domain.audit_action import ACTIONS, NOUNS, Action
from flux_dispatch.domain.audit_entry import ActorKind, Reader
from flux_dispatch.domain.audit_filter import validate_actions, validate_actor, validate_target
from flux_dispatch.domain.errors import InvalidRequest

NAMES: Final = ("action", "actor", "target", "created_after", "created_before")

ACTORS: Final[Mapping[ActorKind, str]] = {
    ActorKind.CUSTOMER: "Customers",
    ActorKind.API_KEY: "API keys",
    ActorKind.PLATFORM_KEY: "Platform keys",
    ActorKind.OPERATOR: "Operators",
    ActorKind.COMMAND: "Commands on a server",
    ActorKind.ENGINE: "The system itself",
    ActorKind.NOBODY: "Who was not let in",
}
"""Kinds of actors in the words of the list to choose from."""

_READ: Final = {
    "action": validate_actions,
    "actor": validate_actor,
    "target": validate_target,
    "created_after": time_in,
    "created_before": time_in,
}


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """What was asked for, as it was written."""

    given: Mapping[str, str]

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> "AuditFilters":
        """Return what a query or a form asks for."""
        given = {name: str(asked.get(name, "")).strip() for name in NAMES}
        return cls({name: text for name, text in given.items() if text})

    def wanted(self) -> dict[str, Any]:
        """Return the filters for the store.

        Raises:
            InvalidRequest: one is not what it must be; `param` names it.
        """
        found: dict[str, Any] = {}
        for name, text in self.given.items():
            try:
                found["actions" if name == "action" else name] = _READ[name](text)
            except InvalidRequest as error:
                raise InvalidRequest(error.message, param=name, code=error.code) from None
        return found


def actions_to_choose(reader: Reader, *, of_platform: bool) -> list[tuple[str, list[Action]]]:
    """Return the actions that may stand in this reader's log, by their nouns."""
    theirs = [
        each
        for each, words in ACTIONS.items()
        if (of_platform or each not in _OF_THE_PLATFORM) and (reader is not Reader.CUSTOMER or words.is_for_customers)
    ]
    by_noun = ((noun, [each for each in theirs if each.partition(".")[0] == noun]) for noun in NOUNS)
    return [(noun, actions) for noun, actions in by_noun if actions]


_OF_THE_PLATFORM: Final = {
    Action.ACCOUNT_CREATED,
    Action.ACCOUNT_UPDATED,
    Action.ACCOUNT_DELETED,
    Action.ACCOUNT_ERASED,
    Action.ENCRYPTION_KEY_ROTATED,
}
"""What stands in the platform's log alone."""
