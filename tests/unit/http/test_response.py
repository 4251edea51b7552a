"""An answer is the same however its bytes arrive, and costs what it may."""

import itertools
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flux_dispatch.http.chunks import Chunks
from flux_dispatch.http.response import MAX_BYTES_READ, MAX_EXCERPT_LENGTH, Answer, NotHttp

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LINES = [
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 410 Gone\n", b"HTTP/1.1 204 No\r\n", b"HTTP/1.1 100 Go on\r\n\r\n", b"\r\n"),
    *(b"content-length: 5\r\n", b"content-length: 7\r\n", b"transfer-encoding: chunked\r\n", b"connection: close\r\n"),
    *(
        b"a: b\r\n",
        b"a : b\r\n",
        b"nonsense\r\n",
        b" folded\r\n",
        b"\n",
        b"hello",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"5\r\n",
    ),
    *(b"zz\r\n", b"HTTP/1.1 20", b"\0", b"retry-after: 120\r\n"),
]
ANY_ANSWER = st.lists(st.sampled_from(LINES), max_size=9).map(b"".join) | st.lists(
    st.sampled_from(LINES), max_size=7
).map(lambda lines: b"HTTP/1.1 200 OK\r\n" + b"".join(lines))


def read(pieces: list[bytes]) -> tuple[int, str] | str:
    """Return status and body of an answer after which the receiver closes, or what it is if it is none."""
    answer = Answer()
    try:
        for piece in pieces:
            answer.feed(piece)
            if answer.is_over:
                break
        answer.end(is_clean=True)
    except (NotHttp, ConnectionResetError) as error:
        return type(error).__name__
    return answer.status, answer.asked_delay()


@given(ANY_ANSWER, st.data())
@example(b"HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nhello", None)
@settings(max_examples=400)
def test_the_fate_of_an_answer_does_not_hang_on_packet_borders(whole: bytes, data: st.DataObject | None) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=6)) if data else []
    borders = [0, *sorted(cuts), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(borders) if start < end]
    assert read(pieces) == read([whole]) == read([bytes([byte]) for byte in whole])


@given(ANY_ANSWER)
def test_a_well_formed_status_line_decides(after: bytes) -> None:
    assert read([b"HTTP/1.1 410 Gone\r\n" + after]) == (410, "")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.data())
def test_chunks_give_back_what_was_put_into_them(chunks: list[bytes], data: st.DataObject) -> None:
    coded = b"".join(b"%x;x=y\r\n%s\r\n" % (len(each), each) for each in chunks) + b"0\r\nx: y\r\n\r\nrest"
    cut = data.draw(st.integers(0, len(coded)))
    reader = Chunks()
    assert reader.feed(coded[:cut]) + (b"" if reader.is_over else reader.feed(coded[cut:])) == b"".join(chunks)
    assert reader.is_over
    assert not reader.is_broken


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"a", id="single bytes of a header line"),
        pytest.param(b"\n", id="single line feeds"),
        pytest.param(b"a: b\r\n", id="headers"),
    ],
)
def test_a_head_in_many_packets_costs_no_more_time_for_each(piece: bytes) -> None:
    answer = Answer()
    answer.feed(b"HTTP/1.1 200 OK\r\nx: ")
    began, packets = time.process_time(), 0
    while not answer.is_over and packets < MAX_BYTES_READ * 2:
        answer.feed(piece)
        packets += 1
    assert answer.is_over or packets == MAX_BYTES_READ * 2
    assert time.process_time() - began < 5


@pytest.mark.parametrize("body", [b"1\r\na\r\n" * 10_000, b"1;\r\na\r\n" * 9000])
def test_many_small_chunks_in_one_packet_take_no_time(body: bytes) -> None:
    began = time.process_time()
    answer = Answer()
    answer.feed(CHUNKED + body[:MAX_BYTES_READ])
    assert answer.excerpt() == "a" * MAX_EXCERPT_LENGTH
    assert time.process_time() - began < 1
