"""The words of alerts: one line for each kind, and what is said of it below."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from itertools import accumulate
from typing import Final

from flux_dispatch.domain.alert_channel import WORST_FIRST, AlertKind
from flux_dispatch.domain.condition import Condition
from flux_dispatch.domain.notification import Beyond, Digest
from flux_dispatch.domain.webhook_health import DELETED, FAILING

MAX_ENDPOINT_LENGTH: Final = 80


def headline(digest: Digest) -> str:  # noqa: PLR0911 - one for each kind
    """Return the line that says what a digest tells."""
    endpoint = _endpoint(digest)
    match digest.kind:
        case AlertKind.DELIVERY_FAILED:
            more = f" (+{digest.count - 1:,} more)" if digest.count > 1 else ""
            return f"{digest.detail.get('event_type')} to {endpoint} failed {_how(digest)}{more}"
        case AlertKind.WEBHOOK_FAILING:
            what = f"{endpoint} {'was' if digest.is_over else 'is'} failing"
            return f"{what}: none of {digest.detail.get('attempts', 0):,} attempts was delivered"
        case AlertKind.WEBHOOK_DISABLED if _is_gone(digest):
            return f"{endpoint} was disabled: it answered {HTTPStatus.GONE.value}"
        case AlertKind.WEBHOOK_DISABLED:
            return f"{endpoint} was disabled: every attempt has failed for days"
        case AlertKind.WEBHOOK_RECOVERED if digest.detail.get("reason") == DELETED:
            return f"{endpoint} was deleted"
        case AlertKind.WEBHOOK_RECOVERED:
            return f"{endpoint} delivers again"
        case AlertKind.PLATFORM_TROUBLE:
            return _TROUBLES[Condition(digest.subject)] + (": that is over" if digest.is_over else "")
        case AlertKind.PLATFORM_WELL:
            return _WELL[Condition(digest.subject)]


def many_in_words(digests: Sequence[Digest], beyond: Mapping[AlertKind, Beyond]) -> str:
    """Return the line for what several digests tell, and what is told beside them as a number; the worst first."""
    found = []
    for kind in WORST_FIRST:
        theirs, more = [each for each in digests if each.kind is kind], beyond.get(kind, Beyond(0, 0))
        subjects = len(theirs) + more.subjects
        times = sum(each.count for each in theirs) + more.times
        if kind is AlertKind.DELIVERY_FAILED and times:
            where = f" to {subjects:,} webhooks" if subjects > 1 else ""
            found.append(f"{times:,} deliver{'ies' if times > 1 else 'y'}{where} failed")
        elif subjects:
            is_over = kind in _COUNTED_OVER and not more.subjects and all(each.is_over for each in theirs)
            one, many = (_COUNTED_OVER if is_over else _COUNTED)[kind]
            found.append(one if subjects == 1 else many.format(count=f"{subjects:,}"))
    return ", ".join(found)


def paragraphs(digest: Digest) -> list[str]:
    """Return what is said of a digest below its line: how many, since when, and what to do."""
    said = []
    if digest.kind is AlertKind.DELIVERY_FAILED and digest.count > 1:
        said.append(f"{digest.count:,} deliveries failed {_span(digest.first_at, digest.last_at)}.")
    elif digest.kind is AlertKind.DELIVERY_FAILED:
        said.append(f"It was given up at {_time(digest.last_at)}.")
    elif (since := digest.detail.get("since")) and not _is_gone(digest):
        sentence = _HAD_FAILED if _is_over(digest, AlertKind.WEBHOOK_FAILING) else _SINCE[digest.kind]
        said.append(sentence.format(since=_time(datetime.fromisoformat(since))))
    if not _is_over(digest, *_GOES_ON):
        said += [digest.detail[each] for each in ("says", "advice") if digest.detail.get(each)]
    if what_now := _what_now(digest):
        said.append(what_now)
    return said


def _what_now(digest: Digest) -> str | None:
    reason = digest.detail.get("reason")
    match digest.kind:
        case AlertKind.WEBHOOK_FAILING | AlertKind.WEBHOOK_DISABLED if digest.is_over:
            return "That is over."
        case AlertKind.WEBHOOK_DISABLED if reason is None:
            return "Somebody has enabled it since."
        case AlertKind.WEBHOOK_DISABLED:
            return "Nothing is sent there any more. Enable the webhook when it is mended, then recover what it missed."
        case AlertKind.WEBHOOK_RECOVERED if reason == DELETED:
            return "Nothing is sent there any more, and nobody need mend it."
        case AlertKind.WEBHOOK_RECOVERED:
            return "What it missed meanwhile can be recovered on its page."
    return None


def _is_gone(digest: Digest) -> bool:
    """Say whether a webhook was disabled for one answer, and not because attempts failed for long."""
    return digest.kind is AlertKind.WEBHOOK_DISABLED and digest.detail.get("reason") != FAILING


def _is_over(digest: Digest, *kinds: AlertKind) -> bool:
    """Say whether what a digest tells, if it is of these, is told late: each kind has windows of its own."""
    return digest.is_over and digest.kind in kinds


def shortened(text: str, most: int = MAX_ENDPOINT_LENGTH) -> str:
    """Return text in at most so many characters, cut in the middle, without any that would break a line."""
    text = "".join(each if each.isprintable() else " " for each in text)
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def unformatted(line: str) -> str:
    """Return a line as it is written in Markdown, so that it reads as it stands."""
    return _FORMATS.sub(r"\\\g<0>", line)


def whole_lines(text: str, room: int, length: Callable[[str], int] = len) -> str:
    """Return the lines of a text that there is room for, with … for those behind them: half a link leads nowhere.

    Args:
        text: one that may be too long.
        room: how much all of it may take.
        length: how much a line takes, without the two characters that may stand between it and the next one.
    """
    lines = text.strip().split("\n")
    taken = list(accumulate(length(line) + 2 for line in lines))
    if taken[-1] <= room:
        return text
    fit = [line for line, all_so_far in zip(lines, taken, strict=True) if all_so_far <= room - 1]
    return "\n".join([*fit, "…"])


def _endpoint(digest: Digest) -> str:
    # some services look for @everyone wherever it stands, and a customer may have written it
    return shortened(digest.endpoint.replace("@", "%40")) or digest.subject


def _how(digest: Digest) -> str:
    if digest.detail.get("reason") == "gone":
        return f"for good: it answered {HTTPStatus.GONE.value}"
    attempts = digest.detail.get("attempts") or 1
    return f"after {attempts} attempt{'s' if attempts != 1 else ''}"


def _span(first: datetime, last: datetime) -> str:
    if _time(last) == _time(first):
        return f"at {_time(last)}"
    if last.date() == first.date():
        return f"from {_time(first).removesuffix(' UTC')} to {last:%H:%M} UTC"
    return f"from {_time(first)} to {_time(last)}"


def _time(instant: datetime) -> str:
    return f"{instant.day} {instant:%b %Y %H:%M} UTC"


_FORMATS: Final = re.compile(r"[\\`*_\[\]<>~|#]")
"""What Markdown takes for a format, wherever it stands in a line."""

_COUNTED: Final = {
    AlertKind.PLATFORM_TROUBLE: ("the platform is in trouble", "{count} troubles of the platform"),
    AlertKind.WEBHOOK_DISABLED: ("1 webhook was disabled", "{count} webhooks were disabled"),
    AlertKind.WEBHOOK_FAILING: ("1 webhook is failing", "{count} webhooks are failing"),
    AlertKind.WEBHOOK_RECOVERED: ("1 webhook delivers again", "{count} webhooks deliver again"),
    AlertKind.PLATFORM_WELL: ("the platform is well again", "{count} troubles of the platform are over"),
}
_COUNTED_OVER: Final = {
    AlertKind.PLATFORM_TROUBLE: ("the platform was in trouble", "{count} troubles of the platform"),
    AlertKind.WEBHOOK_FAILING: ("1 webhook was failing", "{count} webhooks were failing"),
}
_GOES_ON: Final = (AlertKind.PLATFORM_TROUBLE, AlertKind.WEBHOOK_FAILING, AlertKind.WEBHOOK_DISABLED)
_HAD_FAILED: Final = "Every attempt since {since} had failed."
_SINCE: Final = {
    AlertKind.WEBHOOK_FAILING: "Every attempt since {since} has failed; they go on.",
    AlertKind.WEBHOOK_DISABLED: _HAD_FAILED,
    AlertKind.WEBHOOK_RECOVERED: "It had failed since {since}.",
    AlertKind.PLATFORM_TROUBLE: "Since {since}.",
    AlertKind.PLATFORM_WELL: "It had begun at {since}.",
}
_TROUBLES: Final = {
    Condition.DELIVERIES_LATE: "Deliveries are late",
    Condition.BACKLOG_HIGH: "The backlog is high",
    Condition.NO_WORKERS: "No worker answers",
    Condition.BROKER_DOWN: "Redis does not answer",
}
_WELL: Final = {
    Condition.DELIVERIES_LATE: "Deliveries are in time again",
    Condition.BACKLOG_HIGH: "The backlog is low again",
    Condition.NO_WORKERS: "Workers answer again",
    Condition.BROKER_DOWN: "Redis answers again",
}
