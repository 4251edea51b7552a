"""Workers are asked whether they are there: who answers is told, who is gone is not, and nobody waits for it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, tzinfo

import pytest
from celery import Celery

from config.celeryconfig import celery_settings
from flux_dispatch.cli.embedded import free_port
from flux_dispatch.domain.operations import Answering
from tests.support.installation import Installation
from tests.support.waiting import eventually_async
from workers import worker_ping
from workers.worker_ping import WorkerPing


def ping_through(redis_url: str) -> WorkerPing:
    app = Celery("asks")
    app.config_from_object(celery_settings(redis_url))
    return WorkerPing(app)


@pytest.fixture
async def ping(redis_url: str) -> AsyncIterator[WorkerPing]:
    ping = ping_through(redis_url)
    yield ping
    await ping.close()


async def test_who_answers_is_told_until_they_are_gone(installation: Installation, ping: WorkerPing) -> None:
    started = [installation.start_worker() for _ in range(2)]
    assert ping() is None, "nobody waits for the answer"

    async def are(count: int) -> Answering | None:
        told = ping()
        return told if told and told.workers is not None and len(told.workers) == count else None

    async def both() -> Answering | None:
        return await are(2)

    async def one() -> Answering | None:
        return await are(1)

    told = await eventually_async(both, "both workers answer")
    assert told
    assert ping() is told, "what is fresh is not asked again"
    started[0].kill()
    told = await eventually_async(one, "the worker that is left answers alone")
    assert told
    assert told.workers
    assert str(started[1].process.pid) in told.workers[0]


class HourAgo(datetime):
    """What a clock says that was set back."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "HourAgo":
        return super().now(tz) - timedelta(hours=1)


async def test_workers_are_asked_anew_though_the_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_ping, "FRESH_SECONDS", 0)
    ping = ping_through(f"redis://127.0.0.1:{free_port()}/0")
    told = await ping.ask()
    monkeypatch.setattr(worker_ping, "datetime", HourAgo)
    assert ping() is told
    await ping.close()
    assert ping() is not told
    await ping.close()


async def test_a_broker_that_is_not_there_takes_no_question() -> None:
    ping = ping_through(f"redis://127.0.0.1:{free_port()}/0")
    assert ping() is None
    await ping.close()
    told = ping()
    await ping.close()
    assert told
    assert told.workers is None
