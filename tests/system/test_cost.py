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


def test_who_has_nothing_to_do_asks_the_database_once_a_second_for_all_of_it(installation: Installation) -> None:
    (name,) = installation.rows("SELECT current_database()")
    installation.rows(f"ALTER DATABASE \"{name[0]}\" SET log_statement = 'all'")
    installation.start_api()
    installation.start_worker()
    eventually(lambda: looks(installation) >= 3, "the worker has begun with all that it does")
    statements, seen = count_statements(installation), looks(installation)
    eventually(lambda: looks(installation) >= seen + 6, "six seconds go by", 30)
    # six looks, and what sweeps, watches and expires now and then
    assert count_statements(installation) - statements < 30


def looks(installation: Installation) -> int:
    return log_of(installation).count("SELECT EXISTS (SELECT FROM outbox")


def settled(installation: Installation) -> int:
    return int(installation.rows("SELECT count(*) FROM deliveries WHERE state = 'delivered'")[0]["count"])


def count_statements(installation: Installation) -> int:
    return log_of(installation).count("LOG:  execute ")


def log_of(installation: Installation) -> str:
    (directory,) = parse_qs(urlsplit(installation.database_url).query)["host"]
    return (Path(directory) / "log").read_text()


def count_commands(installation: Installation) -> int:
    with redis.Redis.from_url(installation.redis_url) as client:
        return int(client.info("stats")["total_commands_processed"])
