"""Bodies that are not what they should be: each gets its error in the envelope, and nothing is stored."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from flux_dispatch.api import json_text, request_body
from tests.support.api import EVENT, Caller, check_error
from tests.support.described import check_described_bytes
from tests.support.store_harness import StoreHarness

JSON = {"Content-Type": "application/json"}
SMALL = json.dumps(EVENT).encode()
LONG = b"7" * 5000

NOT_JSON = {
    "nothing": b"",
    "half of it": SMALL[:-1],
    "two": SMALL + SMALL,
    "nested": b'{"type":"a","data":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "nested in objects": b'{"type":"a","data":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    "only opened": b"[" * 200_000,
    "NaN": b'{"type":"a","data":{"a":NaN}}',
    "Infinity": b'{"type":"a","data":{"a":-Infinity}}',
    "a byte order mark": b"\xef\xbb\xbf" + SMALL,
    "UTF-16": SMALL.decode().encode("utf-16"),
    "a comma too many": b'{"type":"a","data":{},}',
    "no comma": b'{"type":"a" "data":{}}',
    "no colon": b'{"type" "a","data":{}}',
    "no value": b'{"type":,"data":{}}',
    "a name without quotation marks": b'{type:"a","data":{}}',
    "a number with a zero before it": b'{"type":"a","data":{"a":01}}',
    "an escape that is none": rb'{"type":"a","data":{"a":"\q"}}',
    "a line break in a text": b'{"type":"a","data":{"a":"\n"}}',
    "data twice": b'{"type":"a","data":{},"data":{}}',
    "invalid UTF-8": b'{"type":"a","data":{"a":"\xff"}}',
    "a surrogate in UTF-8": b'{"type":"a","data":{"a":"\xed\xa0\x80"}}',
}
NOT_STORABLE = {
    "U+0000": rb'{"type":"a","data":{"a":"\u0000"}}',
    "U+0000 behind a backslash": rb'{"type":"a","data":{"a":"\\\u0000"}}',
    "U+0000 in a name": rb'{"type":"a","data":{"\u0000":1}}',
    "half a surrogate pair in a name": rb'{"type":"a","data":{"\ud800":1}}',
    "half a surrogate pair": rb'{"type":"a","data":{"a":"\ud800"}}',
    "half a surrogate pair under a name that comes again": rb'{"type":"a","data":{"a":"\ud800","a":"ok"}}',
    "a number beyond all": b'{"type":"a","data":{"a":1e999}}',
    "5000 digits": b'{"type":"a","data":{"a":-' + LONG + b"}}",
    "5000 digits deep in": b'{"data":{"a":[' + b"1" * 4300 + b',{"a":' + LONG + b'}]},"type":"a"}',
}
WRONG_TYPE = {
    "an array": (b"[1]", None),
    "null": (b"null", None),
    "an array as data": (b'{"type":"a","data":[1]}', "data"),
    "text as data": (b'{"type":"a","data":"{}"}', "data"),
    "a number as type": (b'{"type":1,"data":{}}', "type"),
}


async def test_what_is_not_json_is_refused(tenant: Caller, world: StoreHarness) -> None:
    for what, sent in NOT_JSON.items():
        answer = await tenant.http.post("/v1/events", content=sent, headers=JSON)
        assert answer.status_code == 400, what
        check_error(answer, 400, "invalid_json")
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_what_cannot_be_stored_is_refused(tenant: Caller, world: StoreHarness) -> None:
    for what, sent in NOT_STORABLE.items():
        answer = await tenant.http.post("/v1/events", content=sent, headers=JSON)
        assert answer.status_code == 400, what
        check_error(answer, 400, "invalid_json", "data")
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_a_number_that_is_too_long_is_named(tenant: Caller) -> None:
    sent = [NOT_STORABLE[what] for what in ("5000 digits", "5000 digits deep in", "a number beyond all")]
    answers = [await tenant.http.post("/v1/events", content=each, headers=JSON) for each in sent]
    said = [answer.json()["error"]["message"] for answer in answers]
    words = "is a larger number than JSON is commonly read with."
    assert said == [f"{'7' * 60} {words}", f"{'7' * 60} {words}", f"1e999 {words}"]
    example = await tenant.http.post(
        "/v1/event-types", content=b'{"name":"a","example":{"a":' + LONG + b"}}", headers=JSON
    )
    check_error(example, 400, "invalid_json")
    assert example.json()["error"]["message"] == said[0]
    longest = b'{"type":"a","data":{"a":' + b"7" * 4300 + b"}}"
    assert (await tenant.http.post("/v1/events", content=longest, headers=JSON)).status_code == 202


async def test_a_value_of_the_wrong_type_is_refused(tenant: Caller, world: StoreHarness) -> None:
    for what, (sent, param) in WRONG_TYPE.items():
        answer = await tenant.http.post("/v1/events", content=sent, headers=JSON)
        assert answer.status_code == 400, what
        check_error(answer, 400, "wrong_type", param)
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_data_may_be_nested_to_a_known_depth(tenant: Caller, world: StoreHarness) -> None:
    inside = json_text.MAX_NESTED - 1
    deepest = {"type": "a", "data": _nested(inside)}
    answer = await tenant.http.post("/v1/events", json=deepest)
    assert (answer.status_code, answer.json()["data"]) == (202, deepest["data"])
    for depth in (inside + 1, 500, 900, 940, 960, 980):
        sent = json.dumps({"type": "a", "data": {}}).replace("{}", '{"a":' * depth + "1" + "}" * depth)
        check_error(await tenant.http.post("/v1/events", content=sent, headers=JSON), 400, "invalid_json")
    wide = {"type": "a", "data": {"a": [[]] * 5000}}
    assert (await tenant.http.post("/v1/events", json=wide)).status_code == 202
    assert await world.scalar("SELECT count(*) FROM events") == 2


async def test_a_backslash_before_what_looks_like_an_escape_is_text(tenant: Caller) -> None:
    answer = await tenant.http.post("/v1/events", json={"type": "a", "data": {"a": "\\u0000 \\ud800 😀"}})
    assert answer.json()["data"] == {"a": "\\u0000 \\ud800 😀"}


async def test_a_body_of_256_kib_is_taken_and_one_byte_more_is_not(tenant: Caller, world: StoreHarness) -> None:
    largest = SMALL + b" " * (262_144 - len(SMALL))
    assert (await tenant.http.post("/v1/events", content=largest, headers=JSON)).status_code == 202
    check_error(await tenant.http.post("/v1/events", content=largest + b" ", headers=JSON), 413, "body_too_large")
    check_error(
        await tenant.http.post("/v1/events", content=_chunks(largest + b" "), headers=JSON), 413, "body_too_large"
    )
    assert await world.scalar("SELECT count(*) FROM events") == 1


async def test_a_compressed_body_counts_as_what_it_holds(tenant: Caller, world: StoreHarness) -> None:
    packed = {**JSON, "Content-Encoding": "gzip"}
    assert (await tenant.http.post("/v1/events", content=gzip.compress(SMALL), headers=packed)).status_code == 202
    bomb = gzip.compress(SMALL + b" " * 50_000_000)
    check_error(await tenant.http.post("/v1/events", content=bomb, headers=packed), 413, "body_too_large")
    check_error(await tenant.http.post("/v1/events", content=SMALL, headers=packed), 400, "invalid_json")
    deflated = {**JSON, "Content-Encoding": "Deflate"}
    for packing in (zlib.compress(SMALL), zlib.compress(SMALL, wbits=-15)):
        answer = await tenant.http.post("/v1/events", content=packing, headers=deflated)
        assert answer.status_code == 202
    pieces = gzip.compress(SMALL[:9]) + gzip.compress(SMALL[9:])
    assert (await tenant.http.post("/v1/events", content=pieces, headers=packed)).status_code == 202
    check_error(await tenant.http.post("/v1/events", content=pieces + b"x", headers=packed), 400, "invalid_json")
    cut = gzip.compress(SMALL)[:-12]
    check_error(await tenant.http.post("/v1/events", content=cut, headers=packed), 400, "invalid_json")
    assert await world.scalar("SELECT count(*) FROM events") == 4


async def test_another_content_type_is_refused(tenant: Caller, world: StoreHarness) -> None:
    for content_type in (None, "text/plain", "application/x-www-form-urlencoded", "application/xml"):
        headers = {"Content-Type": content_type} if content_type else {}
        check_error(await tenant.http.post("/v1/events", content=SMALL, headers=headers), 415, "not_json")
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_a_content_type_may_name_its_charset(tenant: Caller) -> None:
    headers = {"Content-Type": "Application/JSON; charset=UTF-8"}
    assert (await tenant.http.post("/v1/events", content=SMALL, headers=headers)).status_code == 202


async def test_missing_and_unknown_fields_are_named(tenant: Caller) -> None:
    check_error(await tenant.http.post("/v1/events", json={"data": {}}), 422, "missing_field", "type")
    check_error(await tenant.http.post("/v1/events", json={"type": "a"}), 422, "missing_field", "data")
    check_error(await tenant.http.post("/v1/events", json={**EVENT, "id": 1}), 422, "unknown_field", "id")


async def test_a_body_that_does_not_come_is_not_waited_for(
    tenant: Caller, world: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.05)
    answer = await _send(tenant, f"Content-Length: {len(SMALL)}", SMALL[:-1])
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "body_too_slow"' in answer
    await check_described_bytes("POST", "/v1/events", answer)
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_a_body_in_broken_chunks_is_refused(tenant: Caller, world: StoreHarness) -> None:
    answer = await _send(tenant, "Transfer-Encoding: chunked", b"xyz\r\n" + SMALL)
    assert b" 400 " in answer.splitlines()[0]
    assert await world.scalar("SELECT count(*) FROM events") == 0


async def test_a_truncated_body_stores_nothing_and_breaks_nothing(
    tenant: Caller, world: StoreHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = await _open(tenant, f"Content-Length: {len(SMALL)}", SMALL[:-1])
    writer.write_eof()
    assert b" 500 " not in await reader.read()
    writer.close()
    assert (await tenant.http.get("/v1/events")).json()["data"] == []
    assert await world.scalar("SELECT count(*) FROM events") == 0
    assert "request.failed" not in capsys.readouterr().out


@pytest.mark.parametrize("path", ["/v1/portal-links", "/v1/listen", "/v1/webhooks/{id}/secret/rotate"])
async def test_a_body_that_may_be_left_out_may_come_as_no_chunks(tenant: Caller, path: str) -> None:
    path = path.format_map(await tenant.webhook("*"))
    for content in (b"", _chunks(b"")):
        answer = await tenant.http.post(path, content=content)
        assert answer.is_success, answer.text
    for content_type, status, code in [("text/plain", 415, "not_json"), ("application/json", 400, "wrong_type")]:
        answer = await tenant.http.post(path, content=_chunks(b"[]"), headers={"Content-Type": content_type})
        check_error(answer, status, code)


async def test_a_body_says_each_thing_once_and_is_an_object(tenant: Caller) -> None:
    path = "/v1/webhooks/{id}".format_map(await tenant.webhook("*"))
    for sent in (b'{"status":"disabled","status":"enabled"}', b'{"metadata":{"a":"1","a":"2"}}'):
        error = check_error(await tenant.http.patch(path, content=sent, headers=JSON), 400, "invalid_json")
        assert "stands there twice" in error["message"]
    for sent in (b"null", b"[]", b"7"):
        error = check_error(await tenant.http.patch(path, content=sent, headers=JSON), 400, "wrong_type")
        assert error["message"] == "The body must be an object."


def _nested(depth: int) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for _ in range(depth - 1):
        nested = {"a": nested}
    return nested


async def _chunks(sent: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(sent), 65_536):
        yield sent[start : start + 65_536]


async def _open(caller: Caller, header: str, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = urlsplit(str(caller.http.base_url))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.key}\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Type: application/json\r\n{header}\r\n\r\n".encode() + sent)
    await writer.drain()
    return reader, writer


async def _send(caller: Caller, header: str, sent: bytes) -> bytes:
    """Send a body byte by byte as given; return the answer's head and what came of its body."""
    reader, writer = await _open(caller, header, sent)
    head = await reader.readuntil(b"\r\n\r\n")
    answer = head + await reader.read(65_536)
    writer.close()
    return answer


async def test_what_is_expected_that_cannot_be_met_is_said(tenant: Caller) -> None:
    answer = await tenant.http.post("/v1/events", json=EVENT, headers={"Expect": "cookies"})
    check_error(answer, 417, "bad_request")
