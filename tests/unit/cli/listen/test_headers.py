"""Headers that go through the tunnel, both ways, and those that a user may add."""

import pytest

from flux_dispatch.cli.listen.headers import NoHeader, from_local, parse_header, to_local
from flux_dispatch.tunnel.frames import Headers


def local(headers: Headers, added: Headers = ()) -> Headers:
    return to_local(headers, added, host="localhost:3000", public_host="flux.example", public_scheme="https")


OWN = (("Host", "localhost:3000"), ("X-Forwarded-Host", "flux.example"), ("X-Forwarded-Proto", "https"))


def test_what_a_sender_says_goes_on_in_its_order_and_as_often() -> None:
    sent = (("flux-signature", "t=1"), ("X-Twice", "a"), ("Accept-Encoding", "br"), ("x-twice", "b"))
    assert local(sent) == (*OWN, *sent[:3], ("X-Twice", "b"))


def test_bytes_that_are_no_text_are_sent_as_latin_1_or_not_at_all() -> None:
    sent = (("X-Latin", "caf\udce9"), ("X-Half", "a\ud800"), ("X-Utf8", "café"))
    assert local(sent) == (*OWN, ("X-Latin", "café"), ("X-Half", ""), ("X-Utf8", "café"))


def test_what_speaks_of_one_connection_and_cookies_do_not() -> None:
    sent = (
        ("Connection", "close, X-Mine"),
        ("x-mine", "1"),
        ("Keep-Alive", "5"),
        ("TE", "trailers"),
        ("Trailer", "x"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("Proxy-Authorization", "Basic x"),
        ("Cookie", "session=1"),
        ("Content-Length", "3"),
        ("Expect", "100-continue"),
        ("Host", "flux.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "http"),
        ("X-Kept", "yes"),
    )
    assert local(sent) == (*OWN, ("X-Kept", "yes"))


def test_an_added_header_takes_the_place_of_those_of_its_name() -> None:
    added = (("authorization", "Bearer mine"), ("Host", "app.test"), ("X-A", "1"), ("X-A", "2"))
    assert local((("Authorization", "Bearer theirs"), ("x-a", "0"), ("X-B", "b")), added) == (
        *OWN[1:],
        ("X-B", "b"),
        *added,
    )


def test_an_answer_loses_its_connection_and_its_cookies() -> None:
    answer = (
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "session=1"),
        ("Connection", "close"),
        ("Content-Length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("Location", "/elsewhere"),
        ("Content-Encoding", "gzip"),
    )
    assert from_local(answer) == (
        ("Content-Type", "text/plain"),
        ("Location", "/elsewhere"),
        ("Content-Encoding", "gzip"),
    )


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("X-Key: value", ("X-Key", "value")),
        ("Authorization:Basic YTpi", ("Authorization", "Basic YTpi")),
        ("X-Empty:", ("X-Empty", "")),
        ("X-Time: 10:30", ("X-Time", "10:30")),
        ("X-Umlaut: ü", ("X-Umlaut", "ü")),
    ],
)
def test_a_header_to_add(text: str, header: tuple[str, str]) -> None:
    assert parse_header(text) == header


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Name: value"),
        ("X-Key", "Name: value"),
        (": value", "Name: value"),
        ("X Key: value", "Name: value"),
        ("X-Key: a\r\nX-Other: b", "line break"),
        ("X-Key: \x00", "control character"),
        ("Content-Length: 3", "belongs to the connection"),
        ("transfer-encoding: chunked", "belongs to the connection"),
    ],
)
def test_what_is_no_header_to_add(text: str, said: str) -> None:
    with pytest.raises(NoHeader, match=said):
        parse_header(text)
