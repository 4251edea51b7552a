"""Each shop of the examples is run as written, as whoever reads them would: its order arrives, verified."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from flux_webhooks import verify

from tests.support.installation import Installation
from tests.support.receiver import Receiver
from tests.support.tree import ROOT, read
from tests.support.waiting import eventually

COMMANDS = re.findall(r"(?m)`\.venv/bin/python (examples/\S+) (\d+) (\S+)`", read("examples/README.md"))
GRANTS = re.findall(r"(?m)^GRANT .+$", read("docs/publishing.md"))


@pytest.fixture
def shop_url(installation: Installation) -> Iterator[str]:
    """The URL of the database for a role that may publish, and keep its own orders in a schema of its own."""
    (name,) = installation.rows("SELECT current_database()")[0]
    role = f"shop_{name}"
    for statement in (f"CREATE ROLE {role} LOGIN", f"CREATE SCHEMA AUTHORIZATION {role}"):
        installation.rows(statement)
    assert len(GRANTS) == 1
    installation.rows(GRANTS[0].replace("TO shop", f"TO {role}"))
    user = urlsplit(installation.database_url).username
    yield installation.database_url.replace(f"//{user}", f"//{role}", 1)
    installation.rows(f"DROP OWNED BY {role}")
    installation.rows(f"DROP ROLE {role}")


def test_every_example_is_run() -> None:
    assert sorted(path for path, _, _ in COMMANDS) == sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.py")
    )


@pytest.mark.parametrize(("program", "order", "total"), COMMANDS)
def test_an_order_that_is_completed_arrives(
    installation: Installation, shop_url: str, program: str, order: str, total: str
) -> None:
    with Receiver() as receiver:
        installation.start_api()
        installation.start_worker()
        secret = installation.webhook(receiver.url, "order.*")["secret"]
        (row,) = installation.rows("SELECT id FROM accounts")
        given = os.environ | {
            "FLUX_API_URL": installation.api_url,
            "FLUX_API_KEY": installation.key,
            "ACCOUNT": f"acct_{row['id'].hex}",
            "BROKER_URL": installation.redis_url,
            "DATABASE_URL": shop_url,
        }
        run = subprocess.run(
            [sys.executable, ROOT / program, order, total], env=given, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        (arrived,) = eventually(lambda: receiver.requests, "it arrives")
        event = verify(arrived.body, arrived.headers["flux-signature"], secret)
        assert (event["type"], event["data"]) == ("order.completed", {"order": int(order), "total": total})
        eventually(installation.is_drained, "it is delivered")
        assert installation.event(event["id"])["status"] == "delivered"
