"""What the README tells is true: its code runs as it stands there, and its tables name what there is."""

from __future__ import annotations

import hmac
import json
import re
import time
from pathlib import Path
from typing import Any, get_args

import pytest

import flux_webhooks
from flux_webhooks.errors import Code
from flux_webhooks.operations import OPERATIONS
from flux_webhooks.retries import DEFAULT_RETRIES
from flux_webhooks.settings import DEFAULT_TIMEOUT_SECONDS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK = {
    "id": "wh_1",
    "object": "webhook",
    "url": "https://example.com/hooks",
    "events": ["order.*"],
    "description": "",
    "headers": {},
    "metadata": {},
    "status": "enabled",
    "disabled_reason": None,
    "is_listen": False,
    "created": "2024-01-15T10:30:00Z",
    "updated": "2024-01-15T10:30:00Z",
    "secret": SECRET,
}
EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "order.completed",
    "created": "2024-01-15T10:30:00Z",
    "data": {"order": 7},
    "status": "pending",
    "webhooks": 1,
}
LIST = {"object": "list", "data": [EVENT, EVENT], "has_more": False, "next_cursor": None}


def example(word: str) -> str:
    (found,) = (each for each in CODE if word in each)
    return found


def rows(heading: str) -> list[str]:
    """Return the first cells of the table under a heading."""
    section = README.partition(f"# {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?m)^\| `([^`]+)`", section)


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "README.md", "exec"), names)  # noqa: S102 - our own example, run as a reader would
    return names


@pytest.fixture
def environment(wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUX_API_URL", wire.url)
    monkeypatch.setenv("FLUX_API_KEY", wire.key)


def test_an_event_is_published_as_it_stands_there(wire: Any, capsys: pytest.CaptureFixture[str]) -> None:
    wire.replies = [wire.answer(WEBHOOK, 201), wire.answer(EVENT, 202)]
    run(example("flux.webhooks.create").replace("https://flux.example.com", wire.url).replace("sk_live_…", wire.key))
    assert capsys.readouterr().out == f"{SECRET} evt_1\n"
    assert wire.asked[1].json == {"type": "order.completed", "data": {"order": 7}}


@pytest.mark.usefixtures("environment")
def test_it_is_published_without_blocking_too(wire: Any, capsys: pytest.CaptureFixture[str]) -> None:
    wire.replies = [wire.answer(EVENT, 202)]
    run(example("AsyncFlux"))
    assert capsys.readouterr().out == "evt_1\n"


@pytest.mark.usefixtures("environment")
def test_an_account_is_named_and_keys_are_sent_as_they_stand_there(wire: Any) -> None:
    wire.replies = [wire.answer(EVENT, 202), wire.answer(EVENT, 202), wire.answer(LIST, 202)]
    run("from flux_webhooks import Flux\n" + example("ext:cus_42") + "flux.close()")
    run("from flux_webhooks import Flux\n" + example("publish_batch"))
    assert [each.headers.get("flux-account") for each in wire.asked] == ["ext:cus_43", None, None]
    assert wire.asked[1].headers["idempotency-key"] == "order-7-completed"


@pytest.mark.usefixtures("environment")
def test_a_list_is_iterated_as_it_stands_there(wire: Any) -> None:
    wire.replies = [wire.answer({**LIST, "data": []})]
    run("from flux_webhooks import Flux\n" + example("for delivery in"))
    assert wire.asked[0].target == "/v1/deliveries?status=failed&limit=100"


def test_the_receiver_works_as_it_stands_there(capsys: pytest.CaptureFixture[str]) -> None:
    receive = run(example("def receive"))["receive"]
    body = json.dumps(EVENT)
    now = int(time.time())
    signature = hmac.new(SECRET.encode(), f"{now}.{body}".encode(), "sha256").hexdigest()
    header = f"t={now},v1={signature}"
    assert receive(body, {"flux-signature": header}, SECRET) == 204
    assert receive(body, {}, SECRET) == 400
    assert receive(body, {"flux-signature": header}, "none") == 500
    said = capsys.readouterr().out
    assert said.startswith("evt_1 order.completed {'order': 7}\nmissing_header ")


def test_every_example_is_tested() -> None:
    assert len(CODE) == 6


def test_the_tables_name_every_operation_error_and_code() -> None:
    listed = re.findall(r"(?m)^\| `flux\.(\w+)` \| (.+) \|$", README)
    named = {f"{resource}.{verb}" for resource, verbs in listed for verb in re.findall(r"`(\w+)`", verbs)}
    assert named == {*OPERATIONS, "webhooks.verify"}
    roots = {"FluxError", "APIError"}
    assert {*rows("Errors"), *roots} == {each for each in flux_webhooks.__all__ if each.endswith("Error")}
    assert rows("What `error.code` says") == list(get_args(Code))


def test_timeout_and_retries_are_as_they_stand_there() -> None:
    assert f"`Flux(timeout={DEFAULT_TIMEOUT_SECONDS:g}, max_retries={DEFAULT_RETRIES})`" in README
