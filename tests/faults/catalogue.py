"""Every fault, what is done for it, and what it may cost at most."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg

from config.settings import Settings
from flux_dispatch.domain.signing import secret_from, verify
from tests.faults.ground import Ground
from tests.receiver import HANG
from tests.system.installation import Part
from tests.waiting import eventually, let_others_run

OUTAGE_SECONDS = 6.0
LEASE_SECONDS = 12.0
"""The delivery time-out of these runs, 2 s, and the margin."""


@dataclass(frozen=True)
class Fault:
    """A fault; `most_doubles` is what its guarantee allows, `is_quick` puts it into `make test`.

    `pause_seconds` between two events is long where a fault must meet one delivery alone.
    """

    name: str
    inflict: Callable[[Ground], None]
    most_doubles: int = 0
    is_quick: bool = False
    pause_seconds: float = 0.01


ALONE = 0.15
MANY = 100
"""Doubles of deliveries that were under way when their worker died; each of them at most once."""


def _two_workers(ground: Ground) -> tuple[Part, Part]:
    return ground.installation.start_worker(), ground.installation.start_worker()


def _worker_dies_at(failpoint: str, count: int) -> Callable[[Ground], None]:
    def inflict(ground: Ground) -> None:
        doomed = ground.installation.start_worker(FAILPOINT=f"{failpoint}:{count}")
        assert doomed.process.wait(60) == -signal.SIGKILL
        ground.installation.start_worker()
        ground.wait_for_arrivals(50)

    return inflict


def _worker_dies_while_sending(ground: Ground) -> None:
    doomed = ground.installation.start_worker()
    calm = ground.receiver.answer

    def strike(_: object) -> int:
        doomed.process.kill()
        ground.receiver.answer = calm
        return 200

    ground.wait_for_arrivals(30)
    ground.receiver.answer = strike
    assert doomed.process.wait(30) == -signal.SIGKILL
    ground.installation.start_worker()
    ground.wait_for_arrivals(50)


def _rolling_restarts(ground: Ground) -> None:
    workers = list(_two_workers(ground))
    for turn in range(20):
        ground.wait_for_arrivals(5)
        old = workers[turn % 2]
        workers[turn % 2] = ground.installation.start_worker()
        assert old.stop() == 0
    failed = ground.installation.rows("SELECT FROM attempts WHERE status IS DISTINCT FROM 200 AND status <> 500")
    assert not failed, "a restart spent an attempt"


def _worker_frozen_beyond_its_lease(ground: Ground) -> None:
    frozen, _ = _two_workers(ground)
    ground.wait_for_arrivals(30)
    frozen.process.send_signal(signal.SIGSTOP)
    _wait_seconds(LEASE_SECONDS + 6)
    frozen.process.send_signal(signal.SIGCONT)
    ground.wait_for_arrivals(30)


def _api_dies_at(failpoint: str) -> Callable[[Ground], None]:
    def inflict(ground: Ground) -> None:
        _two_workers(ground)
        ground.wait_for_arrivals(20)
        ground.installation.parts[0].stop()
        doomed = ground.installation.start_api(FAILPOINT=f"{failpoint}:20")
        assert doomed.process.wait(30) == -signal.SIGKILL
        ground.installation.start_api()
        ground.wait_for_arrivals(30)

    return inflict


def _redis_is_emptied(ground: Ground) -> None:
    _two_workers(ground)
    for _ in range(5):
        ground.wait_for_arrivals(20)
        ground.broker.do("FLUSHALL")
    ground.wait_for_arrivals(30)


def _redis_restarts_empty(ground: Ground) -> None:
    workers = _two_workers(ground)
    ground.wait_for_arrivals(30)
    ground.broker.kill()
    ground.broker.start()
    ground.wait_for_acknowledged(50)
    eventually(lambda: _consume_again(ground, workers), "workers consume again", 30)


def _consume_again(ground: Ground, workers: tuple[Part, Part]) -> bool:
    assert all(worker.process.poll() is None for worker in workers)
    return (
        ground.broker.do("LLEN", "deliver") == 0
        and ground.installation.rows(
            "SELECT FROM deliveries WHERE state = 'delivered' AND ended_at > now() - interval '1 second'"
        )
        != []
    )


def _redis_is_down(ground: Ground) -> None:
    _two_workers(ground)
    ground.wait_for_arrivals(30)
    ground.broker.kill()
    before = len(ground.publisher.seconds)
    ground.wait_for_arrivals(100)  # while it is still down
    _wait_seconds(OUTAGE_SECONDS)
    _publishing_was_quick(ground, before)
    ground.broker.start()
    ground.wait_for_arrivals(30)


def _redis_is_frozen(ground: Ground) -> None:
    _two_workers(ground)
    ground.wait_for_arrivals(30)
    ground.broker.freeze()
    before = len(ground.publisher.seconds)
    ground.wait_for_acknowledged(100)
    _publishing_was_quick(ground, before)
    _wait_seconds(OUTAGE_SECONDS)
    ground.broker.thaw()
    ground.wait_for_arrivals(30)


def _publishing_was_quick(ground: Ground, before: int) -> None:
    """While the broker is away, 99 of 100 publishers wait at most 300 ms longer than usual."""
    usual = median(ground.publisher.seconds[:before])
    slow = sorted(ground.publisher.seconds[before:])[-1 - len(ground.publisher.seconds[before:]) // 100]
    assert slow - usual < 0.3, f"publishing took {slow:.2f} s, {usual:.3f} s is usual"


def _redis_is_full(ground: Ground) -> None:
    workers = _two_workers(ground)
    ground.wait_for_arrivals(30)
    ground.broker.do("CONFIG", "SET", "maxmemory", "1")
    ground.wait_for_arrivals(50)
    api = ground.installation.parts[0]
    said = api.log.read_text().count("broker.away")
    assert said == 1, f"the API said {said} times that the broker is away"
    ground.broker.do("CONFIG", "SET", "maxmemory", "0")
    ground.wait_for_arrivals(50)
    assert all(worker.process.poll() is None for worker in workers)


def _messages_come_three_times(ground: Ground) -> None:
    _two_workers(ground)
    stop = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < stop:
        ground.wait_for_arrivals(10)
        rows = ground.installation.rows("SELECT id FROM deliveries ORDER BY random() LIMIT 60")
        ring(ground, [f"dlv_{row['id'].hex}" for row in rows])


def ring(ground: Ground, deliveries: list[str]) -> None:
    """Send the same deliveries to workers, in three messages."""
    from celery import Celery

    with Celery("faults", broker=ground.broker.url) as app:
        for _ in range(3):
            app.send_task("flux.deliver", args=[deliveries], queue="deliver")


def _postgres_restarts(ground: Ground) -> None:
    _two_workers(ground)
    ground.wait_for_arrivals(30)
    ground.database.restart_immediately()
    ground.wait_for_arrivals(50)
    strange = set(ground.publisher.refused) - {503}
    assert not strange, f"publishing answered {strange} while the database was down"


def _tables_are_locked(ground: Ground) -> None:
    _two_workers(ground)
    ground.wait_for_arrivals(30)
    ground.installation.rows(
        f"DO $$ BEGIN LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep({OUTAGE_SECONDS}); END $$"
    )
    ground.wait_for_arrivals(50)


def _rows_are_locked_crosswise(ground: Ground) -> None:
    _two_workers(ground)
    ground.wait_for_arrivals(30)
    lock = "PERFORM FROM deliveries ORDER BY random() LIMIT 40 FOR UPDATE; PERFORM pg_sleep(0.1);"
    for _ in range(20):
        with suppress(asyncpg.DeadlockDetectedError):  # this session, too, may be the one that PostgreSQL ends
            ground.installation.rows(f"DO $$ BEGIN {lock * 5} END $$")
    ground.wait_for_arrivals(50)


def _connections_are_exhausted(ground: Ground) -> None:
    _two_workers(ground)
    ground.wait_for_arrivals(30)
    asyncio.run(_hold_all_connections(ground.installation.database_url, OUTAGE_SECONDS))
    ground.wait_for_arrivals(50)
    strange = set(ground.publisher.refused) - {503}
    assert not strange, f"publishing answered {strange} while no connection was free"


async def _hold_all_connections(url: str, seconds: float) -> None:
    held = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            held.append(await asyncpg.connect(url))
        except asyncpg.TooManyConnectionsError:
            await let_others_run()
    for connection in held:
        await connection.close()


def _webhook_changes(ground: Ground) -> None:
    _two_workers(ground)
    ground.wait_for_arrivals(30)
    old, new = ground.publisher.secrets[0], secret_from(bytes(range(24)))
    ground.publisher.secrets = [old, new]
    url = f"{ground.receiver.url}/elsewhere"
    ground.installation.rows("UPDATE webhooks SET url = $1, secrets = ARRAY[$2]", url, new)
    eventually(lambda: len(ground.receiver.at("/elsewhere")) >= 50, "deliveries go to the new URL")
    for request in ground.receiver.at("/elsewhere"):
        verify(request.body, request.headers["flux-signature"], new, now=request.at)


def _a_tenth_of_the_endpoints_hangs(ground: Ground) -> None:
    _two_workers(ground)
    calm = ground.receiver.answer
    ground.receiver.answer = lambda request: HANG if request.path == "/hang" else calm(request)
    for path in [*(f"/hook{number}" for number in range(8)), "/hang"]:
        ground.publisher.secrets.append(ground.installation.webhook(ground.receiver.url + path)["secret"])
    ground.wait_for_acknowledged(100)
    ground.publisher.stop()
    owed = (
        "SELECT FROM deliveries JOIN webhooks ON webhooks.id = webhook_id WHERE wake_at IS NOT NULL AND url NOT LIKE $1"
    )
    eventually(lambda: not ground.installation.rows(owed, "%/hang"), "the others are delivered meanwhile", 10)
    assert not ground.installation.is_drained(), "what hangs was given up before the others were delivered"


_OVERDUE = """
    WITH hook AS (
        SELECT id, account_id FROM webhooks WHERE url LIKE '%/back'
    ), made AS (
        INSERT INTO events (id, account_id, type, created_at, body)
        SELECT id, account_id, 'back.online', now(),
               convert_to(format('{"id":"%s","type":"back.online","created":"","data":{}}', id), 'UTF8')
        FROM (SELECT flux_new_id() AS id, account_id FROM hook, generate_series(1, 10000)) AS n
        RETURNING id
    ), owed AS (
        INSERT INTO deliveries (event_id, webhook_id, account_id, state, attempts, due_at, wake_at)
        SELECT made.id, hook.id, hook.account_id, 'scheduled', 1, now(), now() FROM made, hook
        RETURNING id
    )
    INSERT INTO attempts (delivery_id, number, duration_seconds, ended_at, status) SELECT id, 1, 0, now(), 500 FROM owed
