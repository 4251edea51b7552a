"""What a list of the audit log can be narrowed by: actions, actors and targets, as people write them."""

import re
from typing import Final

from flux_dispatch.domain.audit_action import Action, actions_like
from flux_dispatch.domain.audit_entry import ActorKind
from flux_dispatch.domain.errors import InvalidRequest, MalformedId
from flux_dispatch.domain.event import MAX_TYPE_LENGTH
from flux_dispatch.domain.ids import Prefix, parse_id

ACTOR_IDS: Final = (Prefix.API_KEY, Prefix.DASHBOARD_SESSION)
"""The ids that actors have."""

TARGET: Final = r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"
"""How ids and names of event types are written."""


def validate_actions(text: str) -> frozenset[Action]:
    """Return the actions of this name, or of a noun with `.*`.

    Raises:
        InvalidRequest: there are none.
    """
    found = actions_like(text)
    if found is None:
        raise InvalidRequest(f"{text[:60]!r} is no action. Give one like webhook.created, or webhook.* for all of it.")
    return found


def validate_actor(text: str) -> str:
    """Return a kind of actor, or the id of a key or of a session.

    Raises:
        InvalidRequest: it is none of that.
    """
    if text in set(ActorKind):
        return text
    for prefix in ACTOR_IDS:
        try:
            parse_id(prefix, text)
        except MalformedId:
            continue
        return text
    kinds = ", ".join(ActorKind)
    raise InvalidRequest(f"An actor is an API key (key_…), a session (dsess_…), or one of {kinds}.")


def validate_target(text: str) -> str:
    """Return what may be the id of something, or the name of an event type.

    Raises:
        InvalidRequest: it is none of that.
    """
    if len(text) > MAX_TYPE_LENGTH or re.fullmatch(TARGET, text, re.ASCII) is None:
        raise InvalidRequest("A target is an id, like wh_ and 32 hex digits, or the name of an event type.")
    return text
