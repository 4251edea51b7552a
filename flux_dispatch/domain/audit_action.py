"""What the audit log tells of: one closed list of actions, with what each means and how it reads in a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What was done: the noun that it was done to, and the verb in the past."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_UPDATED = "account.updated"
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_ERASED = "account.erased"
    API_KEY_CREATED = "api_key.created"
    API_KEY_REVOKED = "api_key.revoked"
    PORTAL_LINK_CREATED = "portal_link.created"
    SIGNED_IN = "session.signed_in"
    SIGNED_OUT = "session.signed_out"
    ALL_SIGNED_OUT = "session.all_signed_out"
    SIGN_IN_REFUSED = "session.refused"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_UPDATED = "webhook.updated"
    WEBHOOK_ENABLED = "webhook.enabled"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_DELETED = "webhook.deleted"
    WEBHOOK_TESTED = "webhook.tested"
    SECRET_REVEALED = "secret.revealed"  # noqa: S105 - an action
    SECRET_ROTATED = "secret.rotated"  # noqa: S105 - as above
    EVENT_RESENT = "event.resent"
    DELIVERY_RETRIED = "delivery.retried"
    RECOVERY_BEGUN = "recovery.begun"
    RECOVERY_CANCELED = "recovery.canceled"
    EVENT_TYPE_CREATED = "event_type.created"
    EVENT_TYPE_UPDATED = "event_type.updated"
    EVENT_TYPE_ARCHIVED = "event_type.archived"
    ALERT_ACKNOWLEDGED = "alert.acknowledged"
    ALERT_CHANNEL_CREATED = "alert_channel.created"
    ALERT_CHANNEL_UPDATED = "alert_channel.updated"
    ALERT_CHANNEL_DELETED = "alert_channel.deleted"
    ALERT_CHANNEL_TESTED = "alert_channel.tested"
    ENCRYPTION_KEY_ROTATED = "encryption_key.rotated"
    LISTEN_SESSION_CREATED = "listen_session.created"
    LISTEN_SESSION_ENDED = "listen_session.ended"
    AUDIT_LOG_EXPORTED = "audit_log.exported"


@dataclass(frozen=True, slots=True)
class Words:
    """An action in words.

    `meaning` says in a sentence what was done. `did` follows the actor in a sentence; in it `{target}` stands for what
    it was done to, and `{fields}` for what was changed. `is_for_customers` says whether those who came by a portal link
    are told of it: what is about keys and the platform's own links is not theirs.
    """

    meaning: str
    did: str
    is_for_customers: bool = True


ACTIONS: Final[Mapping[Action, Words]] = {
    Action.ACCOUNT_CREATED: Words("An account was created.", "created the account {target}", is_for_customers=False),
    Action.ACCOUNT_UPDATED: Words(
        "The name, external id or metadata of an account was changed.",
        "changed {fields} of the account {target}",
        is_for_customers=False,
    ),
    Action.ACCOUNT_DELETED: Words(
        "An account was deleted: its keys and webhooks ended at that moment.",
        "deleted the account {target}",
        is_for_customers=False,
    ),
    Action.ACCOUNT_ERASED: Words(
        "The last row of a deleted account was erased, its own audit entries too.",
        "erased what was left of the account {target}",
        is_for_customers=False,
    ),
    Action.API_KEY_CREATED: Words("An API key was made.", "made the API key {target}", is_for_customers=False),
    Action.API_KEY_REVOKED: Words("An API key was revoked.", "revoked the API key {target}", is_for_customers=False),
    Action.PORTAL_LINK_CREATED: Words(
        "A link was made that signs in to the dashboard, once.",
        "made {target}, which signs in to the dashboard",
        is_for_customers=False,
    ),
    Action.SIGNED_IN: Words("Somebody signed in to the dashboard, by a link or with a key.", "signed in"),
    Action.SIGNED_OUT: Words("Somebody signed out of the dashboard.", "signed out"),
    Action.ALL_SIGNED_OUT: Words("Everybody was signed out of an account, or every operator.", "signed everybody out"),
    Action.SIGN_IN_REFUSED: Words(
        "Somebody could not sign in: the key or link does not work, or not any more. After the first time, those from "
        "one address are counted for ten minutes and told as one entry.",
        "was refused a sign-in",
        is_for_customers=False,
    ),
    Action.WEBHOOK_CREATED: Words("A webhook was created.", "created the webhook {target}"),
    Action.WEBHOOK_UPDATED: Words(
        "The URL, event types, description, headers or metadata of a webhook was changed.",
        "changed {fields} of the webhook {target}",
    ),
    Action.WEBHOOK_ENABLED: Words(
        "A webhook was enabled; what was changed with it stands in the same entry.", "enabled the webhook {target}"
    ),
    Action.WEBHOOK_DISABLED: Words(
        "A webhook was disabled, by somebody, or by the engine because its endpoint answered 410, or because every "
        "attempt had failed for days; what was changed with it stands in the same entry.",
        "disabled the webhook {target}",
    ),
    Action.WEBHOOK_DELETED: Words("A webhook was deleted.", "deleted the webhook {target}"),
    Action.WEBHOOK_TESTED: Words("A test was sent to a webhook.", "sent a test to the webhook {target}"),
    Action.SECRET_REVEALED: Words(
        "The signing secret of a webhook was read, in the dashboard or by the API.",
        "revealed the signing secret of the webhook {target}",
    ),
    Action.SECRET_ROTATED: Words(
        "A webhook got a new signing secret.", "rotated the signing secret of the webhook {target}"
    ),
    Action.EVENT_RESENT: Words(
        "An event was sent again; one entry for each 500 webhooks that get it.", "resent the event {target}"
    ),
    Action.DELIVERY_RETRIED: Words("A delivery was attempted at once.", "retried the delivery {target}"),
    Action.RECOVERY_BEGUN: Words(
        "Somebody had everything delivered after all that a webhook missed.", "began the recovery {target}"
    ),
    Action.RECOVERY_CANCELED: Words("A recovery was canceled.", "canceled the recovery {target}"),
    Action.EVENT_TYPE_CREATED: Words(
        "An event type was put into the catalogue.", "put the event type {target} into the catalogue"
    ),
    Action.EVENT_TYPE_UPDATED: Words(
        "The description, group, example or schema of an event type was changed.",
        "changed {fields} of the event type {target}",
    ),
    Action.EVENT_TYPE_ARCHIVED: Words("An event type was archived.", "archived the event type {target}"),
    Action.ALERT_ACKNOWLEDGED: Words("Somebody said to have seen an alert, or all of a page.", "acknowledged {target}"),
    Action.ALERT_CHANNEL_CREATED: Words("An alert channel was created.", "created the alert channel {target}"),
    Action.ALERT_CHANNEL_UPDATED: Words(
        "The URL, name, kinds or status of an alert channel was changed, by somebody, or by the engine because every "
        "message to it had failed for days; of a URL what may be shown of it is told.",
        "changed {fields} of the alert channel {target}",
    ),
    Action.ALERT_CHANNEL_DELETED: Words("An alert channel was deleted.", "deleted the alert channel {target}"),
    Action.ALERT_CHANNEL_TESTED: Words(
        "A test was sent to an alert channel.", "sent a test to the alert channel {target}"
    ),
    Action.ENCRYPTION_KEY_ROTATED: Words(
        "Sealing all secrets under the newest encryption key began; one entry for webhooks, one for alert channels.",
        "began to seal all secrets under the newest encryption key",
        is_for_customers=False,
    ),
    Action.LISTEN_SESSION_CREATED: Words(
        "A listen session was begun: a temporary URL that leads to somebody's own machine.",
        "began the listen session {target}",
    ),
    Action.LISTEN_SESSION_ENDED: Words(
        "A listen session was ended, by its command, by somebody else, or by the engine because no command was "
        "connected for minutes or the key that it came with was revoked; the reason stands in the entry.",
        "ended the listen session {target}",
    ),
    Action.AUDIT_LOG_EXPORTED: Words("The audit log was exported.", "exported the audit log"),
}
"""What is told of each; a test holds that every action is here."""

BY_NAME: Final[Mapping[str, Action]] = {each.value: each for each in Action}
"""The actions that this release knows, by what is stored of them."""

NOUNS: Final = tuple(dict.fromkeys(each.partition(".")[0] for each in Action))
"""What actions are about; `noun.*` stands for all of a noun."""

FIELDS: Final[Mapping[str, str]] = {
    "url": "the URL",
    "events": "the event types",
    "description": "the description",
    "headers": "the headers",
    "metadata": "the metadata",
    "status": "the status",
    "disabled_reason": "the reason",
    "name": "the name",
    "kinds": "the kinds",
    "target": "the URL",
    "external_id": "the external id",
    "group": "the group",
    "example": "the example",
    "schema": "the schema",
}
"""What a sentence calls a field that was changed; one that is not here, by its name."""


def actions_like(pattern: str) -> frozenset[Action] | None:
    """Return the action of this name, or with `noun.*` all of that noun; None where there is none."""
    noun, _, verb = pattern.partition(".")
    found = frozenset(each for each in Action if each == pattern or (verb == "*" and each.partition(".")[0] == noun))
    return found or None
