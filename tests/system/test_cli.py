"""The `flux` command as a process: what it prints, where, and its exit status."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from config.settings import load_settings
from flux_dispatch import __version__
from tests.conftest import _execute
from tests.support.api import ENCRYPTION_KEY

KEY = {"FLUX_ENCRYPTION_KEYS": ENCRYPTION_KEY}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def flux(tmp_path: Path) -> Run:
    """Run a command that ends by itself, in a home without anything."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        rest = {name: value for name, value in os.environ.items() if not name.startswith("FLUX_")}
        return subprocess.run(
            [sys.executable, "-m", "flux_dispatch.cli.main", *arguments],
            env=rest | {"FLUX_HOME": str(tmp_path)} | settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_help_lists_the_commands(flux: Run) -> None:
    shown = flux("--help")
    assert shown.returncode == 0
    for command in ("up", "api", "worker", "flower", "migrate", "keys"):
        assert re.search(rf"^\s+{command}\s+\w", shown.stdout, re.MULTILINE), command


def test_version(flux: Run) -> None:
    assert flux("--version").stdout == f"flux {__version__}\n"


def test_help_loads_none_of_the_big_libraries() -> None:
    program = "import sys; import flux_dispatch.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlalchemy", "celery", "aiohttp", "asyncpg", "alembic", "redis", "pydantic"} & set(loaded)


@pytest.mark.parametrize(
    "arguments",
    [
        ("launch",),
        ("up", "--prot", "8080"),
        ("up", "--port", "http"),
        ("up", "--port", "70000"),
        ("up", "--workers", "0"),
        ("worker", "-c", "0"),
        ("keys", "revoke"),
    ],
)
def test_a_command_that_is_written_wrong_exits_2(flux: Run, arguments: tuple[str, ...]) -> None:
    refused = flux(*arguments)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert "Usage: " in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (("api",), "FLUX_REDIS_URL"),
        (("worker",), "FLUX_REDIS_URL"),
        (("migrate",), "FLUX_DATABASE_URL"),
        (("keys", "list"), "FLUX_DATABASE_URL"),
        (("flower",), "FLUX_FLOWER_BASIC_AUTH"),
        (("api",), "FLUX_ENCRYPTION_KEYS"),
        (("worker",), "FLUX_ENCRYPTION_KEYS"),
        (("keys", "rotate-encryption"), "FLUX_ENCRYPTION_KEYS"),
    ],
)
def test_a_setting_that_is_needed_is_named(flux: Run, arguments: tuple[str, ...], setting: str) -> None:
    given = {"FLUX_REDIS_URL": "redis://127.0.0.1"} if setting == "FLUX_ENCRYPTION_KEYS" else {}
    refused = flux(*arguments, **given)
    assert refused.returncode == 1
    assert refused.stderr.startswith("flux: ")
    assert setting in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["up", "api", "worker", "flower", "migrate"])
def test_a_misspelt_setting_stops_every_part(flux: Run, command: str) -> None:
    refused = flux(command, FLUX_DATABSE_URL="postgresql://db/flux")
    assert refused.returncode == 1
    assert refused.stderr.startswith("flux: FLUX_DATABSE_URL is not a setting. Did you mean FLUX_DATABASE_URL?")


def test_what_a_command_does_is_told_with_who_ran_it(flux: Run, database_url: str) -> None:
    assert flux("keys", "create", FLUX_DATABASE_URL=database_url, USER="root", LOGNAME="jane").returncode == 0
    told = asyncio.run(_rows(database_url, "SELECT action, actor_kind, actor_name FROM audit_entries ORDER BY id"))
    who = ("command", f"jane@{socket.gethostname()}")
    assert [tuple(each) for each in told] == [("account.created", *who), ("api_key.created", *who)]


async def _rows(url: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


def test_a_key_is_made_listed_and_revoked(flux: Run, database_url: str) -> None:
    made = flux("keys", "create", FLUX_DATABASE_URL=database_url)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert key.startswith("sk_live_")
    account = re.search(r"acct_\w+", made.stderr)
    assert account

    scoped = flux(
        *("keys", "create", "--account", account[0], "--scope", "events:write"), FLUX_DATABASE_URL=database_url
    )
    platform = flux("keys", "create", "--platform", FLUX_DATABASE_URL=database_url)
    assert (scoped.returncode, platform.returncode) == (0, 0), scoped.stderr + platform.stderr

    listed = flux("keys", "list", FLUX_DATABASE_URL=database_url).stdout.splitlines()
    assert [line.count(account[0]) for line in listed] == [1, 1, 0]
    assert "events:write" in listed[1]
    assert "platform" in listed[2]
    assert key not in "".join(listed)

    key_id = listed[0].split()[0]
    assert flux("keys", "revoke", key_id, FLUX_DATABASE_URL=database_url).stdout == f"{key_id} is revoked.\n"
    assert "revoked" in flux("keys", "list", FLUX_DATABASE_URL=database_url).stdout.splitlines()[0]
    again = flux("keys", "revoke", key_id, FLUX_DATABASE_URL=database_url)
    assert again.returncode == 1
    assert again.stderr == f"flux: There is no working key {key_id}. `flux keys list` shows them.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("keys", "create", "--scope", "all"), "all is not a scope. There are: "),
        (("keys", "create", "--platform", "--account", "acct_x"), "give --platform or --account, not both"),
        (("keys", "create", "--account", "acct_" + "0" * 32), "There is no account acct_"),
        (("keys", "create", "--account", "nobody"), "nobody"),
        (("keys", "revoke", "nothing"), "nothing"),
    ],
)
def test_a_key_that_cannot_be_is_refused(flux: Run, database_url: str, arguments: tuple[str, ...], words: str) -> None:
    refused = flux(*arguments, FLUX_DATABASE_URL=database_url)
    assert refused.returncode == 1
    assert words in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert flux("keys", "list", FLUX_DATABASE_URL=database_url).stdout == ""


