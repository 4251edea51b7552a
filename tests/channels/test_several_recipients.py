"""A channel that leads to several places: who got a message gets no second one because another cannot be reached."""

import json

import pytest

from flux_dispatch.channels.sender import ChannelSender
from tests.channels.conftest import notification
from tests.support.receiver import Receiver, Request


def _place(request: Request) -> str:
    return str(json.loads(request.body)["channel"])


@pytest.mark.parametrize("order", ["#here,#gone", "#gone,#here"])
async def test_who_got_it_gets_it_once_though_another_does_not(allowed: ChannelSender, order: str) -> None:
    with Receiver(answer=lambda each: 404 if _place(each) == "gone" else 200) as chat:
        url = f"mmost://127.0.0.1:{chat.port}/abcdefghijklmnopqrstuvwxyz?to={order.replace('#', '%23')}"
        assert await allowed.send(notification(url)) is None
        assert sorted(_place(each) for each in chat.requests) == ["gone", "here"]


async def test_where_nobody_got_it_it_is_said_why(allowed: ChannelSender) -> None:
    with Receiver(answer=lambda _: 404) as chat:
        url = f"mmost://127.0.0.1:{chat.port}/abcdefghijklmnopqrstuvwxyz?to=a,b"
        assert "answered 404" in (await allowed.send(notification(url)) or "")
