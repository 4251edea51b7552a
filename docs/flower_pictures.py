# ruff: noqa: INP001 - a script, not a package
"""Takes the pictures of docs/flower.md: a real Flower over real workers, which become six and two again.

python docs/flower_pictures.py   writes docs/images/flower-*.png, in about a minute
"""

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from celery import Celery

from benchmarks.servers import servers
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.migrate import migrate
from tests.support.chromium import browser
from tests.support.flower import USER, Flower, start_flower
from tests.support.installation import Installation
from tests.support.receiver import Receiver, Request
from tests.support.waiting import eventually, wait_seconds

IMAGES: Final = Path(__file__).parent / "images"
TALL: Final = 880
"""Of the page of a task: up to its exception."""
PAUSE_SECONDS: Final = 0.05
"""Between two events of the load."""

LOAD_SECONDS: Final = 8.0
FEW, MANY = 2, 6


def main() -> None:
    """Take them all."""
    with ExitStack() as stack:
        running = stack.enter_context(servers())
        asyncio.run(_prepare(running.database_url))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flux-flower-")))
        receiver = stack.enter_context(Receiver(_answer))
        installation = stack.enter_context(Installation(running.database_url, running.redis_url, directory))
        _take(installation, receiver)
    sys.stdout.write(f"The pictures are in {IMAGES}\n")


def _take(installation: Installation, receiver: Receiver) -> None:
    installation.start_api()
    flower = start_flower(installation)
    for _ in range(FEW):
        installation.start_worker()
    for path in ("/orders", "/broken"):
        installation.webhook(receiver.url + path)
    with _load(installation):
        _wait_for_workers(flower, FEW)
        wait_seconds(LOAD_SECONDS)
        _picture(flower, "throughput", "/workers")
        more = [installation.start_worker() for _ in range(MANY - FEW)]
        _wait_for_workers(flower, MANY)
        wait_seconds(LOAD_SECONDS)
        _picture(flower, "six-workers", "/workers")
        for each in more:
            each.stop()
        wait_seconds(1)
        _picture(flower, "two-again", "/workers")
    refused = _refused(installation, flower)
    _picture(flower, "tasks", "/tasks?state=SUCCESS")
    _picture(flower, "failed-tasks", "/tasks?state=FAILURE")
    _picture(flower, "failed-task", f"/task/{refused}", height=TALL)


def _answer(request: Request) -> int:
    return 500 if request.path == "/broken" else 200


async def _prepare(database_url: str) -> None:
    database = open_database(database_url)
    await migrate(database)
    await database.dispose()


@contextmanager
def _load(installation: Installation) -> Iterator[None]:
    """Have events published for as long as the block takes."""
    stop = threading.Event()

    def publish() -> None:
        with Celery("shop", broker=installation.redis_url, set_as_current=False) as producer:
            while not stop.wait(PAUSE_SECONDS):
                event = {"account": _account(installation), "type": "order.completed", "data": {"amount": 4999}}
                producer.send_task("flux.publish", kwargs=event)

    thread = threading.Thread(target=publish)
    thread.start()
    yield
    stop.set()
    thread.join()


def _account(installation: Installation) -> str:
    (row,) = installation.rows("SELECT id FROM accounts")
    return f"acct_{row['id'].hex}"


def _refused(installation: Installation, flower: Flower) -> str:
    """Send what can never be published, and return the id of its task."""
    with Celery("shop", broker=installation.redis_url, set_as_current=False) as producer:
        for event_type in ("order..completed", "order completed"):
            event = {"account": _account(installation), "type": event_type, "data": {}}
            producer.send_task("flux.publish", kwargs=event)

    def failed() -> list[str]:
        return [name for name, task in flower.tasks().items() if task["state"] == "FAILURE"]

    return eventually(failed, "Flower has seen it fail")[0]


def _wait_for_workers(flower: Flower, count: int) -> None:
    eventually(lambda: len(flower.workers()) >= count, f"Flower knows {count} workers")


def _picture(flower: Flower, name: str, path: str, *, height: int = 720) -> None:
    asyncio.run(_look(flower, IMAGES / f"flower-{name}.png", path, height))


async def _look(flower: Flower, image: Path, path: str, height: int) -> None:
    credentials = {"username": USER[0], "password": USER[1]}
    async with browser() as opened:
        context = await opened.new_context(
            viewport={"width": 1440, "height": height}, http_credentials=credentials, timezone_id="UTC"
        )
        page = await context.new_page()
        await page.goto(flower.url + path)
        # its pages ask for their rows once they are there
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=image)


if __name__ == "__main__":
    main()
