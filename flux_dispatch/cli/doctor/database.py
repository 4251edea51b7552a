"""The database: whether it answers, which version, its schema, its clock, its keys, and what waits in it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.cli.doctor.finding import Finding, Installation, ok, unknown, warning, wrong
from flux_dispatch.cli.output.times import span
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.sealing.keyring import Keyring
from flux_dispatch.store.connect import Plans, check_database, open_database
from flux_dispatch.store.installation import InstallationQueries
from flux_dispatch.store.operations import OperationsQueries
from flux_dispatch.store.pages import MAX_READ_SECONDS
from flux_dispatch.store.schema_version import Schema, schema_of

DATABASE, SCHEMA, CLOCK, KEYS, OLDEST = "database", "schema", "clock", "encryption keys", "oldest due"
OLDEST_VERSION: Final = 14
CLOCK_TOLERANCE: Final = timedelta(seconds=2)
DUE_FOR_LONG: Final = timedelta(minutes=1)
DUE_FOR_TOO_LONG: Final = timedelta(minutes=10)

_NOT_ASKED: Final = "not asked: the database does not answer"


def check_database_part(installation: Installation) -> Iterator[Finding]:
    """Yield what is to be said of the database."""
    url = installation.settings.database_url
    if not url:
        mend = "Give it as postgresql://user:password@host/db, as the server processes get it; or start `flux up` here."
        yield wrong(DATABASE, "FLUX_DATABASE_URL is not set.", mend)
        return
    yield from asyncio.run(_all(url, installation))


async def _all(url: str, installation: Installation) -> list[Finding]:
    return [each async for each in _findings(url, installation)]


async def _findings(url: str, installation: Installation) -> AsyncIterator[Finding]:
    try:
        await check_database(url)
    except Unavailable as error:
        yield wrong(
            DATABASE, str(error), "Check FLUX_DATABASE_URL, and that PostgreSQL runs and can be reached from here."
        )
        for name in (SCHEMA, CLOCK, KEYS, OLDEST):
            yield unknown(name, _NOT_ASKED)
        return
    database = open_database(url, pool_size=1, plans=Plans.CUSTOM, statement_seconds=MAX_READ_SECONDS)
    try:
        async for each in _asked(database, installation):
            yield each
    finally:
        await database.dispose()


async def _asked(database: AsyncEngine, installation: Installation) -> AsyncIterator[Finding]:
    queries = InstallationQueries(database)
    began = time.monotonic()
    server = await queries.server()
    took = (time.monotonic() - began) * 1000
    yield _version(server.version, f"PostgreSQL {server.version}, {server.megabytes:,} MB, answers in {took:.0f} ms")
    schema = await schema_of(database)
    yield _schema(schema)
    yield _clock(server.now, datetime.now(UTC))
    if schema not in {Schema.CURRENT, Schema.NEWER}:
        yield unknown(KEYS, "not asked: the schema is another one")
        yield unknown(OLDEST, "not asked: the schema is another one")
        return
    yield _keys(installation, await queries.sealing_keys())
    yield await _oldest(database, server.now)


def _version(version: str, said: str) -> Finding:
    if int(version.partition(".")[0]) < OLDEST_VERSION:
        return wrong(DATABASE, f"{said}.", f"Flux Dispatch needs PostgreSQL {OLDEST_VERSION} or later: upgrade it.")
    return ok(DATABASE, said)


def _schema(schema: Schema) -> Finding:
    match schema:
        case Schema.CURRENT:
            return ok(SCHEMA, "that of this release")
        case Schema.NEWER:
            return ok(SCHEMA, "that of a later release, which works with this one")
        case Schema.MISSING:
            return wrong(SCHEMA, "The database is empty.", "Run `flux migrate`.")
        case Schema.OLDER:
            return wrong(SCHEMA, "It is that of an earlier release.", "Run `flux migrate`; it may run beside all else.")
        case Schema.FOREIGN:
            return wrong(SCHEMA, "It is another application's.", "Give Flux Dispatch a database of its own.")


def _clock(there: datetime, here: datetime) -> Finding:
    ahead = here - there
    if abs(ahead) <= CLOCK_TOLERANCE:
        return ok(CLOCK, f"{abs(ahead).total_seconds() * 1000:.0f} ms from the database's")
    way = "ahead of" if ahead > timedelta() else "behind"
    return wrong(
        CLOCK,
        f"This machine's is {span(abs(ahead))} {way} the database's.",
        "Set both by NTP: signatures carry the database's time, and receivers refuse those that are five minutes off.",
    )


def _keys(installation: Installation, used: frozenset[str]) -> Finding:
    keys = installation.settings.encryption_keys
    if not keys:
        mend = "Give the same to every `flux api` and `flux worker`; `flux keys new-encryption-key` makes a first one."
        return wrong(KEYS, "FLUX_ENCRYPTION_KEYS is not set.", mend)
    keyring = Keyring(keys)
    lost = sorted(used - keyring.ids)
    if lost:
        said = f"Secrets in the database are sealed under {', '.join(lost)}, which FLUX_ENCRYPTION_KEYS does not hold."
        return wrong(KEYS, said, "Add that key behind the others; without it those webhooks get nothing.")
    older = used - {keyring.newest_id}
    if older:
        mend = "`flux keys rotate-encryption` seals all under the newest, while all runs."
        return warning(KEYS, f"Some secrets are still sealed under {', '.join(sorted(older))}.", mend)
    return ok(KEYS, f"{len(keys)}; the newest is {keyring.newest_id}")


async def _oldest(database: AsyncEngine, now: datetime) -> Finding:
    try:
        oldest = await OperationsQueries(database).oldest_due()
    except Unavailable:
        return unknown(OLDEST, f"not found within {MAX_READ_SECONDS:g} s: very much is open, or a table is locked")
    waits = now - oldest.due_at if oldest else timedelta()
    if oldest is None or waits < DUE_FOR_LONG:
        return ok(OLDEST, "nothing waits" if oldest is None else f"{span(waits)}")
    said = f"{oldest.delivery} has been due for {span(waits)}."
    mend = "More workers deliver more: `flux worker`. If some run, their log says what holds them up."
    return (wrong if waits >= DUE_FOR_TOO_LONG else warning)(OLDEST, said, mend)
