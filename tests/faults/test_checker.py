"""The checker finds what it is there to find: each broken promise, written down by hand, is told."""

from collections import Counter
from dataclasses import replace

import pytest

from flux_dispatch.channels.message import compose
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.notification import Digest
from tests.channels.conftest import failed, notification
from tests.faults.channels import Channel, Message, Told, read
from tests.faults.checker import Tolerance, Verdict, _check_doubles
from tests.faults.history import DeliveryRow, History
from tests.faults.row_checks import _unrest
from tests.faults.schedule import AFTER_A_FAULT_SECONDS, check_schedule
from tests.faults.told import hold_against
from tests.support.alerting import LINKS
from tests.support.receiver import Request

# first attempt at 100, answered with 500 at 100.1; the second is due a second later
GOOD = DeliveryRow(
    id="dlv_1",
    event="evt_1",
    webhook="wh_1",
    path="/hook",
    state="delivered",
    reason=None,
    created_at=100,
    ended_at=101.2,
    closed_at=None,
    attempts=2,
    numbers=[1, 2],
    ends=[100.1, 101.2],
    is_of_one_account=True,
)


def arrival(at: float, attempt: int) -> Request:
    headers = {"webhook-id": "evt_1", "flux-delivery": "dlv_1", "flux-attempt": str(attempt)}
    return Request(at, "/hook", headers, b"")


def history(*arrivals: Request, accepted: tuple[Request, ...] = (), owed: DeliveryRow = GOOD) -> History:
    return History({owed.id: owed}, {owed.id: list(arrivals)}, {owed.id: list(accepted)} if accepted else {})


FIRST = arrival(100.05, 1)


def test_what_comes_in_time_is_not_told() -> None:
    kept = history(FIRST, arrival(101.15, 2))
    assert check_schedule(kept, over_at=0, calm_since=99) == []


def test_an_early_attempt_is_told_by_the_database_and_by_the_receiver() -> None:
    told = check_schedule(history(FIRST, arrival(101.04, 2)), over_at=0, calm_since=None)
    assert told == [
        "attempt 2 of dlv_1 came 0.990 s after the one before",
        "attempt 2 of dlv_1 came 0.060 s early",
    ]


def test_an_attempt_after_a_success_is_told() -> None:
    told = check_schedule(history(FIRST, arrival(101.15, 2), accepted=(FIRST,)), over_at=0, calm_since=None)
    assert told == ["attempt 2 of dlv_1 came after a success"]


def test_an_attempt_may_be_as_late_as_the_end_of_the_fault_and_a_recovery() -> None:
    late = history(FIRST, arrival(201 + AFTER_A_FAULT_SECONDS, 2))
    assert len(check_schedule(late, over_at=200, calm_since=None)) == 1
    assert check_schedule(late, over_at=202, calm_since=None) == []


@pytest.mark.parametrize(("gap", "told"), [(1, 0), (3, 1)])
def test_what_stands_behind_its_own_account_may_be_late_while_that_is_served(gap: int, told: int) -> None:
    owed = replace(GOOD, path="/many", attempts=1, numbers=[1], ends=[150.0])
    late = Request(150, "/many", arrival(150, 1).headers, b"")
    others = [Request(at, "/many", {"flux-delivery": "dlv_2", "flux-attempt": "1"}, b"") for at in range(100, 150, gap)]
    kept = History({owed.id: owed}, {owed.id: [late], "dlv_2": others})
    assert len(check_schedule(kept, over_at=101, calm_since=None)) == told


def test_without_a_fault_an_attempt_has_a_tenth_of_its_delay_and_a_second() -> None:
    assert check_schedule(history(FIRST, arrival(102.15, 2)), over_at=0, calm_since=99) == []
    assert len(check_schedule(history(FIRST, arrival(102.25, 2)), over_at=0, calm_since=99)) == 1
    assert len(check_schedule(history(), over_at=0, calm_since=99)) == 1