def test_migrate_may_run_again(flux: Run, database_url: str) -> None:
    for _ in range(2):
        migrated = flux("migrate", FLUX_DATABASE_URL=database_url)
        assert (migrated.returncode, migrated.stdout) == (0, "The schema is up to date.\n"), migrated.stderr


def test_a_queue_that_does_not_exist_is_refused(flux: Run) -> None:
    refused = flux("worker", "-Q", "deliver,retries", FLUX_REDIS_URL="redis://127.0.0.1:1/0")
    assert refused.returncode == 1
    assert refused.stderr.startswith("flux: retries is not a queue. There are: ingest, deliver, bulk, retry, control")


def test_a_database_error_is_one_line(flux: Run, database_url: str) -> None:
    for url, words in {
        f"{database_url}&channel_binding=require": "channel_binding=require cannot be kept",
        f"{database_url}&fast_mode=1": "Leave it out.",
        f"{database_url}&options=-c%20default_transaction_read_only%3Don%20-c%20search_path%3Dnone": "give the primary",
    }.items():
        refused = flux("migrate", FLUX_DATABASE_URL=url)
        assert refused.returncode == 1
        assert refused.stderr.startswith("flux: ")
        assert refused.stderr.count("\n") == 1, refused.stderr
        assert words in refused.stderr


def test_migrate_leaves_the_schema_of_a_later_release_alone(flux: Run, database_url: str) -> None:
    asyncio.run(_execute(database_url, "UPDATE alembic_version SET version_num = '9999'"))
    migrated = flux("migrate", FLUX_DATABASE_URL=database_url)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    assert migrated.stdout.endswith("nothing is to be done.\n")


def test_a_taken_port_is_refused(flux: Run, database_url: str, redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        servers = {"FLUX_DATABASE_URL": database_url, "FLUX_REDIS_URL": redis_url} | KEY
        api = flux("api", FLUX_API_PORT=port, **servers)
        flower = flux("flower", FLUX_FLOWER_PORT=port, FLUX_FLOWER_BASIC_AUTH="flux:sesame", **servers)

    assert (api.returncode, flower.returncode) == (1, 1)
    assert f"127.0.0.1:{port} cannot be used" in api.stderr
    assert "FLUX_API_PORT" in api.stderr
    assert "FLUX_FLOWER_PORT" in flower.stderr


@pytest.mark.parametrize("command", ["api", "worker", "migrate"])
def test_a_database_that_is_away_is_one_line(flux: Run, command: str) -> None:
    servers = {"FLUX_DATABASE_URL": "postgresql://flux:sesame@127.0.0.1:1/flux", "FLUX_REDIS_URL": "redis://127.0.0.1"}
    servers |= KEY
    refused = flux(command, **servers)
    assert refused.returncode == 1
    assert refused.stderr.startswith("flux: PostgreSQL cannot be reached")
    assert len(refused.stderr.splitlines()) == 1
    assert "sesame" not in refused.stderr


def test_a_new_encryption_key_is_one_that_is_taken(flux: Run) -> None:
    keys = {flux("keys", "new-encryption-key").stdout.strip() for _ in range(2)}
    assert len(keys) == 2
    assert len(load_settings({"FLUX_ENCRYPTION_KEYS": ",".join(keys)}).encryption_keys) == 2


def test_what_is_plain_is_sealed_while_others_wait_for_nothing(flux: Run, database_url: str) -> None:
    plain = """
        WITH owner AS (INSERT INTO accounts (name) VALUES ('test') RETURNING id)
        INSERT INTO webhooks (account_id, url, events, description, headers, status, secrets)
        SELECT owner.id, 'https://example.com/', '{*}', '', '{"X-Team": "billing"}', 'enabled', '{whsec_MfKQ9r8G}'
        FROM owner, generate_series(1, 450)
    """
    asyncio.run(_execute(database_url, plain))
    rotated = flux("keys", "rotate-encryption", FLUX_DATABASE_URL=database_url, **KEY)
    assert rotated.returncode == 0, rotated.stderr
    assert rotated.stdout.startswith("450 webhooks and 0 alert channels were sealed under the key ")
    again = flux("keys", "rotate-encryption", FLUX_DATABASE_URL=database_url, **KEY)
    assert again.stdout.startswith("0 webhooks and 0 alert channels were sealed")
    other = flux("keys", "new-encryption-key").stdout.strip()
    lost = flux("keys", "rotate-encryption", FLUX_DATABASE_URL=database_url, FLUX_ENCRYPTION_KEYS=other)
    assert lost.returncode == 1
    assert lost.stderr.startswith("flux: 450 webhooks do not open, wh_")
    assert len(lost.stderr.splitlines()) == 1
