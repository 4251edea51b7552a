"""A line of the log carries the request that it belongs to, for as long as that lasts, and none after."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
import requests
import structlog

from config.logs import set_up_logs
from flux_dispatch.web.request_id import in_log
from tests.support.raw_receivers import answering, listening
from tests.support.waiting import let_others_run


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    yield
    root.handlers[:] = kept
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


async def test_lines_of_a_request_and_of_its_tasks_carry_its_id_until_it_is_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("json", "info")
    log = structlog.get_logger("test")
    is_over = asyncio.Event()

    async def outlives() -> None:
        log.info("within")
        await is_over.wait()
        log.info("after")

    with in_log("req_1"):
        log.info("first")
        log.info("said", request_id="req_other")
        task = asyncio.create_task(outlives())
        await let_others_run()
    is_over.set()
    await task
    log.info("nobody's")
    with in_log("req_2"):
        log.info("next")
    said = {line["event"]: line.get("request_id") for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert said == {
        "first": "req_1",
        "said": "req_other",
        "within": "req_1",
        "after": None,
        "nobody's": None,
        "next": "req_2",
    }


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nnonsense\r\n: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_the_url_of_a_collector_of_traces_is_not_logged_at_any_level(
    answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("json", "debug")
    async with listening(answering(answer)) as port:
        url = f"http://127.0.0.1:{port}/v1/traces?key=sesame"
        assert (await asyncio.to_thread(requests.post, url, timeout=10)).status_code == 200
    assert "sesame" not in capsys.readouterr().out
