"""The time limit holds for what an endpoint takes, not for what this process missed."""

import asyncio
import threading
from collections.abc import Callable

import pytest
import uvloop

from flux_dispatch.domain.outcome import Outcome, Succeeded
from flux_dispatch.http.deadline import STALL_SECONDS
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.test_sender import LOCAL, OK, TIMEOUT, send
from tests.support.raw_receivers import answering_when_told
from tests.support.waiting import wait_seconds


@pytest.mark.parametrize("make_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_an_answer_that_came_while_the_process_stood_still_counts(
    make_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def send_and_stand_still(port: int, has_come: threading.Event, answer: Callable[[], None]) -> Outcome:
        async with AiohttpSender(SenderLimits(timeout_seconds=TIMEOUT), LOCAL) as sender:
            sending = asyncio.create_task(send(sender, f"http://127.0.0.1:{port}/"))
            await asyncio.to_thread(has_come.wait, 20)
            answer()
            wait_seconds(TIMEOUT + 2 * STALL_SECONDS)  # the loop stands still
            return await sending

    with answering_when_told(OK) as receiver, asyncio.Runner(loop_factory=make_loop) as runner:
        assert runner.run(send_and_stand_still(*receiver)) == Succeeded(200, "ok")
