"""Values are written so that nobody reads them as more, or as less, than they are."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from flux_dispatch.dashboard.formats import (
    NOTHING,
    duration,
    label,
    middle,
    milliseconds,
    number,
    percent,
    size,
    told,
    when,
)
from flux_dispatch.domain.errors import InvalidRequest

MARKUP = "<b>&\"'"


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (None, NOTHING),
        (0, "0 %"),
        (1, "100 %"),
        (1.0, "100 %"),
        (0.5, "50.0 %"),
        (2 / 3, "66.6 %"),
        (0.9989, "99.8 %"),
        (0.999, "99.90 %"),
        (0.99999, "99.99 %"),
        (1 - 1e-12, "99.99 %"),
        (0.0004, "0.0 %"),
        (1e-9, "0.0 %"),
        (0.07, "7.0 %"),
        (0.29, "29.0 %"),
        (0.57, "57.0 %"),
        (0.58, "58.0 %"),
        (0.9997, "99.97 %"),
    ],
)
def test_what_is_not_all_never_reads_as_all(part: float | None, written: str) -> None:
    assert percent(part) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, NOTHING), (0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567"), (2.4, "2")],
)
def test_thousands_stand_apart(value: float | None, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (None, NOTHING),
        (0, "0.0 ms"),
        (0.0042, "4.2 ms"),
        (0.00996, "10 ms"),
        (0.01, "10 ms"),
        (0.1234, "123 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1, "1.0 s"),
        (14.96, "15.0 s"),
    ],
)
def test_a_short_time_has_its_unit(seconds: float | None, written: str) -> None:
    assert milliseconds(seconds) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (59.7, "1 minute"),
        (60, "1 minute"),
        (90, "2 minutes"),
        (3599, "1 hour"),
        (3600, "1 hour"),
        (86_399, "1 day"),
        (86_400, "1 day"),
        (7 * 86_400, "7 days"),
    ],
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, written: str) -> None:
    assert duration(timedelta(seconds=seconds)) == written


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (262_144, "256.0 KiB")]
)
def test_a_size_has_its_unit(count: int, written: str) -> None:
    assert size(count) == written


def test_a_time_is_utc_for_machines_and_people() -> None:
    at = datetime(2026, 5, 3, 1, 2, 3, 456_789, timezone(timedelta(hours=2)))
    assert when(at) == (
        '<time datetime="2026-05-02T23:02:03.456Z" title="2 May 2026, 23:02:03 UTC" data-when="full">'
        "2 May 2026, 23:02:03 UTC</time>"
    )
    assert ">23:02:03 UTC</time>" in when(at, "time")
    assert 'data-when="ago"' in when(at, "ago")
    assert when(None) == '<span class="none">never</span>'
    assert 'datetime="2026-01-01T00:00:00.000Z"' in when(datetime(2026, 1, 1, tzinfo=UTC))


def test_a_long_text_is_whole_and_gives_way_in_its_middle() -> None:
    assert middle("short") == '<bdi class="middle">short</bdi>'
    assert middle("x" * 16) == f'<bdi class="middle">{"x" * 16}</bdi>'
    assert middle("abcdefghijklmnopq") == (
        '<bdi class="middle" title="abcdefghijklmnopq"><span>abcdefghi</span><span>jklmnopq</span></bdi>'
    )
    for text in (MARKUP, MARKUP * 9):
        assert "<b>" not in middle(text)
        assert "&amp;&#34;&#39;" in middle(text)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("The books of a", " whole harbour"),
        ("نظام إدارة المخزون", " والمستودعات"),
        ("all-the-small-", "cafe\u0301s.x"),
        ("https://example.com/hoo", "ks/12345"),
        ("orders.of.the.", "👨‍👩‍👧‍👦.family"),
        ("orders.of.the.", "👩🏽.family"),
        ("orders.of.th", "e🇩🇪🇫🇷.shop"),
    ],
)
def test_a_long_text_is_parted_between_words_or_else_between_characters(first: str, last: str) -> None:
    assert f"<span>{first}</span><span>{last}</span>" in middle(first + last)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("api_key.created", "API key: created"),
        ("url", "URL"),
        ("tls_error", "TLS error"),
        ("dns_error", "DNS error"),
        ("disabled_reason", "Disabled reason"),
        ("apiary", "Apiary"),
    ],
)
def test_a_name_of_the_code_is_written_as_people_read_it(name: str, written: str) -> None:
    assert label(name) == written


@pytest.mark.parametrize(
    ("param", "message", "said"),
    [
        ("external_id", "external_id is short.", "External id is short."),
        ("url", "url is long.", "URL is long."),
        ("headers.X-Team", "The value is long.", "The value is long."),
        (None, "That did not work.", "That did not work."),
    ],
)
def test_what_is_wrong_with_a_field_calls_it_as_people_read_it(param: str | None, message: str, said: str) -> None:
    assert told(InvalidRequest(message, param=param)) == said
