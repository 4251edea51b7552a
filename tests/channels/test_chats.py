"""Messages in chats: their links lead where they say, and what a service has no room for is left out by whole lines."""

import json

import pytest

from flux_dispatch.channels.message import compose
from flux_dispatch.channels.sender import ChannelSender
from flux_dispatch.domain.notification import Digest
from tests.channels.conftest import ACCOUNT, failed, notification
from tests.support.alerting import LINKS
from tests.support.receiver import Receiver

ROCKET = "rocket://tokentokentok/tokentokentokentoken@{host}/#alerts"
"""Takes Markdown, and 1,000 characters of it."""

MATTERMOST = "mmost://{host}/abcdefghijklmnopqrstuvwxyz"
"""Takes text, and 4,000 characters of it."""

DELIVERY = f"https://flux.example/dashboard/{ACCOUNT}/deliveries/dlv_{5:032x}"


async def text_at(sender: ChannelSender, url: str, *digests: Digest) -> str:
    """Return what a service gets."""
    with Receiver() as receiver:
        told = notification(url.format(host=receiver.url.removeprefix("http://")), *digests)
        assert await sender.send(told) is None
    (request,) = receiver.requests
    text: str = json.loads(request.body)["text"]
    return text


async def test_a_link_in_markdown_leads_where_it_says(allowed: ChannelSender) -> None:
    lines = (await text_at(allowed, ROCKET, failed())).splitlines()
    assert lines[0] == "# order.completed to https://example.com/hooks failed after 5 attempts"
    assert f"[Open it]({DELIVERY})  " in lines
    assert lines[-1] == f"[Who gets them](https://flux.example/dashboard/{ACCOUNT}/alert-channels)"
    assert DELIVERY in (await text_at(allowed, MATTERMOST, failed())).splitlines()


async def test_what_customers_write_is_no_markdown(allowed: ChannelSender) -> None:
    text = await text_at(allowed, ROCKET, failed(endpoint="https://example.com/[a](https://evil.example)/*b*/_c_"))
    assert text.count(r"https://example.com/\[a\](https://evil.example)/\*b\*/\_c\_") == 2


@pytest.mark.parametrize(("url", "room"), [(ROCKET, 1000), (MATTERMOST, 4000)])
async def test_what_there_is_no_room_for_is_left_out_by_whole_lines(
    allowed: ChannelSender, url: str, room: int
) -> None:
    many = [failed(endpoint=f"https://example.com/{number}?a&b&'c'") for number in range(20)]
    text = await text_at(allowed, url, *many)
    message = compose(notification("x", *many), LINKS, "Webhooks")
    whole = (message.markdown if url == ROCKET else message.text).splitlines()
    told = text.splitlines()[1:]
    assert told[-1] == "…"
    assert told[:-1] == whole[: len(told) - 1]
    assert room * 0.7 < len(text) <= room


@pytest.mark.parametrize(("url", "name"), [(ROCKET, "Rocket.Chat"), ("json://{host}/x", "Webhook")])
async def test_a_service_that_takes_nothing_is_called_as_people_know_it(
    allowed: ChannelSender, url: str, name: str
) -> None:
    with Receiver(lambda _: 404) as receiver:
        trouble = await allowed.send(notification(url.format(host=receiver.url.removeprefix("http://"))))
    assert trouble == f"{name} answered 404: check the token or address in the channel's URL."
