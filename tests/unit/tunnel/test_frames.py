"""Frames: what goes into the tunnel comes out of it, and rubbish is told from it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flux_dispatch.tunnel.frames import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MAX_MESSAGE_BYTES,
    Answer,
    Available,
    Ended,
    Failed,
    Frame,
    Gone,
    NotAFrame,
    NotAvailable,
    Ready,
    Received,
    Request,
    decode,
    encode,
)

REQUEST = Request(
    id="0" * 32,
    method="POST",
    path="/a%20b",
    query="c=d",
    headers=(("X-One", "1"), ("X-One", "2"), ("X-Latin", "caf\udce9")),
    delivery="dlv_1",
    received_at="2026-01-15T10:30:00Z",
    body=bytes(range(256)),
)
FRAMES: list[Frame] = [
    Ready("lsn_1", "https://flux.example.com/in/lst_1", ("order.*", "*")),
    REQUEST,
    Received("a"),
    Gone("b"),
    NotAvailable("redis", "Redis does not answer."),
    Available(),
    Ended("deleted", "It was ended."),
    Answer("c", 418, (("content-type", "text/plain"),), b"short and stout"),
    Failed("d", "connection_refused", "Nothing listens there."),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda each: type(each).__name__)
def test_comes_back_as_it_went(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


def test_the_form_is_the_one_that_is_written_down() -> None:
    head = b'{"kind":"answer","id":"c","status":418,"headers":[["content-type","text/plain"]]}'
    assert encode(FRAMES[7]) == len(head).to_bytes(4, "big") + head + b"short and stout"


@given(some.binary(max_size=300), some.text(some.characters(codec="utf-8")), some.lists(some.text(), max_size=3))
def test_any_bytes_and_texts_come_back(body: bytes, text: str, names: list[str]) -> None:
    frame = Answer(text, 200, tuple((name, text) for name in names), body)
    assert decode(encode(frame)) == frame


@given(some.binary(max_size=64))
def test_rubbish_is_no_frame(message: bytes) -> None:
    with pytest.raises(NotAFrame):
        decode(message)


@pytest.mark.parametrize(
    "head",
    [
        [],
        {},
        {"kind": []},
        {"kind": "unheard-of"},
        {"kind": "received"},
        {"kind": "received", "id": 1},
        {"kind": "answer", "id": "a", "status": "200", "headers": []},
        {"kind": "answer", "id": "a", "status": 101, "headers": []},
        {"kind": "answer", "id": "a", "status": 1000, "headers": []},
        {"kind": "answer", "id": "a", "status": True, "headers": []},
        {"kind": "answer", "id": "a", "status": 200, "headers": {"a": "b"}},
        {"kind": "answer", "id": "a", "status": 200, "headers": [["a"]]},
        {"kind": "answer", "id": "a", "status": 200, "headers": [["a", 1]]},
        {"kind": "ready", "session": "a", "url": "b", "events": "*"},
    ],
)
def test_a_head_of_another_form_is_no_frame(head: Any) -> None:
    with pytest.raises(NotAFrame):
        decode(_message(json.dumps(head).encode()))


def test_deep_nesting_is_no_frame() -> None:
    with pytest.raises(NotAFrame):
        decode(_message(b"[" * 100_000))


def test_members_of_a_later_release_are_passed_over() -> None:
    assert decode(_message(b'{"kind":"received","id":"a","later":1}')) == Received("a")


def test_a_message_has_bounds() -> None:
    largest = Answer("a", 200, (), bytes(MAX_BODY_BYTES))
    assert decode(encode(largest)) == largest
    assert len(encode(largest)) <= MAX_MESSAGE_BYTES
    with pytest.raises(NotAFrame, match="1048577"):
        encode(Answer("a", 200, (), bytes(MAX_BODY_BYTES + 1)))
    with pytest.raises(NotAFrame):
        encode(Answer("a", 200, (("a", "b" * MAX_HEAD_BYTES),), b""))
    with pytest.raises(NotAFrame):
        decode(_message(b'{"kind":"received","id":"a"}' + b" " * MAX_HEAD_BYTES))


def _message(head: bytes, body: bytes = b"") -> bytes:
    return len(head).to_bytes(4, "big") + head + body
