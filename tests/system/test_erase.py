"""A deleted account is erased by whichever worker lives, page by page, and nothing stays of it."""

import signal

import pytest

from tests.support.installation import Installation
from tests.support.waiting import eventually

ROWS = 1800
TABLES = ("deliveries", "events", "webhooks", "api_keys")

FILLED_ACCOUNT = """
    WITH made AS (INSERT INTO accounts (name) VALUES ('leaving') RETURNING id), hook AS (
        INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
        SELECT made.id, 'http://127.0.0.1:9/', '{*}', '', '{}', 'enabled', '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}'
        FROM made RETURNING id, account_id
    ), happened AS (
        INSERT INTO events (id, account_id, type, created_at, body)
        SELECT flux_new_id(), made.id, 'a', flux_now(), '{}' FROM made, generate_series(1, $1::int) RETURNING id
    ), owed AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, due_at, sweep_at)
        SELECT happened.id, hook.id, hook.account_id, 'scheduled', flux_now() + interval '2 hours',
               flux_second(flux_now() + interval '2 hours')
        FROM happened, hook
    )
    SELECT id FROM made
"""


@pytest.mark.timeout(120)
def test_what_a_dying_worker_leaves_of_a_deleted_account_another_erases(installation: Installation) -> None:
    installation.start_api()
    account = installation.rows(FILLED_ACCOUNT, ROWS)[0]["id"]
    installation.rows("UPDATE api_keys SET account_id = NULL RETURNING id")  # the installation's is a platform key now
    installation.call("DELETE", f"/v1/accounts/acct_{account.hex}")
    doomed = installation.start_worker(FAILPOINT="after_erase:2")
    assert eventually(doomed.process.poll, "the worker dies") == -signal.SIGKILL
    left = sum(_left(installation, account).values())
    assert 0 < left < 2 * ROWS
    survivor = installation.start_worker()
    eventually(lambda: not any(_left(installation, account).values()), "its rows are gone", seconds=60)
    # as if the minute were over in which the account itself stays
    installation.rows(
        "UPDATE accounts SET deleted_at = deleted_at - interval '1 minute', erase_at = flux_now() WHERE id = $1",
        account,
    )
    eventually(lambda: survivor.logged("account.erased"), "the account is erased")
    assert installation.rows("SELECT FROM accounts WHERE id = $1", account) == []


def _left(installation: Installation, account: object) -> dict[str, int]:
    return {
        table: installation.rows(f"SELECT count(*) FROM {table} WHERE account_id = $1", account)[0]["count"]  # noqa: S608
        for table in TABLES
    }