"""


def _an_endpoint_comes_back(ground: Ground) -> None:
    _two_workers(ground)
    ground.publisher.secrets.append(ground.installation.webhook(f"{ground.receiver.url}/back", "back.*")["secret"])
    ground.receiver.work_seconds = lambda request: 0.02 if request.path == "/back" else 0
    ground.wait_for_arrivals(30)
    before = len(ground.publisher.acknowledged)
    ground.installation.rows(_OVERDUE)
    eventually(lambda: len(ground.receiver.at("/back")) >= 10_000, "what was due is delivered", 60)
    places = 2 * Settings().endpoint_concurrency
    assert ground.receiver.most_open["/back"] <= places, f"{ground.receiver.most_open} were open at once"
    meanwhile = list(ground.publisher.acknowledged.values())[before:-50]
    arrived = {request.event for request in ground.receiver.at("/hook")}
    assert set(meanwhile) <= arrived, "the others had to wait for the endpoint that came back"


def _two_clocks_are_an_hour_off(ground: Ground) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    assert library, "this fault needs libfaketime (Debian: apt install faketime)"
    for offset in ("+1h", "-1h"):
        ground.installation.start_worker(
            LD_PRELOAD=str(library), FAKETIME=offset, FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_NO_CACHE="1"
        )
    ground.installation.start_worker()
    ground.wait_for_arrivals(200)


def _poison(ground: Ground) -> None:
    for _ in range(2):
        ground.installation.start_worker(FAILPOINT="before_send:1:poison")
    keeper = _Keeper(ground)
    ground.wait_for_arrivals(20)
    poison = ground.installation.publish("order.completed", kind="poison")
    given_up = "SELECT FROM attempts JOIN deliveries ON id = delivery_id WHERE error = 'worker_lost' AND event_id = $1"
    eventually(
        lambda: keeper.replace_the_dead() or ground.installation.rows(given_up, poison.removeprefix("evt_")),
        "the poison is given up",
        150,
    )
    assert keeper.deaths <= 4, f"it killed {keeper.deaths} workers"
    for part in ground.installation.parts[1:]:
        part.kill()
    ground.installation.start_worker()


class _Keeper:
    """Replaces workers that die, as a supervisor does."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.deaths = 0

    def replace_the_dead(self) -> None:
        alive = [part for part in self._ground.installation.parts[1:] if part.process.poll() is None]
        for _ in range(2 - len(alive)):
            self.deaths += 1
            self._ground.installation.start_worker(FAILPOINT="before_send:1:poison")


