"""The mail of an alert as a mail program shows it, on a desk and on a phone."""

from dataclasses import replace

from playwright.async_api import Browser

from flux_dispatch.channels.message import compose
from tests.browser.test_dashboard_pages import STICKS_OUT
from tests.channels.conftest import failed, notification
from tests.support.alerting import LINKS


async def test_nothing_sticks_out_of_a_mail_however_long_names_are(chromium: Browser) -> None:
    longest = replace(failed(2, f"https://{'n' * 60}.example/{'p' * 2000}"), name="N" * 500)
    mail = compose(notification("x", longest, failed()), LINKS, "Webhooks").html
    page = await chromium.new_page()
    for width in (600, 390):
        await page.set_viewport_size({"width": width, "height": 600})
        await page.set_content(mail)
        assert await page.evaluate(STICKS_OUT) == [], width
