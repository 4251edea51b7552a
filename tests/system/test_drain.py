"""What a worker does while it ends: whatever goes wrong with one thing, the rest is done."""

import sys
import time
from base64 import b64encode
from collections.abc import Iterator

import pytest
from celery import Celery
from sqlalchemy.ext.asyncio import AsyncEngine

from config.celeryconfig import celery_settings
from config.settings import load_settings
from flux_dispatch.cli.embedded import free_port
from tests.support.store_harness import StoreHarness
from workers.bootstep import RunningEngine
from workers.celery_queue import QueueMessage

KEY = b64encode(bytes(range(32))).decode()


@pytest.fixture
def switching_as_before() -> Iterator[None]:
    """A worker sets for its whole process how often threads take turns."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switching_as_before")
async def test_what_fails_without_the_broker_keeps_a_worker_from_nothing(
    database: AsyncEngine, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    settings = {"FLUX_DATABASE_URL": database_url, "FLUX_REDIS_URL": redis_url, "FLUX_ENCRYPTION_KEYS": KEY}
    await StoreHarness(database).do("ALTER TABLE alerts RENAME TO no_alerts")
    app = Celery("ends")
    app.config_from_object(celery_settings(redis_url))
    engine = RunningEngine(app, load_settings(settings), threads=1)
    engine.start()
    soon = time.monotonic() + 60
    engine._run_locally(QueueMessage("flux.fail", "control", ("dlv_" + "0" * 32,), run_at=soon))
    engine.drain()
    engine.close()
    assert "message.failed" in capsys.readouterr().out
