"""What a webhook may ask for: patterns, headers and a description that cannot hurt a request or a row."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import MAX_TYPE_LENGTH, patterns_that_match
from flux_dispatch.domain.webhook import (
    MAX_DESCRIPTION_LENGTH,
    MAX_HEADER_LENGTH,
    MAX_HEADERS,
    MAX_PATTERNS,
    validate_description,
    validate_headers,
    validate_patterns,
)

WORD = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=8)
TYPE = st.lists(WORD, min_size=1, max_size=5).map(".".join)


@given(TYPE)
def test_every_pattern_that_may_match_a_type_can_be_asked_for(event_type: str) -> None:
    patterns = patterns_that_match(event_type)
    assert validate_patterns(patterns) == tuple(dict.fromkeys(patterns))


def test_patterns_keep_their_order_without_repeats() -> None:
    assert validate_patterns(["b", "*", "a.*", "b", "*"]) == ("b", "*", "a.*")
    assert validate_patterns(["x"] * MAX_PATTERNS) == ("x",)
    assert validate_patterns(["x" * MAX_TYPE_LENGTH]) == ("x" * MAX_TYPE_LENGTH,)


@pytest.mark.parametrize(
    "pattern",
    [
        *("", ".", "..", ".a", "a.", "a..b", "a b", "a\n", "\0", "ä", "😀", "٣", "../x"),
        *("**", "*.a", "a.*.b", "a*", "a.b*", "a.**", ".*", "*.*", "a.*\n", "x" * (MAX_TYPE_LENGTH + 1), "\ud800"),
    ],
)
def test_a_pattern_that_is_none_is_named_by_its_place(pattern: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate_patterns(["order.*", pattern])
    assert (refused.value.param, refused.value.code, refused.value.status) == ("events[1]", "invalid_event_type", 422)


@pytest.mark.parametrize("count", [0, MAX_PATTERNS + 1])
def test_there_is_a_least_and_a_most_of_patterns(count: int) -> None:
    with pytest.raises(InvalidRequest, match="1 to 100") as refused:
        validate_patterns(["x"] * count)
    assert refused.value.param == "events"


def test_headers_that_are_the_customers_are_kept_as_they_are() -> None:
    given_headers = {"X-Team": "billing", "Authorization": "Bearer a b\tc", "x!#$%&'*+-.^_`|~9": "~"}
    assert validate_headers(given_headers) == given_headers
    assert validate_headers({}) == {}
    assert len(validate_headers({f"X-{n}": "a" for n in range(MAX_HEADERS)})) == MAX_HEADERS
    assert validate_headers({"X": "a" * (MAX_HEADER_LENGTH - 1)})


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "CONTENT-TYPE", "Content-Encoding", "Transfer-Encoding", "Connection", "Upgrade"),
        *("TE", "Trailer", "Expect", "Keep-Alive", "Proxy-Connection", "User-Agent", "Accept-Encoding", "Cookie"),
        *("Flux-Signature", "flux-anything", "Webhook-Id", "webhook-signature"),
    ],
)
def test_a_header_that_we_or_http_set_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="choose another") as refused:
        validate_headers({"X-Team": "a", name: "b"})
    assert refused.value.param == f"headers.{name}"


@pytest.mark.parametrize(
    "name", ["", " ", "X Team", "X-Team:", "X\r\nHost", "X\0", "Ä", "X-Team\n", "\u017f", "(", "x" * 101, "\ud800"]
)
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be a header name"):
        validate_headers({name: "a"})


@pytest.mark.parametrize(
    "value",
    ["", " ", " a", "a ", "a\r\nb", "a\n", "\ra", "a\0b", "\x1b[0m", "\x7f", "ä", "\ud800", "a" * MAX_HEADER_LENGTH],
)
def test_a_value_that_could_break_a_request_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest, match="visible ASCII") as refused:
        validate_headers({"X-Team": value})
    assert refused.value.param == "headers.X-Team"


@given(st.dictionaries(st.text(), st.text(), max_size=3))
def test_whatever_passes_is_one_line_of_ascii_each(headers: dict[str, str]) -> None:
    try:
        checked = validate_headers(headers)
    except InvalidRequest:
        return
    for name, value in checked.items():
        line = f"{name}: {value}"
        assert line.isascii()
        assert line.splitlines() == [line]
        assert not set(name) & set(" \t:")


def test_too_many_headers_and_the_same_twice_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="At most 20") as many:
        validate_headers({f"X-{n}": "a" for n in range(MAX_HEADERS + 1)})
    with pytest.raises(InvalidRequest, match="named twice") as twice:
        validate_headers({"X-Team": "a", "x-TEAM": "b"})
    assert (many.value.param, twice.value.param) == ("headers", "headers")


def test_a_refused_value_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate_headers({"Authorization": "Bearer hunter2\n"})
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize("text", ["", "x" * MAX_DESCRIPTION_LENGTH, "<script>", "Läden 😀\n\t", "\x1b[0m"])
def test_a_description_is_any_text(text: str) -> None:
    assert validate_description(text) == text


@pytest.mark.parametrize("text", ["x" * (MAX_DESCRIPTION_LENGTH + 1), "a\0", "\ud800", "a\udfffb"])
def test_a_description_that_cannot_be_stored_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate_description(text)
    assert refused.value.param == "description"
