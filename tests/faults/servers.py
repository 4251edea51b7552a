"""The servers of a fault: a Redis and a PostgreSQL that can be killed and frozen, and what they note by themselves."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import redis

from flux_dispatch.cli.embedded import EmbeddedPostgres, ServerUnavailable, free_port, redis_command
from flux_dispatch.domain.delivery import OPEN, TRANSITIONS, State, Transition
from flux_dispatch.store.connect import open_database
from flux_dispatch.store.migrate import migrate
from tests.support.waiting import eventually


class Broker:
    """A Redis server that a fault may do anything to."""

    def __init__(self, directory: Path) -> None:
        self._command = redis_command(directory, free_port())
        self.url = self._command.url
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        self._process = subprocess.Popen(self._command.arguments, stdout=subprocess.DEVNULL)
        eventually(self._answers, "Redis answers")

    def refresh(self) -> None:
        """Have it answer, and hold nothing, whatever a fault that broke off left behind."""
        self.thaw()
        if self._process.poll() is not None:
            self.start()
        self.do("REPLICAOF", "NO", "ONE")
        self.do("CONFIG", "SET", "maxmemory", "0")
        self.do("FLUSHALL")

    def kill(self) -> None:
        """End it as a power cut would; it keeps nothing."""
        self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        """Have it keep its connections and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it for good."""
        self.thaw()
        self._process.terminate()
        self._process.wait(10)

    def do(self, *command: str) -> object:
        """Send one command."""
        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]

    def _answers(self) -> bool:
        try:
            return bool(self.do("PING"))
        except redis.RedisError:
            return False


class Database:
    """A PostgreSQL server that a fault may do anything to."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server = EmbeddedPostgres(directory)
        self.url = self._server.start()

    def fresh(self, name: str) -> str:
        """Return the URL of a new database with the newest schema."""
        url = self.url.replace("/postgres?", f"/{name}?")
        asyncio.run(_create(self.url, name, url))
        return url

    def restart_immediately(self) -> None:
        """Stop it without a checkpoint (`pg_ctl -m immediate`), then start it: it recovers from its log."""
        self.kill()
        self.revive()

    def kill(self) -> None:
        """Stop it without a checkpoint."""
        os.kill(self._server.pid, signal.SIGQUIT)
        eventually(lambda: not self._server.is_running(), "PostgreSQL is down")

    def revive(self) -> None:
        """Start it after that."""
        eventually(self._restarts, "PostgreSQL is up again", 60)

    def stop(self) -> None:
        """End it for good."""
        self._server.stop()

    def _restarts(self) -> bool:
        """Say whether it is up; a busy machine may need longer for a recovery than one start waits for it."""
        try:
            self._server.restart()
        except ServerUnavailable:
            return False
        return True


@contextmanager
def servers(directory: Path) -> Iterator[tuple[Broker, Database]]:
    """Start PostgreSQL and Redis for any number of faults."""
    broker, database = Broker(directory / "redis"), Database(directory / "postgres")
    try:
        yield broker, database
    finally:
        broker.stop()
        database.stop()


async def _create(server_url: str, name: str, url: str) -> None:
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    engine = open_database(url)
    await migrate(engine)
    await engine.dispose()
    connection = await asyncpg.connect(url)
    await connection.execute(TRANSITION_GUARD)
    await connection.execute(HEALTH_RECORD)
    await connection.close()


def _in_sql(words: list[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{word}'" for word in words) + "]"


_FINAL = _in_sql([state for state in State if state not in OPEN])
_MOVES = _in_sql([f"{was} {became}" for (was, _), became in TRANSITIONS.items()])
_RECOVERIES = _in_sql([f"{was} {became}" for (was, move), became in TRANSITIONS.items() if move is Transition.RECOVER])

TRANSITION_GUARD = f"""
    CREATE TABLE illegal_transitions (delivery_id uuid, was text, became text);
    CREATE FUNCTION note_illegal_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO illegal_transitions VALUES (OLD.id, OLD.state, NEW.state);
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER transition_guard AFTER UPDATE ON deliveries FOR EACH ROW
    WHEN (
        OLD.state = ANY({_FINAL}) AND OLD.* IS DISTINCT FROM NEW.*
            AND (OLD.state || ' ' || NEW.state <> ALL ({_RECOVERIES}) OR NEW.recovered_after <> OLD.attempts)
        OR OLD.state <> NEW.state AND OLD.state || ' ' || NEW.state <> ALL ({_MOVES})
    )
    EXECUTE FUNCTION note_illegal_move();
"""  # noqa: S608 - only names of our own enums are written into it
"""Notes what may never happen: a move that the table of states does not have, or any change of what is final but a
recovery."""

HEALTH_RECORD = """
    CREATE TABLE health_changes (webhook_id uuid, health text);
    CREATE FUNCTION note_health_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO health_changes VALUES (NEW.webhook_id, NEW.health);
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER health_begins AFTER INSERT ON webhook_health FOR EACH ROW
    WHEN (NEW.health IN ('failing', 'recovered', 'disabled')) EXECUTE FUNCTION note_health_change();
    CREATE TRIGGER health_changes AFTER UPDATE ON webhook_health FOR EACH ROW
    WHEN (NEW.health <> OLD.health AND NEW.health IN ('failing', 'recovered', 'disabled'))
    EXECUTE FUNCTION note_health_change();
"""
"""Notes each change of a webhook that people are to be told of: that it fails, recovers or was disabled."""
