"""Each reason for which the engine itself disables a webhook has its words; what somebody wrote stands as it is."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.reasons import REASONS, why_disabled
from flux_dispatch.domain.outcome import Rejected
from flux_dispatch.domain.webhook import BY_HAND
from tests.support.api import Caller
from tests.support.attempted import give_up
from tests.support.dashboard import signed_in
from tests.support.store_harness import StoreHarness


async def test_one_whose_endpoint_answered_410_says_what_to_do(
    api: str, database: AsyncEngine, world: StoreHarness, tenant: Caller
) -> None:
    webhook = await world.webhook(tenant.account, "*")
    await give_up(world, [await world.delivery(tenant.account)], Rejected(410, "gone for good"))
    async with signed_in(api, database, account=tenant.account) as customer:
        page = await customer.get(f"/dashboard/{tenant.account}/webhooks/{webhook}")
    assert REASONS["gone"] in page.text


@pytest.mark.parametrize(
    ("reason", "said"),
    [(None, REASONS[BY_HAND]), (BY_HAND, REASONS[BY_HAND]), ("The contract has ended.", "The contract has ended.")],
)
def test_what_was_written_by_hand_stands_as_it_is(reason: str | None, said: str) -> None:
    assert why_disabled(reason) == said
