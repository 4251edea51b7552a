"""Signs in to the dashboard as a browser does, by its real routes, and sends its forms."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.portal_links import PortalLinkStore

SIGN_IN = "/dashboard/sign-in"
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


class SignedIn(httpx.AsyncClient):
    """A browser with a session."""

    async def form(self, page: str, to: str | None = None, **fields: str | list[str]) -> httpx.Response:
        """Open this page, and send a form with the page's token, to its own address or to another one."""
        opened = await self.get(page)
        token = _TOKEN.search(opened.text)
        assert token, f"{page} has no form: {opened.text}"
        return await self.post(to or page, data={"csrf": token[1], **fields})


@asynccontextmanager
async def signed_in(
    api: str,
    database: AsyncEngine,
    *,
    account: AccountId | None = None,
    operator: bool = False,
    scopes: Sequence[str] | None = None,
) -> AsyncIterator[SignedIn]:
    """Yield a customer of the account, or an operator, who came by a link; with scopes, who came with such a key."""
    assert operator is (account is None), "a customer is one of an account, an operator of none"
    async with SignedIn(base_url=api, headers={"Origin": api}, trust_env=False) as browser:
        if scopes is None:
            link = await PortalLinkStore(database).create(account, timedelta(minutes=5))
            answer = await browser.post(f"{SIGN_IN}/{link.token}")
        else:
            _, key = await ApiKeyStore(database).create(account, [Scope(each) for each in scopes])
            answer = await browser.post(SIGN_IN, data={"key": key})
        assert answer.status_code == 303, answer.text
        yield browser
