"""Alert channels: people say where they want to be told of failures, and try it out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol

from flux_dispatch.domain.alert_channel import (
    AlertChannel,
    AlertChannelChange,
    CheckedUrl,
    NewAlertChannel,
    validate_channel_name,
    validate_channel_status,
    validate_channel_url,
    validate_kinds,
)
from flux_dispatch.domain.errors import InvalidRequest, NotFound, TooManyTests
from flux_dispatch.domain.ids import AccountId, AlertChannelId, Prefix, new_id

MOST_TESTS: Final = 4
MOST_TESTS_OF_ACCOUNT: Final = 2
"""How many tests this process has under way at once, in all and of one account: a server may hang."""


class Channels(Protocol):
    """What these verbs need of the store."""

    async def create(self, account: AccountId, draft: NewAlertChannel, *, most: int) -> AlertChannel | None:
        """Store a new channel; None when the account has `most` already."""
        ...

    async def update(
        self, account: AccountId, channel: AlertChannelId, change: AlertChannelChange
    ) -> AlertChannel | None:
        """Change a channel; None when the account has no such one."""
        ...

    async def delete(self, account: AccountId, channel: AlertChannelId) -> bool:
        """Delete a channel; False when the account has no such one."""
        ...

    async def note_test(self, account: AccountId, channel: AlertChannelId, error: str | None) -> None:
        """Note whether a test arrived."""
        ...


class Urls(Protocol):
    """Reads the URLs of channels."""

    async def url(self, account: AccountId, channel: AlertChannelId) -> str | None:
        """Return the URL of a channel; None when the account has no such one."""
        ...


class Sender(Protocol):
    """What these verbs need of whoever sends."""

    async def check(self, url: str) -> CheckedUrl:
        """Return a URL with what may be shown of it; nobody is called."""
        ...

    async def send_test(self, message_id: str, account: AccountId, url: str, now: datetime) -> str | None:
        """Send a test; None when it was taken, or else why not."""
        ...


class Clock(Protocol):
    """What these verbs need to know of the time."""

    async def now(self) -> datetime:
        """Return the time."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """What a caller asks for, of a new channel or as a change; None is left as it is."""

    url: str | None = None
    name: str | None = None
    kinds: Sequence[str] | None = None
    status: str | None = None


class AlertChannels:
    """Creates, changes, deletes and tries out channels.

    Args:
        channels: the store.
        urls: reads what is sealed.
        sender: checks URLs, and sends tests.
        clock: the time that tests are made at.
        most: how many channels an account may have.
    """

    def __init__(self, channels: Channels, urls: Urls, sender: Sender, clock: Clock, *, most: int) -> None:
        self._channels = channels
        self._urls = urls
        self._sender = sender
        self._clock = clock
        self._most = most
        self._testing = Counter[AccountId]()

    async def create(self, account: AccountId, url: str, name: str, kinds: Sequence[str]) -> AlertChannel:
        """Create a channel, which is told of what happens from now on.

        Raises:
            InvalidRequest: a value is not what it must be, then `param` names it; or the account has as many channels
                as it may have. Nothing is stored.
        """
        checked_name, checked_kinds = validate_channel_name(name), validate_kinds(kinds)
        draft = NewAlertChannel(await self._checked(url), checked_name, checked_kinds)
        made = await self._channels.create(account, draft, most=self._most)
        if made is None:
            message = f"This account has {self._most} alert channels and may not have more. Delete one that nobody "
            message += "needs, or have an operator raise FLUX_ALERT_CHANNELS_PER_ACCOUNT."
            raise InvalidRequest(message, code="too_many_alert_channels", status=HTTPStatus.CONFLICT)
        return made

    async def update(self, account: AccountId, channel: AlertChannelId, wish: ChannelWish) -> AlertChannel:
        """Change what is named. What waits is sent to a new URL at once; a disabled channel is told nothing more.

        Raises:
            InvalidRequest: a value is not what it must be, then `param` names it. Nothing is changed.
            NotFound: the account has no such channel.
        """
        change = AlertChannelChange(
            name=None if wish.name is None else validate_channel_name(wish.name),
            kinds=None if wish.kinds is None else validate_kinds(wish.kinds),
            status=None if wish.status is None else validate_channel_status(wish.status),
            url=None if wish.url is None else await self._checked(wish.url),
        )
        changed = await self._channels.update(account, channel, change)
        if changed is None:
            raise _not_found(channel)
        return changed

    async def delete(self, account: AccountId, channel: AlertChannelId) -> None:
        """Delete a channel, and what it was yet to be told.

        Raises:
            NotFound: the account has no such channel.
        """
        if not await self._channels.delete(account, channel):
            raise _not_found(channel)

    async def send_test(self, account: AccountId, channel: AlertChannelId) -> str | None:
        """Send a test, and return None when it was taken, or else why not; the channel shows it, too.

        Raises:
            NotFound: the account has no such channel.
            TooManyTests: others are under way.
            CannotUnseal: the URL does not open.
        """
        url = await self._urls.url(account, channel)
        if url is None:
            raise _not_found(channel)
        if self._testing.total() >= MOST_TESTS or self._testing[account] >= MOST_TESTS_OF_ACCOUNT:
            raise TooManyTests("Other tests of alert channels are under way. Try again in a few seconds.")
        self._testing[account] += 1
        try:
            now = await self._clock.now()
            message_id = new_id(Prefix.NOTIFICATION, int(now.timestamp() * 1000))
            error = await self._sender.send_test(message_id, account, url, now)
        finally:
            self._testing[account] -= 1
            self._testing += Counter()  # forgets those that have none
        await self._channels.note_test(account, channel, error)
        return error

    async def _checked(self, url: str) -> CheckedUrl:
        return await self._sender.check(validate_channel_url(url))


def _not_found(channel: AlertChannelId) -> NotFound:
    return NotFound(f"There is no alert channel {channel}.")
