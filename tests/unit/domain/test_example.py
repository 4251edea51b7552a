"""A test of a webhook has a type that the webhook knows, and says what it is."""

import pytest

from flux_dispatch.domain.event import serialised, validate_event_type
from flux_dispatch.domain.example import TEST_TYPE, default_type, example_of
from flux_dispatch.domain.ids import WebhookId


@pytest.mark.parametrize(
    ("patterns", "event_type"),
    [
        (["order.completed"], "order.completed"),
        (["order.*", "invoice.paid", "user.signup"], "invoice.paid"),
        (["*"], TEST_TYPE),
        (["order.*", "*"], TEST_TYPE),
    ],
)
def test_the_type_is_one_that_the_webhook_names(patterns: list[str], event_type: str) -> None:
    assert default_type(patterns) == event_type
    assert validate_event_type(event_type) == event_type


def test_the_data_says_first_that_it_is_a_test() -> None:
    text = serialised(example_of("order.completed", WebhookId("wh_1"))).text
    assert text.startswith('{"test":true,"webhook":"wh_1",')
    assert "No order.completed has happened." in text


def test_it_looks_as_the_example_does_and_stays_a_test() -> None:
    data = example_of("order.completed", WebhookId("wh_1"), {"test": False, "order": {"id": 7}})
    assert next(iter(data)) == "test"
    assert (data["test"], data["order"]) == (True, {"id": 7})
