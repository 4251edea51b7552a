"""The queue joins what is enqueued into messages that read well, and hands them over when the broker is unavailable."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import fakeredis
import pytest
import redis
from celery import Celery

from config.celeryconfig import celery_settings
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from flux_dispatch.engine.flow.batcher import Linger
from tests.support.waiting import eventually, wait_seconds
from workers.celery_queue import (
    BULK_FROM,
    BULK_MESSAGE_SIZE,
    MAX_IN_CONTROL,
    MESSAGE_SIZE,
    CeleryQueue,
    QueueMessage,
    _messages,
)


@pytest.fixture
def broker() -> Iterator[str]:
    """A Redis in this process, good enough to publish to."""
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{server.server_address[1]}/0"
    server.shutdown()
    server.server_close()


def app_on(url: str) -> Celery:
    app = Celery("queue")
    app.config_from_object(celery_settings(url))
    return app


OURS, OTHER = AccountId("acct_1"), AccountId("acct_2")


def ids(count: int) -> list[DeliveryId]:
    return [DeliveryId(f"dlv_{n:032x}") for n in range(count)]


def of(account: AccountId, count: int) -> list[tuple[AccountId, DeliveryId]]:
    return [(account, each) for each in ids(count)]


def sent(url: str, queue: str) -> list[dict[str, Any]]:
    """Return the messages of a queue, oldest first, each with its arguments decoded."""
    with redis.Redis.from_url(url) as client:
        raw = [json.loads(each) for each in reversed(client.lrange(queue, 0, -1))]
    bodies = [json.loads(base64.b64decode(each["body"])) for each in raw]
    return [each | {"args": args, "kwargs": kwargs} for each, (args, kwargs, _) in zip(raw, bodies, strict=True)]


def test_first_attempts_and_retries_go_to_their_own_queues(broker: str) -> None:
    queue = CeleryQueue(app_on(broker))
    queue.enqueue_deliveries([*of(OURS, 2), *of(OTHER, 1)], attempt=1, countdown_seconds=0)
    queue.enqueue_deliveries(of(OURS, 1), attempt=4, countdown_seconds=20)
    queue.enqueue_deliveries([*of(OURS, BULK_FROM), *of(OTHER, 1)], attempt=1, countdown_seconds=0)
    queue.enqueue_failures(ids(2))
    queue.enqueue_alerts([AlertId("alrt_1")])
    queue.close()
    few, (retry,), control = sent(broker, "deliver"), sent(broker, "retry"), sent(broker, "control")
    assert [each for message in few for each in message["args"][0]] == [*ids(2), *ids(1), *ids(1)]
    runs = [tuple(run) for message in few for run in message["kwargs"]["accounts"]]
    assert runs in ([(OURS, 2), (OTHER, 2)], [(OURS, 2), (OTHER, 1), (OTHER, 1)])  # in one message or in two
    (bulk,) = sent(broker, "bulk")
    assert (bulk["args"], bulk["kwargs"]) == ([ids(BULK_FROM)], {"attempt": 1, "accounts": [[OURS, BULK_FROM]]})
    assert retry["kwargs"] == {"attempt": 4, "accounts": [[OURS, 1]]}
    first = few[0]
    assert first["headers"]["task"] == "flux.deliver"
    assert first["headers"]["argsrepr"] in {f"{n} deliveries, attempt 1: {ids(1)[0]}…" for n in (3, 4)}
    assert first["headers"]["eta"] is None
    assert retry["headers"]["argsrepr"] == f"1 delivery, attempt 4: {ids(1)[0]}"
    assert retry["headers"]["eta"] is not None
    assert [each["headers"]["task"] for each in control] == ["flux.fail", "flux.alert"]


def test_messages_that_wait_share_messages_of_bounded_size() -> None:
    many = ids(2 * MESSAGE_SIZE + 50)
    now = [QueueMessage("flux.deliver", "deliver", (each,), ((OURS, OTHER)[n % 2],), 1) for n, each in enumerate(many)]
    later = QueueMessage("flux.deliver", "retry", tuple(ids(5)), (OURS,) * 5, 2, run_at=99.0)
    bulk = QueueMessage("flux.deliver", "bulk", tuple(ids(BULK_MESSAGE_SIZE)), (OURS,) * BULK_MESSAGE_SIZE, 1, OURS)
    messages = _messages([*now, later, bulk])
    assert [len(each.ids) for each in messages] == [MESSAGE_SIZE, MESSAGE_SIZE, 50, 5, BULK_MESSAGE_SIZE]
    assert [each for message in messages[:3] for each in message.ids] == many
    assert [each for message in messages[:3] for each in message.accounts] == [OURS, OTHER] * (len(many) // 2)
    assert messages[3:] == [later, bulk]


def test_messages_that_come_during_the_pause_share_a_message(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.outgoing.LINGER", Linger(60, 0, 60))
    queue = CeleryQueue(app_on(broker))
    queue.enqueue_deliveries(of(OURS, 1), attempt=1, countdown_seconds=0)
    eventually(lambda: not queue._outgoing, "the queue has taken it, and then pauses until it is closed")
    for each in ids(20):
        queue.enqueue_deliveries([(OURS, each)], attempt=1, countdown_seconds=0)
    queue.close()
    assert [each["args"] for each in sent(broker, "deliver")] == [[ids(1)], [ids(20)]]


def test_nothing_is_sent_for_nothing(broker: str) -> None:
    queue = CeleryQueue(app_on(broker))
    queue.enqueue_deliveries([], attempt=1, countdown_seconds=0)
    queue.enqueue_failures([])
    queue.close()
    assert sent(broker, "deliver") == sent(broker, "control") == []


async def test_waiting_messages_are_counted(broker: str) -> None:
    queue = CeleryQueue(app_on(broker))
    assert await queue.depth(retries=False) == 0
    for _ in range(3):
        queue.enqueue_deliveries(of(OURS, 1), attempt=1, countdown_seconds=0)
        eventually(lambda: not queue._outgoing, "the queue has taken it")
    queue.close()
    assert await queue.depth(retries=False) == len(sent(broker, "deliver"))
    assert queue.is_reachable()


async def test_without_a_broker_messages_are_handed_over_and_the_queue_rests() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        app = app_on(f"redis://127.0.0.1:{taken.getsockname()[1]}/0")
        handed_over: list[QueueMessage] = []
        queue = CeleryQueue(app, fallback=handed_over.append)
        queue.enqueue_deliveries(of(OURS, 2), attempt=1, countdown_seconds=0)
        queue.enqueue_failures(ids(1))
        eventually(lambda: len(handed_over) == 2, "both messages are handed over")
        assert await queue.depth(retries=False) == 0
        assert not queue.is_reachable()
        queue.close()
    assert {message.task: message.ids for message in handed_over} == {
        "flux.deliver": tuple(ids(2)),
        "flux.fail": tuple(ids(1)),
    }


class Failing(Celery):
    """An app whose first sends fail as only a mistake in a library does, or take their time."""

    failures = 0
    seconds = 0.0

    def send_task(self, *args: Any, **options: Any) -> Any:
        if self.seconds:
            wait_seconds(self.seconds)
        if self.failures:
            self.failures -= 1
            raise AttributeError("'NoneType' object has no attribute 'send_packed_command'")
        return super().send_task(*args, **options)


@pytest.fixture
def failing(broker: str, monkeypatch: pytest.MonkeyPatch) -> Failing:
    monkeypatch.setattr("workers.celery_queue.BROKER_COOLDOWN_SECONDS", 0)
    app = Failing("queue")
    app.config_from_object(celery_settings(broker))
    return app


def test_an_error_that_nobody_expects_ends_no_thread(failing: Failing, broker: str) -> None:
    failing.failures = 1
    handed_over: list[QueueMessage] = []
    queue = CeleryQueue(failing, fallback=handed_over.append)
    queue.enqueue_deliveries(of(OURS, 1), attempt=1, countdown_seconds=0)
    eventually(lambda: handed_over, "the first message is handed over")
    queue.enqueue_deliveries(of(OURS, 2), attempt=1, countdown_seconds=0)
    queue.close()
    assert [each["args"] for each in sent(broker, "deliver")] == [[ids(2)]]
    assert len(handed_over) == 1


def test_a_fallback_that_fails_ends_no_thread(failing: Failing, broker: str) -> None:
    failing.failures = 1
    fell = threading.Event()

    def fall(_: QueueMessage) -> None:
        fell.set()
        raise RuntimeError("Event loop is closed")

    queue = CeleryQueue(failing, fallback=fall)
    queue.enqueue_deliveries(of(OURS, 1), attempt=1, countdown_seconds=0)
    assert fell.wait(10)
    queue.enqueue_deliveries(of(OURS, 2), attempt=1, countdown_seconds=0)
    queue.close()
    assert [each["args"] for each in sent(broker, "deliver")] == [[ids(2)]]


def test_a_broker_that_is_slow_is_as_good_as_away(
    failing: Failing, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.celery_queue.BROKER_COOLDOWN_SECONDS", 60)
    monkeypatch.setattr("workers.celery_queue.SLOW_SECONDS", 0.05)
    failing.seconds = 0.1
    handed_over: list[QueueMessage] = []
    queue = CeleryQueue(failing, fallback=handed_over.append)
    queue.enqueue_deliveries(of(OURS, 1), attempt=1, countdown_seconds=0)
    eventually(lambda: sent(broker, "deliver"), "the first is sent")
    queue.enqueue_deliveries(of(OURS, 2), attempt=1, countdown_seconds=0)
    eventually(queue._is_cooling_down, "after the second it rests")
    queue.enqueue_deliveries(of(OURS, 3), attempt=1, countdown_seconds=0)
    eventually(lambda: handed_over, "what comes meanwhile is handed over")
    queue.close()
    assert [each["args"] for each in sent(broker, "deliver")] == [[ids(1)], [ids(2)]]


def test_what_waits_for_the_thread_is_bounded(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.outgoing.MAX_WAITING", 10)
    monkeypatch.setattr("workers.outgoing.LINGER", Linger(60, 0, 60))
    handed_over: list[QueueMessage] = []
    queue = CeleryQueue(failing, fallback=handed_over.append)
    queue.enqueue_deliveries(of(OURS, 1), attempt=1, countdown_seconds=0)
    eventually(lambda: not queue._outgoing, "the queue has taken it, and then pauses until it is closed")
    for each in ids(25):
        queue.enqueue_deliveries([(OURS, each)], attempt=1, countdown_seconds=0)
    assert len(queue._outgoing) == 10
    assert [each.ids[0] for each in handed_over] == ids(15)
    queue.close()


def test_retries_due_within_one_step_share_a_message_that_is_not_early(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.outgoing.LINGER", Linger(60, 0, 60))
    queue = CeleryQueue(app_on(broker))
    queue.enqueue_deliveries(of(OURS, 1), attempt=1, countdown_seconds=0)
    eventually(lambda: not queue._outgoing, "the queue has taken it, and then pauses until it is closed")
    began = datetime.now(UTC)
    for each in ids(100):
        queue.enqueue_deliveries([(OURS, each)], attempt=2, countdown_seconds=20)
    queue.close()
    messages = sent(broker, "retry")
    assert len(messages) < 10
    assert sum(len(each["args"][0]) for each in messages) == 100
    assert all(datetime.fromisoformat(each["headers"]["eta"]) > began + timedelta(seconds=20) for each in messages)


def test_a_control_queue_that_nobody_works_on_is_not_fed(broker: str) -> None:
    queue = CeleryQueue(app_on(broker))
    for number in range(MAX_IN_CONTROL):
        queue._publish(QueueMessage("flux.fail", "control", (f"dlv_{number}",)))
    queue.enqueue_failures(ids(1))
    queue.enqueue_alerts([AlertId("alrt_1")])
    queue.enqueue_deliveries(of(OURS, 1), attempt=1, countdown_seconds=0)
    queue.close()
    assert len(sent(broker, "control")) == MAX_IN_CONTROL
    assert len(sent(broker, "deliver")) == 1


@pytest.mark.parametrize(
    ("refuse", "allow"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
        ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
        ("SET deliver wrong", "DEL deliver"),
    ],
)
def test_it_says_that_a_broker_which_refuses_does_not_answer(redis_url: str, refuse: str, allow: str) -> None:
    queue = CeleryQueue(app_on(redis_url))
    with redis.Redis.from_url(redis_url) as client:
        assert queue.is_reachable()
        client.execute_command(*refuse.split())
        try:
            assert not queue.is_reachable()
        finally:
            client.execute_command(*allow.split())
        assert queue.is_reachable()
        assert client.keys("flux*") == []
    queue.close()
