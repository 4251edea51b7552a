"""The SDK tells its users' type checker what each call returns, in both colours."""

import subprocess
import sys
from pathlib import Path

from tests.support.tree import ROOT, SDK

PROGRAM = """
from datetime import datetime
from typing import TypedDict, assert_type

from flux_webhooks import AsyncFlux, AsyncPage, Flux, Page
from flux_webhooks.models import Delivery, PublishedEvent, Recovery, RecoveryCount, Webhook


class Order(TypedDict):
    order: int


def blocking(flux: Flux, now: datetime) -> None:
    webhook = flux.webhooks.create("https://example.com", ["*"])
    assert_type(webhook, Webhook)
    assert_type(webhook.created, datetime)
    assert_type(flux.webhooks.recover(webhook.id, now), Recovery)
    assert_type(flux.webhooks.recover(webhook.id, now, dry_run=True), RecoveryCount)
    assert_type(flux.events.publish("a.b", {}), PublishedEvent)
    flux.events.publish("order.completed", Order(order=7))
    assert_type(flux.events.publish_batch([{"type": "a.b", "data": {}}]), list[PublishedEvent])
    page = flux.deliveries.list(limit=7)
    assert_type(page, Page[Delivery])
    assert_type(page.next_page(), Page[Delivery] | None)
    for delivery in page:
        assert_type(delivery, Delivery)
    assert_type(flux.accounts.update("ext:a", external_id=None).external_id, str | None)
    assert_type(flux.webhooks.delete(webhook.id), None)
    with Flux() as other:
        assert_type(other.with_account("ext:a"), Flux)


async def not_blocking(flux: AsyncFlux, now: datetime) -> None:
    webhook = await flux.webhooks.create("https://example.com", ["*"])
    assert_type(webhook, Webhook)
    assert_type(await flux.webhooks.recover(webhook.id, now, dry_run=True), RecoveryCount)
    page = await flux.deliveries.list(limit=7)
    assert_type(page, AsyncPage[Delivery])
    async for delivery in page:
        assert_type(delivery, Delivery)
    async with AsyncFlux() as other:
        assert_type(other, AsyncFlux)


def wrong(flux: Flux) -> None:
    flux.webhooks.create(7, ["*"])  # type: ignore[arg-type]
    flux.webhooks.create("https://example.com")  # type: ignore[call-arg]
    flux.webhooks.get("wh_1").secrets  # type: ignore[attr-defined]
    flux.webhooks.get("wh_1").id = "wh_2"  # type: ignore[misc]
    flux.webhook  # type: ignore[attr-defined]
"""


def test_what_each_call_returns_is_known_to_a_strict_type_checker(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    # an unused "ignore" is an error, too, so each of the last function's mistakes must be noticed
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", tmp_path, program]
    environment = {"MYPYPATH": str(ROOT / SDK)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