@pytest.mark.parametrize(
    ("allowed", "posts", "told"),
    [
        (Tolerance(), 2, 0),
        (Tolerance(), 3, 3),  # accepted twice, one more in all than allowed, and one POST that no attempt explains
        (Tolerance(duplicates=1), 3, 1),
        (Tolerance(duplicates=1, deaths=1), 3, 0),
        (Tolerance(duplicates=9, deaths=9), 4, 1),  # no death explains that one delivery is accepted three times
    ],
)
def test_doubles_are_counted_against_what_is_allowed(allowed: Tolerance, posts: int, told: int) -> None:
    verdict = Verdict()
    accepted = tuple(arrival(101.2, 2) for _ in range(posts - 1))
    _check_doubles(history(FIRST, *accepted, accepted=accepted), allowed, verdict)
    assert verdict.duplicate == posts - 2
    assert len(verdict.wrong) == told


@pytest.mark.parametrize(
    ("owed", "told"),
    [
        (GOOD, ""),
        (replace(GOOD, numbers=[1, 3]), "with the attempts [1, 3] noted where 2 were made"),
        (replace(GOOD, state="sending"), "sending at /hook"),
        (replace(GOOD, state="failed", path="/hang"), "failed after 2 attempts"),
        (replace(GOOD, state="canceled"), "canceled at /hook"),
        (replace(GOOD, state="canceled", closed_at=105), "canceled because of None"),
        (replace(GOOD, state="canceled", closed_at=105, reason="webhook_deleted"), ""),
    ],
)
def test_a_delivery_rests_only_where_it_may(owed: DeliveryRow, told: str) -> None:
    assert _unrest(owed) == told


GONE = ("https://example.com/gone", AlertKind.WEBHOOK_DISABLED)
FAILED = ("https://example.com/gone", AlertKind.DELIVERY_FAILED)
HAPPENED: Told = Counter({GONE: 1, FAILED: 3})


def message(text: str, **tells: int) -> Message:
    return Message(
        "ntf_1" if text != "more" else "ntf_2", text, Counter({FAILED: tells["failed"], GONE: tells["gone"]})
    )


@pytest.mark.parametrize(
    ("messages", "told", "lost", "repeated", "wrong"),
    [
        ([message("one", failed=1, gone=1), message("more", failed=2, gone=0)], 4, 0, 0, 0),
        ([message("one", failed=3, gone=1), message("one", failed=3, gone=1)], 4, 0, 1, 0),
        ([message("one", failed=3, gone=1), message("other", failed=3, gone=1)], 4, 0, 1, 1),
        ([message("one", failed=1, gone=0)], 1, 3, 0, 2),
        ([message("one", failed=3, gone=1), message("more", failed=0, gone=1)], 4, 0, 0, 1),
    ],
)
def test_what_people_are_not_told_or_too_often_is_told(
    messages: list[Message], told: int, lost: int, repeated: int, wrong: int
) -> None:
    found = hold_against(HAPPENED, Channel("mail", lambda: messages), messages)
    assert (found.told, found.lost, found.repeated, len(found.wrong)) == (told, lost, repeated, wrong)


def test_a_channel_is_owed_only_what_it_asked_for() -> None:
    found = hold_against(HAPPENED, Channel("mail", list, frozenset({AlertKind.WEBHOOK_FAILING})), [])
    assert (found.told, found.lost, found.wrong) == (0, 0, [])


def test_messages_are_read_as_they_are_written() -> None:
    def changed(kind: AlertKind, path: str) -> Digest:
        return replace(failed(endpoint=path), kind=kind, detail={"reason": "gone", "attempts": 7})

    kinds = (AlertKind.WEBHOOK_FAILING, AlertKind.WEBHOOK_DISABLED, AlertKind.WEBHOOK_RECOVERED)
    told: Told = Counter({(f"http://{kind}/", kind): 1 for kind in kinds})
    told["http://one/", AlertKind.DELIVERY_FAILED] = 1
    told["http://many/", AlertKind.DELIVERY_FAILED] = 1205
    digests = [changed(kind, f"http://{kind}/") for kind in kinds]
    all_of_it = notification("", failed(endpoint="http://one/"), failed(1205, "http://many/"), *digests)
    assert read(compose(all_of_it, LINKS, "Webhooks").text) == told
