"""A webhook's statistics: empty buckets too, of one's own webhook only."""

import pytest

from tests.support.api import Caller, check_error
from tests.support.store_harness import StoreHarness

PERIODS = [("24h", 288, 300), ("7d", 168, 3600), ("30d", 120, 21600)]


@pytest.mark.parametrize(("period", "buckets", "seconds"), PERIODS)
async def test_a_webhook_that_got_nothing_has_zeros(tenant: Caller, period: str, buckets: int, seconds: int) -> None:
    webhook = await tenant.webhook()
    shown = (await tenant.http.get(f"/v1/webhooks/{webhook['id']}/stats", params={"period": period})).json()
    assert (shown["object"], shown["webhook"], shown["period"]) == ("webhook_stats", webhook["id"], period)
    assert (len(shown["buckets"]), shown["bucket_seconds"]) == (buckets, seconds)
    nothing: dict[str, int | None] = dict.fromkeys(("attempts", "delivered", "failed_attempts", "final_failures"), 0)
    nothing |= dict.fromkeys(("success_rate", "latency_p50_ms", "latency_p95_ms"))
    assert shown["totals"] == nothing
    assert all(each == {"start": each["start"], **nothing} for each in shown["buckets"])


async def test_what_was_counted_is_shown_in_its_bucket_and_in_sum(tenant: Caller, world: StoreHarness) -> None:
    webhook = await tenant.webhook()
    await world.do(
        "INSERT INTO webhook_statistics SELECT CAST(:id AS uuid), "
        "date_bin('5 minutes', flux_now(), '2000-01-01 00:00:00+00'), 10, 9, 1, "
        "array_fill(0, ARRAY[3]) || 10 || array_fill(0, ARRAY[11])",
        id=webhook["id"].removeprefix("wh_"),
    )
    # and as much that was not rolled up yet, among what others did
    await world.do(
        "INSERT INTO webhook_tallies (bucket, webhook_ids, delivered, durations) "
        "SELECT date_bin('5 minutes', flux_now(), '2000-01-01 00:00:00+00'), array_agg(webhook), array_agg(n < 9), "
        "array_agg(CASE WHEN n < 10 THEN 0.02 END) "
        "FROM generate_series(0, 10) AS n, unnest(ARRAY[CAST(:id AS uuid), gen_random_uuid()]) AS webhook",
        id=webhook["id"].removeprefix("wh_"),
    )
    shown = (await tenant.http.get(f"/v1/webhooks/{webhook['id']}/stats")).json()
    assert shown["period"] == "24h"
    counts = {
        "attempts": 20,
        "delivered": 18,
        "failed_attempts": 2,
        "final_failures": 2,
        "success_rate": 0.9,
        "latency_p50_ms": 24.0,
        "latency_p95_ms": 31.2,
    }
    assert shown["totals"] == counts
    assert [each["attempts"] for each in shown["buckets"] if each["attempts"]] == [20]


async def test_another_accounts_webhook_and_a_period_that_is_none_are_refused(
    tenant: Caller, other_tenant: Caller
) -> None:
    foreign = await other_tenant.webhook()
    for missing in (foreign["id"], "wh_" + "0" * 32, "wh_x", "x"):
        check_error(await tenant.http.get(f"/v1/webhooks/{missing}/stats"), 404, "not_found")
    own = await tenant.webhook()
    for name, value in [("period", ""), ("period", "1h"), ("period", "\0"), ("limit", "3"), ("cursor", "x")]:
        answer = await tenant.http.get(f"/v1/webhooks/{own['id']}/stats", params={name: value})
        check_error(answer, 400, "invalid_parameter", name)
