"""The schema that the migrations make is the one that the code believes in."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.alerts import AlertQueries
from flux_dispatch.store.api_keys import ApiKeyStore
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.deliveries import DeliveryQueries
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.migrate import _config, migrate
from flux_dispatch.store.pages import Page
from flux_dispatch.store.schema_version import Schema, _versions, check_current, newest_version, schema_of
from flux_dispatch.store.tables import metadata
from flux_dispatch.store.webhooks import WebhookQueries, WebhookStore
from tests.conftest import with_database
from tests.support.store_harness import SEALS, SECRET, TIMING, StoreHarness, event
from tests.support.waiting import eventually_async


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": False})
    return list(compare_metadata(context, metadata))


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
async def test_the_migrations_make_the_tables_that_the_code_names(database: AsyncEngine) -> None:
    async with database.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_migrating_twice_and_at_once_changes_nothing(database: AsyncEngine) -> None:
    await asyncio.gather(migrate(database), migrate(database))
    assert await schema_of(database) is Schema.CURRENT


async def test_new_ids_are_uuid7_and_sort_by_time(database: AsyncEngine) -> None:
    async with database.connect() as connection:
        made = (await connection.execute(text("SELECT flux_new_id() FROM generate_series(1, 50)"))).scalars().all()
    assert all(
        isinstance(each, UUID) and each.version == 7 and each.variant == "specified in RFC 4122" for each in made
    )
    stamps = [datetime.fromtimestamp((each.int >> 80) / 1000, UTC) for each in made]
    assert stamps == sorted(stamps)
    assert abs(stamps[0] - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_older_schema_is_refused_and_a_newer_one_is_worked_with(
    database: AsyncEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    world = StoreHarness(database)
    await world.do("UPDATE alembic_version SET version_num = '9999'")
    await check_current(database)
    assert "database.schema_newer" in capsys.readouterr().out
    assert await migrate(database) is Schema.NEWER
    assert await world.scalar("SELECT version_num FROM alembic_version") == "9999"
    await world.do("DELETE FROM alembic_version")
    with pytest.raises(Unavailable, match="`flux migrate`"):
        await check_current(database)
    await world.do("INSERT INTO alembic_version VALUES ('1975ea83b712')")
    for verb in (check_current, migrate):
        with pytest.raises(Unavailable, match="another application"):
            await verb(database)


async def test_every_revision_has_the_name_by_which_a_later_release_is_known() -> None:
    scripts = ScriptDirectory.from_config(_config())
    assert newest_version() == scripts.get_current_head()
    assert _versions() == {each.revision for each in scripts.walk_revisions()}
    assert all(re.fullmatch(r"\d{4}", each) for each in _versions())


async def test_this_release_works_on_while_the_next_one_s_columns_come_and_go(database: AsyncEngine) -> None:
    """Under load, with sessions that have prepared every statement before: a rolling upgrade, and its way back."""
    world = StoreHarness(database)
    head = await world.scalar("SELECT version_num FROM alembic_version")
    life = await _life(world)
    rounds: list[None] = []
    is_over = asyncio.Event()

    async def work() -> None:
        while not is_over.is_set():
            await life()
            rounds.append(None)

    working = [asyncio.create_task(work()) for _ in range(4)]
    for change, revision in (("ADD COLUMN next_release text", "9999"), ("DROP COLUMN next_release", head)):
        for table in ("webhooks", "events", "deliveries", "attempts", "alerts", "api_keys"):
            await _until_more(rounds, working)
            await world.do(f"ALTER TABLE {table} {change}")
        await world.do("UPDATE alembic_version SET version_num = :revision", revision=revision)
        await check_current(database)
    await _until_more(rounds, working)
    is_over.set()
    await asyncio.gather(*working)


async def _until_more(rounds: list[None], working: list["asyncio.Task[None]"]) -> None:
    goal = len(rounds) + 20

    async def are_done() -> bool:
        return len(rounds) > goal or any(each.done() for each in working)

    await eventually_async(are_done, "work goes on")


async def _life(world: StoreHarness) -> Callable[[], Awaitable[None]]:
    """Return what publishes an event, claims its delivery, and reads every list."""
    account = await world.account()
    webhook = await world.webhook(account, "*")
    keys, deliveries = ApiKeyStore(world.database), DeliveryStore(world.database, TIMING, SEALS)
    listed = DeliveryQueries(world.database)
    page = Page(limit=10)

    async def live() -> None:
        (stored,) = await world.publish(event(account))
        assert await deliveries.claim(stored.deliveries)
        await WebhookQueries(world.database, SEALS).get(account, webhook)
        await asyncio.gather(EventQueries(world.database).page(account, page, {}), listed.page(account, page, {}))
        await asyncio.gather(
            listed.attempts(stored.deliveries[0]), AlertQueries(world.database).page(account, page, {})
        )
        await keys.list_all()

    return live


async def test_an_installation_without_sealing_is_migrated_while_its_release_works_on(
    postgres: str, database: AsyncEngine
) -> None:
    await StoreHarness(database).do("CREATE DATABASE older")
    try:
        older = open_database(with_database(postgres, "older"))
        await _upgrade_to(older, "0001")
        world = StoreHarness(older)
        account = await world.account()
        webhook = await world.webhook(account, "*")
        assert await migrate(older) is Schema.OLDER
        assert await world.scalar("SELECT keeps_plain FROM sealing")
        (stored,) = await world.publish(event(account))
        lease = await DeliveryStore(older, TIMING, SEALS).claim(stored.deliveries)
        assert lease
        assert lease.claims[0].secrets == (SECRET,)
        store = WebhookStore(older, SEALS)
        await store.rotate_secret(account, webhook, "whsec_new", timedelta(hours=1))
        assert await world.scalar("SELECT secrets FROM webhooks") == ["whsec_new", SECRET], "it signs with both"
        # as the release before creates and deletes them
        await world.webhook(account, "order.*")
        await world.do("UPDATE webhooks SET deleted_at = flux_now() WHERE events = '{order.*}'")
        await older.dispose()
    finally:
        await StoreHarness(database).do("DROP DATABASE older WITH (FORCE)")


async def test_a_new_installation_never_stores_plain_text(database: AsyncEngine) -> None:
    assert await StoreHarness(database).scalar("SELECT keeps_plain FROM sealing") is False


async def _upgrade_to(database: AsyncEngine, revision: str) -> None:
    def upgrade(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with database.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        await connection.run_sync(upgrade)


async def test_a_role_that_may_not_create_is_told_what_to_grant(postgres: str, database: AsyncEngine) -> None:
    """As every role of PostgreSQL 15 and later that does not own its database."""
    world = StoreHarness(database)
    await world.do('CREATE ROLE "flux app" LOGIN')
    await world.do("CREATE DATABASE empty_one")
    try:
        url = with_database(postgres, "empty_one").replace("postgres:@", "flux%20app@")
        limited = open_database(url)
        with pytest.raises(Unavailable, match='GRANT USAGE, CREATE ON SCHEMA public TO "flux app";') as caught:
            await migrate(limited)
        assert "\n" not in str(caught.value)
        await limited.dispose()
        owner = open_database(with_database(postgres, "empty_one"))
        await StoreHarness(owner).do('GRANT USAGE, CREATE ON SCHEMA public TO "flux app"')
        await owner.dispose()
        allowed = open_database(url)
        assert await migrate(allowed) is Schema.MISSING
        await allowed.dispose()
    finally:
        await world.do("DROP DATABASE empty_one WITH (FORCE)")
        await world.do('DROP ROLE "flux app"')


async def test_a_role_that_may_not_read_the_schema_is_told_so(database: AsyncEngine, database_url: str) -> None:
    world = StoreHarness(database)
    await world.do("CREATE ROLE flux_reader LOGIN")
    try:
        other = open_database(database_url.replace("postgres:@", "flux_reader@"))
        with pytest.raises(Unavailable, match=r"permission denied for table alembic_version\. Use the role"):
            await check_current(other)
        await other.dispose()
    finally:
        await world.do("DROP ROLE flux_reader")


async def test_a_read_only_server_is_named_as_such(database: AsyncEngine, database_url: str) -> None:
    reading = open_database(database_url + "&options=-c%20default_transaction_read_only%3Don")
    await StoreHarness(database).do("DELETE FROM alembic_version")
    with pytest.raises(Unavailable, match="give the primary"):
        await migrate(reading)
    await reading.dispose()
