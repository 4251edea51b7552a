"""What the pages weigh on their way to a browser: all stylesheets and scripts together, and each page by itself."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.web.static_files import FOLDER, STATIC_FILES
from tests.support.believable import believable
from tests.support.dashboard import SignedIn, signed_in
from tests.support.dashboard_pages import every_page

ASSETS_BYTES: Final = 40_000
PAGE_BYTES: Final = 60_000
OF_THE_REFERENCE: Final = {"reference.css", "here.js"}
"""What only /docs loads."""


async def test_pages_and_what_they_load_stay_small(api: str, database: AsyncEngine) -> None:
    found = await believable(database)
    async with signed_in(api, database, operator=True) as browser:
        pages = {name: await _loaded(browser, path) for name, path in every_page(found).items()}
        names = {each.name for each in FOLDER.iterdir() if each.suffix in {".css", ".js"}} - OF_THE_REFERENCE
        assets = {name: await _loaded(browser, STATIC_FILES.url(name)) for name in names}
    assert sum(assets.values()) <= ASSETS_BYTES, assets
    assert {name: size for name, size in pages.items() if size > PAGE_BYTES} == {}


async def _loaded(browser: SignedIn, path: str) -> int:
    """Return how many bytes of a body came over the wire."""
    answer = await browser.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200, path
    assert answer.headers["Content-Encoding"] == "gzip" or len(answer.content) < 1024, path
    return answer.num_bytes_downloaded
