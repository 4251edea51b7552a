"""Sends messages to channels: composed here, sent by a process apart; whatever goes wrong becomes a sentence."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import structlog

from flux_dispatch.channels.apart import MAX_SECONDS, ApartSenders, TookTooLongError
from flux_dispatch.channels.message import Message, compose, compose_test
from flux_dispatch.domain.alert_channel import CheckedUrl
from flux_dispatch.domain.errors import InvalidRequest, Unavailable
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.domain.notification import Notification
from flux_dispatch.domain.own_event import Links

log = structlog.get_logger("flux.notify")


class ChannelSender:
    """Sends to channels of customers under a guard, and to those of operators as Apprise itself would.

    Args:
        customers: processes that send for customers.
        operators: processes that send to FLUX_ALERT_URLS.
        links: where the dashboard shows things.
        names: what the sender is called to customers, and to operators.
    """

    def __init__(self, customers: ApartSenders, operators: ApartSenders, links: Links, names: tuple[str, str]) -> None:
        self._customers = customers
        self._operators = operators
        self._links = links
        self._customers_name, self._operators_name = names

    async def check(self, url: str) -> CheckedUrl:
        """Return a customer's URL with what may be shown of it; nobody is called.

        Raises:
            InvalidRequest: no channel may have it, and the message says what to change.
            Unavailable: it could not be looked at.
        """
        return await self._check(self._customers, url)

    async def check_operators(self, url: str) -> CheckedUrl:
        """Return the same of a URL of FLUX_ALERT_URLS, which may be of any service.

        Raises:
            InvalidRequest, Unavailable: as above.
        """
        return await self._check(self._operators, url)

    async def send(self, notification: Notification) -> str | None:
        """Send a message; None when it was taken, or else why not."""
        if notification.url is None:
            return notification.trouble or "The URL of this channel is not known."
        senders = self._customers if notification.account else self._operators
        sent_by = self._customers_name if notification.account else self._operators_name
        return await self._send(senders, notification.url, compose(notification, self._links, sent_by))

    async def send_test(self, message_id: str, account: AccountId, url: str, now: datetime) -> str | None:
        """Send a test to a channel of an account; None when it was taken, or else why not."""
        message = compose_test(message_id, account, self._links, self._customers_name, now)
        return await self._send(self._customers, url, message)

    async def close(self) -> None:
        """End the processes."""
        await self._customers.close()
        await self._operators.close()

    async def _check(self, senders: ApartSenders, url: str) -> CheckedUrl:
        answer = await self._ask(senders, {"url": url})
        if "refused" in answer:
            raise InvalidRequest(answer["refused"], param="url", code="invalid_url")
        if "trouble" in answer:
            raise Unavailable("The URL could not be looked at just now. Try again in a second.")
        return CheckedUrl(url, answer["service"], answer["target"])

    async def _send(self, senders: ApartSenders, url: str, message: Message) -> str | None:
        request = {"url": url, "message": {**asdict(message), "created_at": message.created_at.isoformat()}}
        answer = await self._ask(senders, request)
        if refused := answer.get("refused_recipients"):
            log.warning("notification.partly_refused", notification=message.id, recipients=len(refused))
        trouble: str | None = answer.get("trouble") or answer.get("refused")
        return trouble

    async def _ask(self, senders: ApartSenders, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return await senders.ask(request)
        except TookTooLongError:
            return {"trouble": _TOO_LONG}
        except OSError as error:
            log.warning("notification.no_process", error=f"{type(error).__name__}: {error}")
            return {"trouble": "No process could be started to send it. The operator's log says more."}


_TOO_LONG: Final = f"No whole answer came within {MAX_SECONDS:.0f} s: see whether the server hangs."
