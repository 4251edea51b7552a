# ruff: noqa: INP001 - a script, not a package
"""Takes a picture of every page of the dashboard, full of a believable day: light, dark and narrow.

python docs/screenshots.py            writes docs/images/*.png, the first screenful of each page
python docs/screenshots.py webhooks   only of pages whose name begins so
python docs/screenshots.py --whole    pages from their top to their end
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.servers import servers
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.migrate import migrate
from tests.support.bookshop import bookshop

IMAGES: Final = Path(__file__).parent / "images"
WHOLE: Final = "--whole"
LOOKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {"viewport": {"width": 1280, "height": 800}},
    "-dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "-narrow": {"viewport": {"width": 390, "height": 844}},
}
"""What is put behind the name of a page, and the window that it is seen in."""


def main(arguments: list[str]) -> None:
    """Take those whose name begins with one of these; all of them, if none is given."""
    IMAGES.mkdir(exist_ok=True)
    beginnings = tuple(each for each in arguments if each != WHOLE) or ("",)
    with servers() as running:
        asyncio.run(_prepare(running.database_url))
        asyncio.run(_take(running.database_url, running.redis_url, beginnings, is_whole=WHOLE in arguments))


async def _prepare(database_url: str) -> None:
    database = open_database(database_url)
    await migrate(database)
    await database.dispose()


async def _take(database_url: str, redis_url: str, beginnings: tuple[str, ...], *, is_whole: bool) -> None:
    async with bookshop(database_url, redis_url) as shop:
        wanted = {name: path for name, path in shop.pages.items() if name.startswith(beginnings)}
        for look, window in LOOKS.items():
            async with shop.look(next(iter(wanted.values())), timezone_id="UTC", locale="en-GB", **window) as page:
                for name, path in wanted.items():
                    await page.goto(shop.url + path)
                    await page.screenshot(path=IMAGES / f"{name}{look}.png", full_page=is_whole)
    sys.stdout.write(f"{len(wanted) * len(LOOKS)} pictures are in {IMAGES}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
