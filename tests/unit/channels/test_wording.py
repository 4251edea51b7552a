"""What alerts say, of one and of many, and what they leave out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flux_dispatch.channels.message import compose
from flux_dispatch.channels.trouble import secrets_in, without_secrets
from flux_dispatch.channels.wording import headline, many_in_words, paragraphs, shortened, whole_lines
from flux_dispatch.domain.alert_channel import ENDINGS, WORST_FIRST, AlertKind
from flux_dispatch.domain.condition import Condition
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.domain.notification import Beyond, Digest
from flux_dispatch.domain.own_event import Links
from tests.channels.conftest import notification
from tests.support.alerting import LINKS

AT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
ACCOUNT = AccountId(f"acct_{1:032x}")
URL = "https://example.com/hooks"


def digest(kind: AlertKind, count: int = 1, subject: str = f"wh_{2:032x}", **detail: Any) -> Digest:
    account = None if kind in {AlertKind.PLATFORM_TROUBLE, AlertKind.PLATFORM_WELL} else ACCOUNT
    return Digest(kind, subject, account, URL if account else "", "", count, AT, AT + timedelta(hours=1), detail)


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (
            digest(AlertKind.DELIVERY_FAILED, event_type="order.completed", attempts=5),
            f"order.completed to {URL} failed after 5 attempts",
        ),
        (
            digest(AlertKind.DELIVERY_FAILED, 1205, event_type="a.b", attempts=1),
            f"a.b to {URL} failed after 1 attempt (+1,204 more)",
        ),
        (
            digest(AlertKind.DELIVERY_FAILED, event_type="a.b", reason="gone", attempts=1),
            f"a.b to {URL} failed for good: it answered 410",
        ),
        (
            digest(AlertKind.WEBHOOK_FAILING, attempts=3700),
            f"{URL} is failing: none of 3,700 attempts was delivered",
        ),
        (digest(AlertKind.WEBHOOK_DISABLED, reason="gone"), f"{URL} was disabled: it answered 410"),
        (
            digest(AlertKind.WEBHOOK_DISABLED, reason="failing"),
            f"{URL} was disabled: every attempt has failed for days",
        ),
        (digest(AlertKind.WEBHOOK_RECOVERED), f"{URL} delivers again"),
        (digest(AlertKind.WEBHOOK_RECOVERED, reason="deleted"), f"{URL} was deleted"),
    ],
)
def test_a_line_says_what_happened(told: Digest, line: str) -> None:
    assert headline(told) == line


@pytest.mark.parametrize("condition", Condition)
def test_every_condition_is_in_words_when_it_begins_and_when_it_is_over(condition: Condition) -> None:
    lines = {
        headline(digest(kind, subject=condition)) for kind in (AlertKind.PLATFORM_TROUBLE, AlertKind.PLATFORM_WELL)
    }
    assert len(lines) == 2
    assert all(line[0].isupper() for line in lines)


def test_several_are_counted_the_worst_first() -> None:
    told = [
        digest(AlertKind.WEBHOOK_RECOVERED, subject="wh_1"),
        digest(AlertKind.DELIVERY_FAILED, 3000, subject="wh_2"),
        digest(AlertKind.WEBHOOK_DISABLED, subject="wh_2"),
    ]
    assert many_in_words(told, {}) == "1 webhook was disabled, 3,000 deliveries failed, 1 webhook delivers again"
    beyond = {AlertKind.DELIVERY_FAILED: Beyond(4, 60), AlertKind.WEBHOOK_FAILING: Beyond(1, 1)}
    assert many_in_words(told, beyond) == (
        "1 webhook was disabled, 3,060 deliveries to 5 webhooks failed, 1 webhook is failing, 1 webhook delivers again"
    )
    assert set(WORST_FIRST) == set(AlertKind)
    assert set(WORST_FIRST[-len(ENDINGS) :]) == ENDINGS


def test_the_title_of_several_begins_as_a_sentence_does() -> None:
    trouble = digest(AlertKind.PLATFORM_TROUBLE, subject=Condition.NO_WORKERS)
    told = compose(notification("x", trouble, digest(AlertKind.DELIVERY_FAILED), account=None), LINKS, "")
    assert told.title == "The platform is in trouble, 1 delivery failed"


def test_what_is_said_below_has_the_span_and_the_advice() -> None:
    said = paragraphs(digest(AlertKind.DELIVERY_FAILED, 7, advice="Mend it."))
    assert said == ["7 deliveries failed from 15 Jan 2026 10:30 to 11:30 UTC.", "Mend it."]
    said = paragraphs(digest(AlertKind.WEBHOOK_FAILING, since="2026-01-15T10:00:00Z", advice="Mend it."))
    assert said[0] == "Every attempt since 15 Jan 2026 10:00 UTC has failed; they go on."


def test_of_one_that_was_disabled_it_says_what_is_to_be_done_now() -> None:
    since = "2026-01-15T10:00:00Z"
    said = {
        reason: paragraphs(digest(AlertKind.WEBHOOK_DISABLED, reason=reason, since=since))
        for reason in ("failing", "gone", None)
    }
    assert said["failing"][0] == "Every attempt since 15 Jan 2026 10:00 UTC had failed."
    assert said["failing"][1:] == said["gone"] != said[None], "one answer is no time in which all failed"
    assert said[None] == ["Somebody has enabled it since."]


def test_what_is_told_late_does_not_say_that_it_goes_on() -> None:
    """Trouble has windows of its own, so it may be told hours after it was over, and after that was told."""
    since = {"since": "2026-01-15T10:00:00Z", "attempts": 8}
    failing = replace(digest(AlertKind.WEBHOOK_FAILING, **since), is_over=True)
    assert headline(failing) == f"{URL} was failing: none of 8 attempts was delivered"
    assert paragraphs(failing) == ["Every attempt since 15 Jan 2026 10:00 UTC had failed.", "That is over."]
    trouble = digest(AlertKind.PLATFORM_TROUBLE, subject=Condition.NO_WORKERS, says="Start one.", **since)
    assert headline(trouble) == "No worker answers"
    over = replace(trouble, is_over=True)
    assert headline(over) == "No worker answers: that is over"
    assert paragraphs(over) == ["Since 15 Jan 2026 10:00 UTC."]
    disabled = replace(digest(AlertKind.WEBHOOK_DISABLED, reason="failing", **since), is_over=True)
    assert paragraphs(disabled)[1:] == ["That is over."]
    assert many_in_words([failing, digest(AlertKind.WEBHOOK_FAILING, subject="wh_3")], {}) == "2 webhooks are failing"
    assert many_in_words([failing, disabled], {}) == "1 webhook was disabled, 1 webhook was failing"


def test_a_message_is_the_same_each_time_and_leads_to_what_it_tells() -> None:
    links = Links("https://flux.example")
    told = notification("x", digest(AlertKind.WEBHOOK_FAILING, attempts=5), digest(AlertKind.WEBHOOK_DISABLED))
    one, other = compose(told, links, "Webhooks"), compose(told, links, "Webhooks")
    assert one == other
    assert f"https://flux.example/dashboard/{ACCOUNT}/webhooks/wh_" in one.text
    assert one.tone == "failure"
    assert compose(notification("x", digest(AlertKind.WEBHOOK_RECOVERED)), links, "").tone == "success"


def test_customers_read_what_they_call_a_webhook_and_operators_do_not() -> None:
    named = replace(digest(AlertKind.WEBHOOK_FAILING, attempts=5), name="@everyone in shop 7")
    for account, is_named in ((ACCOUNT, True), (None, False)):
        told = compose(notification("x", named, account=account), Links("https://flux.example"), "")
        assert ("Webhook: @everyone in shop 7" in told.text) is is_named


def test_no_url_of_a_customer_calls_everybody() -> None:
    """Discord and Mattermost look for `@everyone` and `@all` wherever it stands; a URL has another spelling."""
    calling = replace(digest(AlertKind.WEBHOOK_FAILING, attempts=5), endpoint="https://example.com/@everyone?to=@all")
    told = compose(notification("x", calling, account=None), Links("https://flux.example"), "")
    assert "@" not in told.title + told.text + told.html
    assert "https://example.com/%40everyone?to=%40all is failing" in told.title


def test_long_endpoints_are_cut_in_the_middle() -> None:
    assert shortened("https://example.com/" + "a" * 200 + "/end").endswith("aa/end")
    assert len(shortened("x" * 500)) <= 80
    assert shortened("a\r\nb\x00c") == "a  b c"


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("mailtos://user:hunter2%21@smtp.example.com?to=a@b.de", ["user", "hunter2!"]),
        ("slack://TTTTTTTT/BBBBBBBB/secretsecret", ["TTTTTTTT", "BBBBBBBB", "secretsecret"]),
        ("jsons://example.com:8443/pa%2Fth", ["pa/th"]),
        ("pagerduty://integration@apikey", ["integration", "apikey"]),
    ],
)
def test_secrets_of_a_url_are_known(url: str, secret: list[str]) -> None:
    assert set(secret) <= set(secrets_in(url))
    said = without_secrets(f"It said {' '.join(secret)} from smtp.example.com", secrets_in(url))
    assert not [each for each in secret if each in said]
    assert "smtp.example.com" in said


def test_a_text_that_is_too_long_ends_with_a_whole_line() -> None:
    assert whole_lines("one\ntwo\nthree\n", 17) == "one\ntwo\nthree\n"
    assert whole_lines("one\ntwo\nthree\n", 16) == "one\ntwo\n…"
    assert whole_lines("one\ntwo\nthree\n", 10) == "one\n…"
    assert whole_lines("one\ntwo", 2) == "…"
    assert whole_lines("one\ntwo", 100, length=lambda line: 100 if line == "two" else 1) == "one\n…"
