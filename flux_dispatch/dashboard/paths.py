"""What the path of a page names, found in the account that the page is of."""

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.domain.alert_channel import AlertChannel
from flux_dispatch.domain.errors import InvalidRequest, MalformedId, NotFound
from flux_dispatch.domain.event import validate_event_type
from flux_dispatch.domain.event_type import EventType
from flux_dispatch.domain.ids import AlertChannelId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.webhook import Webhook


def id_in_path(request: web.Request, name: str, prefix: Prefix) -> str:
    """Return an id that stands in the path.

    Raises:
        NotFound: it cannot be one, so there is no such page.
    """
    return checked_id(request.match_info[name], prefix)


def checked_id(text: str, prefix: Prefix) -> str:
    """Return an id that stands in an address.

    Raises:
        NotFound: it cannot be one, so there is no such page.
    """
    try:
        parse_id(prefix, text)
    except MalformedId as error:
        raise NotFound("There is nothing at this address.") from error
    return text


async def alert_channel_of(request: web.Request) -> AlertChannel:
    """Return the alert channel that the path names.

    Raises:
        NotFound: the account has no such channel.
    """
    channel = AlertChannelId(id_in_path(request, "channel", Prefix.ALERT_CHANNEL))
    found = await request.app[DEPENDENCIES].alert_channel_queries.get(request[ACCOUNT].id, channel)
    if found is None:
        raise NotFound("There is no such alert channel: it was deleted, or is another account's.")
    return found


async def event_type_of(request: web.Request) -> EventType:
    """Return the event type of the catalogue that the path names.

    Raises:
        NotFound: the account's catalogue has none of this name.
    """
    try:
        name = validate_event_type(request.match_info["event_type"])
    except InvalidRequest as error:
        raise NotFound("There is nothing at this address.") from error
    found = await request.app[DEPENDENCIES].event_type_queries.get(request[ACCOUNT].id, name)
    if found is None:
        raise NotFound(f"There is no event type {name} in the catalogue.")
    return found


async def webhook_of(request: web.Request) -> Webhook:
    """Return the webhook that the path names.

    Raises:
        NotFound: the account has no such webhook.
    """
    webhook = WebhookId(id_in_path(request, "webhook", Prefix.WEBHOOK))
    found = await request.app[DEPENDENCIES].webhook_queries.get(request[ACCOUNT].id, webhook)
    if found is None:
        raise NotFound("There is no such webhook: it was deleted, or is another account's.")
    return found
