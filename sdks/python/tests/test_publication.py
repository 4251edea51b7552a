"""What becomes of data on each way out, and what is said of the rest; on every Python that the package promises."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Callable
from uuid import UUID

import pytest

from flux_webhooks import InvalidRequestError
from flux_webhooks._publication import PublicationRefused, check_publication
from flux_webhooks.checks import account_id, path_account
from flux_webhooks.event_checks import CheckedEvent

ACCOUNT = f"acct_{'0' * 32}"


def checked(data: object, account: object = ACCOUNT, event_type: object = "a.b", key: object = None) -> CheckedEvent:
    return check_publication(account, event_type, data, key, check_account=path_account)


WRITTEN = pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc), '"2026-01-02T03:04:05.000006Z"'),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), '"2026-01-02T01:00:00Z"'),
        (datetime(2026, 1, 2, 3, tzinfo=timezone.utc).replace(tzinfo=None), '"2026-01-02T03:00:00"'),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=2))), '"0001-01-01T00:00:00+02:00"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (time(3, 4), '"03:04:00"'),
        (UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
        (Decimal("10.10"), '"10.10"'),
        ([{"in": Decimal("1E+3")}, "Zoë"], '[{"in":"1E+3"},"Zo\\u00eb"]'),
        ((1, [True, None]), "[1,[true,null]]"),
        ({7: 1.5, None: 0, False: 1}, '{"7":1.5,"null":0,"false":1}'),
        ("Zoë", '"Zo\\u00eb"'),
    ],
)


def test_data_may_be_any_mapping() -> None:
    assert checked(MappingProxyType({"a": 7})).data == '{"a":7}'


@WRITTEN
def test_data_becomes_the_same_json_through_celery_in_the_outbox_and_over_http(
    ask: Callable[..., Any], wire: Any, value: object, text: str
) -> None:
    data = f'{{"a":{text}}}'
    assert checked({"a": value}).data == data
    wire.replies = [wire.refusal(422, "invalid_request_error")]
    with pytest.raises(InvalidRequestError):
        ask("events.publish", "a.b", {"a": value})
    with pytest.raises(InvalidRequestError):
        ask("events.publish_batch", [{"type": "a.b", "data": {"a": value}, "idempotency_key": "k"}])
    event = f'{{"type":"a.b","data":{data}'
    assert [each.body.decode() for each in wire.asked] == [
        event + "}",
        f'{{"events":[{event},"idempotency_key":"k"}}]}}',
    ]


@WRITTEN
def test_an_example_of_the_catalogue_is_written_like_data(
    ask: Callable[..., Any], wire: Any, value: object, text: str
) -> None:
    wire.replies = [wire.refusal(422, "invalid_request_error")]
    with pytest.raises(InvalidRequestError):
        ask("event_types.create", "a.b", example={"a": value})
    assert wire.asked[0].json["example"] == {"a": json.loads(text)}


def test_the_deepest_is_one_hundred_levels() -> None:
    data: dict[str, Any] = {}
    for _ in range(99):
        data = {"in": data}
    assert checked(data)
    with pytest.raises(PublicationRefused, match="100 levels") as refused:
        checked({"in": data})
    assert (refused.value.code, refused.value.param) == ("invalid_json", "data")
    data["itself"] = data
    with pytest.raises(PublicationRefused, match="100 levels"):
        checked(data)


@pytest.mark.parametrize("value", [b"x", object(), {1}, {("a",): 1}, float("nan"), float("-inf"), "\0", "\ud800"])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(PublicationRefused) as refused:
        checked({"a": value})
    assert (refused.value.code, refused.value.param) == ("invalid_json", "data")


@pytest.mark.parametrize("data", [{"a": -(10**5000)}, {"a": [{"b": 10**4300}]}, {10**5000: 1}])
def test_a_number_that_is_too_long_is_named_as_such(data: dict[Any, Any]) -> None:
    with pytest.raises(PublicationRefused, match=r"larger number .* of over 4300 digits: write it as text") as refused:
        checked(data)
    assert (refused.value.code, refused.value.param) == ("invalid_json", "data")
    assert checked({"a": 10**4300 - 1, "b": "7" * 4301})


@pytest.mark.skipif(
    not hasattr(sys, "set_int_max_str_digits"), reason="this Python always writes numbers of any length"
)
def test_a_number_that_is_too_long_is_refused_also_where_python_would_write_it() -> None:
    bound = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(PublicationRefused, match=r"data\.a\[1\] is a larger number"):
            checked({"a": ["7" * 4301, 10**4300]})
        assert checked({"a": ["7" * 4301, 10**4300 - 1]})
    finally:
        sys.set_int_max_str_digits(bound)


def test_a_refusal_survives_pickling() -> None:
    with pytest.raises(PublicationRefused) as refused:
        checked({}, event_type="order completed")
    copy = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - our own
    assert (copy.code, copy.param, str(copy)) == ("invalid_event_type", "type", str(refused.value))


def test_what_is_good_passes() -> None:
    assert checked({}, "acct_7", "order.completed", "order-7") == CheckedEvent("order.completed", "{}", "order-7")
    assert checked({}, "ext:cus_7", "a" * 128, " ~" * 127)
    assert check_publication(ACCOUNT, "a.b", {}, None, check_account=account_id)


@pytest.mark.parametrize("given", [(7, {}, "k"), ("a..b", {}, "k"), ("a.b", [1], "k"), ("a.b", {}, 7), ("a.b", {}, "")])
@pytest.mark.parametrize("data", [{"a": [1j]}, {"a": float("nan")}, {"a": "\0"}, {"a": {"b": 10**5000}}, {(1,): 2}])
def test_a_mistake_is_said_in_the_same_words_on_every_way(
    ask: Callable[..., Any], wire: Any, given: tuple[Any, Any, Any], data: Any
) -> None:
    for event_type, each, key in (given, ("a.b", data, "k")):
        with pytest.raises(PublicationRefused) as past_http:
            checked(each, event_type=event_type, key=key)
        with pytest.raises(InvalidRequestError) as over_http:
            ask("events.publish", event_type, each, idempotency_key=key)
        with pytest.raises(InvalidRequestError) as in_a_batch:
            ask("events.publish_batch", [{"type": event_type, "data": each, "idempotency_key": key}])
        said = [error.value.message for error in (past_http, over_http, in_a_batch)]
        assert {each.replace("Idempotency-Key", "idempotency_key") for each in said} == {said[0]}
        assert past_http.value.code == over_http.value.code == in_a_batch.value.code
    assert wire.asked == []


def test_what_was_not_given_is_missing_on_every_way(ask: Callable[..., Any]) -> None:
    event = {"type": "a.b", "data": {}}
    for name in event:
        with pytest.raises(PublicationRefused, match=f"{name} is missing") as refused:
            check_publication(ACCOUNT, *({**event, name: None}.values()), None, check_account=path_account)
        with pytest.raises(InvalidRequestError, match=f"{name} is missing") as in_a_batch:
            ask("events.publish_batch", [{other: event[other] for other in event if other != name}])
        assert (refused.value.code, in_a_batch.value.code) == ("missing_field", "missing_field")
    with pytest.raises(PublicationRefused, match="account is missing"):
        checked({}, None)


@pytest.mark.parametrize("account", ["cus_7", "acct_\0", "ext:\ud800"])
def test_what_can_be_no_account_is_said_in_words_that_can_be_printed(account: str) -> None:
    with pytest.raises(PublicationRefused, match="There is no account") as refused:
        checked({}, account)
    assert (refused.value.code, refused.value.param) == ("not_found", None)
    assert str(refused.value).encode().isascii()


def test_data_is_as_long_as_its_way_takes() -> None:
    assert check_publication(ACCOUNT, "a.b", {"a": "é"}, None, check_account=path_account, max_bytes=14)
    with pytest.raises(PublicationRefused, match="13 bytes") as refused:
        check_publication(ACCOUNT, "a.b", {"a": "é"}, None, check_account=path_account, max_bytes=13)
    assert (refused.value.code, refused.value.param) == ("body_too_large", "data")


def test_the_package_loads_neither_celery_nor_sqlalchemy_nor_does_the_outbox() -> None:
    program = (
        "import sys, flux_webhooks, flux_webhooks.outbox; print({'celery', 'kombu', 'sqlalchemy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
