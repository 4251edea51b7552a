"""What the README tells people to type works as it stands there."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from flux_dispatch.domain.event import validate_event_type
from flux_dispatch.domain.signing import sign_flux
from flux_dispatch.domain.webhook import validate_patterns
from tests.support.tree import read

README = read("README.md")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"id":"evt_1","type":"order.completed","created":"2024-01-15T10:30:00Z","data":{"order":7}}'


@pytest.fixture
def receive() -> Callable[[bytes, dict[str, str], str], int]:
    """The receiver of the README, as it stands there."""
    (source,) = (each for each in EXAMPLES if "def receive" in each)
    names: dict[str, Any] = {}
    exec(compile(source, "README.md", "exec"), names)  # noqa: S102 - our own example, run as a reader would
    return names["receive"]


def test_the_receiver_accepts_what_we_sign(
    receive: Callable[[bytes, dict[str, str], str], int], capsys: pytest.CaptureFixture[str]
) -> None:
    header = sign_flux([SECRET], int(time.time()), BODY)
    assert receive(BODY, {"flux-signature": header}, SECRET) == 204
    assert capsys.readouterr().out == "order.completed {'order': 7}\n"


def test_the_receiver_refuses_what_was_changed_and_says_why(
    receive: Callable[[bytes, dict[str, str], str], int], capsys: pytest.CaptureFixture[str]
) -> None:
    header = sign_flux([SECRET], int(time.time()), BODY)
    assert receive(BODY + b" ", {"flux-signature": header}, SECRET) == 400
    assert capsys.readouterr().out.startswith("no_match No signature fits")


def test_the_requests_are_ones_that_the_api_takes() -> None:
    webhook, event = (json.loads(body) for body in re.findall(r"-d '([^']+)'", README))
    assert validate_patterns(webhook["events"]) == ("order.*",)
    assert validate_event_type(event["type"]) == "order.completed"
    assert isinstance(event["data"], dict)


def test_every_example_in_python_can_be_compiled() -> None:
    assert len(EXAMPLES) == 2
    for source in EXAMPLES:
        compile(source, "README.md", "exec")