def _worker_dies_while_redis_is_empty(ground: Ground) -> None:
    doomed, _ = _two_workers(ground)
    ground.wait_for_arrivals(30)
    ground.broker.do("FLUSHALL")
    doomed.kill()
    ground.installation.start_worker()
    ground.wait_for_arrivals(50)


def _postgres_restarts_while_a_worker_is_frozen(ground: Ground) -> None:
    frozen, _ = _two_workers(ground)
    ground.wait_for_arrivals(30)
    frozen.process.send_signal(signal.SIGSTOP)
    ground.database.restart_immediately()
    _wait_seconds(OUTAGE_SECONDS)
    frozen.process.send_signal(signal.SIGCONT)
    ground.wait_for_arrivals(50)


def _wait_seconds(seconds: float) -> None:
    """Let an outage last: here the passing of time is the fault itself."""
    end = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= end, "time passes", seconds + 5)


FAULTS = [
    Fault("worker killed before the claim", _worker_dies_at("before_claim", 10), pause_seconds=ALONE),
    Fault("worker killed after the claim", _worker_dies_at("after_claim", 10), is_quick=True, pause_seconds=ALONE),
    Fault("worker killed while the request is answered", _worker_dies_while_sending, 1, pause_seconds=ALONE),
    Fault("worker killed before the commit", _worker_dies_at("after_answer", 10), 1, pause_seconds=ALONE),
    Fault("worker killed after the commit", _worker_dies_at("after_commit", 10), pause_seconds=ALONE),
    Fault("worker killed under load", _worker_dies_at("after_answer", 60), most_doubles=MANY, is_quick=True),
    Fault("20 rolling restarts", _rolling_restarts),
    Fault("worker frozen beyond its lease", _worker_frozen_beyond_its_lease, most_doubles=MANY),
    Fault("API killed before the commit", _api_dies_at("before_accept")),
    Fault("API killed after the commit", _api_dies_at("after_accept"), is_quick=True),
    Fault("Redis emptied, five times", _redis_is_emptied, is_quick=True),
    Fault("Redis killed and restarted empty", _redis_restarts_empty, is_quick=True),
    Fault("Redis down", _redis_is_down, is_quick=True),
    Fault("Redis frozen", _redis_is_frozen),
    Fault("Redis full", _redis_is_full),
    Fault("every message three times, in random order", _messages_come_three_times, is_quick=True),
    Fault("PostgreSQL restarted (immediate)", _postgres_restarts, most_doubles=MANY, is_quick=True),
    Fault("a tenth of the endpoints hangs", _a_tenth_of_the_endpoints_hangs),
    Fault("an endpoint back, 10,000 due", _an_endpoint_comes_back),
    Fault("tables locked", _tables_are_locked),
    Fault("rows locked crosswise", _rows_are_locked_crosswise),
    Fault("no connection to PostgreSQL free", _connections_are_exhausted),
    Fault("a webhook's URL and secret changed", _webhook_changes),
    Fault("two clocks an hour off", _two_clocks_are_an_hour_off),
    Fault("a delivery that kills its worker", _poison, most_doubles=MANY),
    Fault("worker killed while Redis is emptied", _worker_dies_while_redis_is_empty, most_doubles=MANY),
    Fault("PostgreSQL restarted, a worker frozen", _postgres_restarts_while_a_worker_is_frozen, most_doubles=MANY),
]
