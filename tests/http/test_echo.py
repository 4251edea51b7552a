"""What a receiver says back of a webhook's secrets is kept by no attempt."""

import json
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest

from flux_dispatch.domain.outcome import Outcome, Record, to_record
from flux_dispatch.http.echo import MIN_LENGTH, without_secrets
from flux_dispatch.http.response import MAX_EXCERPT_LENGTH
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.test_sender import LOCAL, OLD_SECRET, SECRET, claim
from tests.support.raw_receivers import answering, listening

TOKEN = 'a/b+c"d\\e=='
ANY_URL = "http://127.0.0.1/"


@pytest.fixture
async def sender() -> AsyncIterator[AiohttpSender]:
    async with AiohttpSender(SenderLimits(), LOCAL) as sender:
        yield sender


async def record_of(sender: AiohttpSender, answer: str, **headers: str) -> Record:
    """Return what is written down of a POST with these headers of its webhook that was answered so."""
    async with listening(answering(answer.encode())) as port:
        outcome = await sender.send(claim(f"http://127.0.0.1:{port}/", **headers), int(time.time()))
    return to_record(cast(Outcome, outcome))


@pytest.mark.parametrize("status", [200, 500])
async def test_the_body_is_kept_without_them(sender: AiohttpSender, status: int) -> None:
    answer = f"HTTP/1.1 {status} So\r\n\r\nI got {TOKEN}, and will check with {SECRET} and {OLD_SECRET}."
    record = await record_of(sender, answer, **{"X-Token": TOKEN})
    mark = "whsec_[left out: signing secret]"
    assert record.detail == f"I got [left out: X-Token], and will check with {mark} and {mark}."


async def test_the_headers_are_kept_without_them(sender: AiohttpSender) -> None:
    answer = f"HTTP/1.1 500 No\r\nX-Echo: <{TOKEN}>\r\n{SECRET}: odd\r\nVia: a\r\nContent-Length: 0\r\n\r\n"
    record = await record_of(sender, answer, **{"X-Token": TOKEN})
    assert record.headers == {
        "x-echo": "<[left out: X-Token]>",
        "whsec_[left out": "signing secret]: odd",
        "via": "a",
        "content-length": "0",
    }


@pytest.mark.parametrize("before", range(MAX_EXCERPT_LENGTH - len(TOKEN), MAX_EXCERPT_LENGTH + 1))
async def test_no_part_of_one_stands_at_the_end_of_an_excerpt(sender: AiohttpSender, before: int) -> None:
    answer = f"HTTP/1.1 500 No\r\n\r\n{'.' * before}{TOKEN}{'.' * 9999}"
    record = await record_of(sender, answer, **{"X-Token": TOKEN})
    assert len(record.detail) == MAX_EXCERPT_LENGTH
    assert TOKEN[0] not in record.detail.replace("[left out: X-Token]"[: MAX_EXCERPT_LENGTH - before], "")


@pytest.mark.parametrize(
    ("value", "said", "kept"),
    [
        (TOKEN, json.dumps({"token": TOKEN}), '{"token": "[left out: X]"}'),
        (TOKEN, json.dumps({"token": TOKEN}).replace("/", "\\/"), '{"token": "[left out: X]"}'),
        (f"Bearer {TOKEN}", f"The token {TOKEN} is over.", "The token [left out: X] is over."),
        (f"Bearer {TOKEN}", f"Bearer {TOKEN}", "[left out: X]"),
        (f"Bearer {TOKEN}", 'Bearer realm="shop"', 'Bearer realm="shop"'),
        ("a" * MIN_LENGTH, "a" * MIN_LENGTH, "[left out: X]"),
        ("a" * (MIN_LENGTH - 1), "banana aaaaa", "banana aaaaa"),
    ],
)
def test_values_are_found_as_receivers_write_them(value: str, said: str, kept: str) -> None:
    assert without_secrets(said, claim(ANY_URL, X=value)) == kept


def test_of_values_that_hold_each_other_the_longest_goes_first() -> None:
    sent = claim(ANY_URL, **{"X-Short": "sesame", "X-Long": "sesame-open"})
    assert without_secrets("sesame-open or sesame", sent) == "[left out: X-Long] or [left out: X-Short]"
