"""A real Chromium that fails a test for what its page does wrong: errors, and requests to other hosts."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Error, Page, async_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED: Final = "FLUX_TEST_CHROMIUM"
"""The variable that makes a missing Chromium a failure."""

HOW: Final = "no Chromium is installed: apt install chromium, or .venv/bin/playwright install chromium"


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Yield a Chromium, the one on the PATH or else playwright's own; skip the test where there is none."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    async with async_playwright() as playwright:
        try:
            # without a sandbox, since a container's root has none; it loads nothing but our own pages
            opened = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        except Error:
            if os.environ.get(REQUIRED):
                raise
            pytest.skip(HOW)
        yield opened
        await opened.close()


@asynccontextmanager
async def page_of(opened: Browser, url: str, **options: Any) -> AsyncIterator[Page]:
    """Yield a page in a window of its own; at its end it must have loaded all it wanted, from our host alone."""
    context = await opened.new_context(reduced_motion="reduce", **options)
    page = await context.new_page()
    wrong: list[str] = []
    page.on(
        "console",
        lambda message: wrong.append(f"{page.url}: {message.text}") if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if _host(request.url) != _host(url) else None)
    await page.goto(url)
    yield page
    await context.close()
    assert not wrong, "\n".join(wrong)


def _host(url: str) -> str:
    return urlsplit(url).netloc
