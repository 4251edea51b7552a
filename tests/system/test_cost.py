"""What a delivery costs in statements and Redis commands: counted, not timed, so it holds on any machine."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import redis

from tests.support.installation import Installation
from tests.support.receiver import Receiver
from tests.support.waiting import eventually

DELIVERIES = 1000
MANY_WEBHOOKS = """
    INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
    SELECT account_id, url, events, description, headers, status, secrets
    FROM webhooks, generate_series(2, 1000)
"""


def test_a_thousand_deliveries_cost_few_statements_and_few_redis_commands(installation: Installation) -> None:
    with Receiver() as receiver:
        (name,) = installation.rows("SELECT current_database()")
        installation.rows(f"ALTER DATABASE \"{name[0]}\" SET log_statement = 'all'")
        installation.start_api()
        installation.start_worker()
        installation.webhook(receiver.url)
        installation.rows(MANY_WEBHOOKS)
        statements, commands = count_statements(installation), count_commands(installation)
        installation.publish()
        eventually(lambda: len(receiver.requests) == DELIVERIES, "all have arrived", 30)
        eventually(lambda: settled(installation) == DELIVERIES, "all are settled")
        statements = count_statements(installation) - statements
        commands = count_commands(installation) - commands
    # 5 messages, 5 claims, some 30 groups of settlements, the sweeper: about 45 statements and 80 commands; the
    # slower a machine, the more groups
    assert statements < DELIVERIES / 8
    assert commands < DELIVERIES / 5


def settled(installation: Installation) -> int:
    return int(installation.rows("SELECT count(*) FROM deliveries WHERE state = 'delivered'")[0]["count"])


def count_statements(installation: Installation) -> int:
    (directory,) = parse_qs(urlsplit(installation.database_url).query)["host"]
    return (Path(directory) / "log").read_text().count("LOG:  execute ")


def count_commands(installation: Installation) -> int:
    with redis.Redis.from_url(installation.redis_url) as client:
        return int(client.info("stats")["total_commands_processed"])
