"""The dashboard of the believable account, as it runs, and a browser in which an operator is signed in."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from playwright.async_api import Browser, Page

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.portal_links import PortalLinkStore
from tests.support.api import running_api
from tests.support.believable import Believable, believable
from tests.support.chromium import browser, page_of
from tests.support.dashboard_pages import every_page

SIGN_IN = "/dashboard/sign-in"


@dataclass(frozen=True)
class Bookshop:
    """Where it runs, what is in it, and the cookies of an operator."""

    chromium: Browser
    url: str
    database_url: str
    found: Believable
    cookies: Any

    @property
    def pages(self) -> dict[str, str]:
        """The path of each page by its name."""
        return every_page(self.found)

    def look(self, path: str, **options: Any) -> AbstractAsyncContextManager[Page]:
        """Yield a page as the operator sees it."""
        return page_of(self.chromium, self.url + path, storage_state=self.cookies, **options)


@asynccontextmanager
async def bookshop(database_url: str, redis_url: str) -> AsyncIterator[Bookshop]:
    """Fill an empty database, run an API on it, and open a browser."""
    database = open_database(database_url)
    found = await believable(database)
    await database.dispose()
    async with running_api(database_url, redis_url) as url, browser() as chromium:
        context = await chromium.new_context()
        page = await context.new_page()
        # where the link leads then is looked at by those who look at pages
        await page.goto(f"{url}{await sign_in_path(database_url)}")
        await page.wait_for_url(lambda address: SIGN_IN not in address)
        cookies = await context.storage_state()
        await context.close()
        yield Bookshop(chromium, url, database_url, found, cookies)


async def sign_in_path(database_url: str, account: AccountId | None = None) -> str:
    """Return the path of a new link, for a customer of the account or an operator."""
    database = open_database(database_url)
    link = await PortalLinkStore(database).create(account, timedelta(minutes=5))
    await database.dispose()
    return f"{SIGN_IN}/{link.token}"
