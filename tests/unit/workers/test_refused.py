"""What is kept of refused messages is bounded, the newest goes first, and a Redis that refuses is said so."""

import json
from collections.abc import Iterator
from datetime import datetime

import pytest
import redis

from workers.refused import KEY, MAX_KEPT, MAX_MESSAGE_LENGTH, keep, kept


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_the_newest_are_kept_and_go_first(client: redis.Redis) -> None:
    for number in range(MAX_KEPT + 3):
        assert keep(client, why=f"reason {number}", message="")
    assert client.llen(KEY) == MAX_KEPT
    reasons = [entry["why"] for entry in kept(client)]
    assert reasons == [f"reason {number}" for number in range(MAX_KEPT + 2, 2, -1)]


@pytest.mark.parametrize("character", ["a", "\U0001f600", "\0", "\ud800", '"'])
def test_a_message_is_kept_up_to_a_length_and_says_when_it_is_cut(client: redis.Redis, character: str) -> None:
    for length in (MAX_MESSAGE_LENGTH, MAX_MESSAGE_LENGTH + 1, 1_000_000):
        assert keep(client, why="It is long.", message=character * length)
    cut, longer, whole = kept(client)
    assert (whole["is_cut"], longer["is_cut"], cut["is_cut"]) == (False, True, True)
    assert {each["message"] for each in (whole, longer, cut)} == {character * MAX_MESSAGE_LENGTH}
    assert max(len(each) for each in client.lrange(KEY, 0, -1)) < 6 * MAX_MESSAGE_LENGTH + 1000


def test_arguments_are_kept_as_json_with_what_is_known_about_them(client: redis.Redis) -> None:
    instant = datetime.fromisoformat("2026-01-02T03:04:05Z")
    about = {"task": "flux.publish", "account": "a" * 300, "event_type": 7, "task_id": None}
    assert keep(client, why="It is bad.", message={"data": {"at": instant}}, **about)
    (entry,) = kept(client)
    assert datetime.fromisoformat(entry.pop("at")).tzinfo is not None
    assert json.loads(entry.pop("message")) == {"data": {"at": str(instant)}}
    expected = {"task": "flux.publish", "account": "a" * 255, "event_type": "7"}
    assert entry == expected | {"why": "It is bad.", "is_cut": False}


@pytest.mark.parametrize(("refuse", "allow"), [(("maxmemory", "1"), "0"), (("min-replicas-to-write", "1"), "0")])
def test_a_redis_that_refuses_is_said_so(client: redis.Redis, refuse: tuple[str, str], allow: str) -> None:
    client.config_set(*refuse)
    try:
        assert not keep(client, why="It is bad.", message="")
    finally:
        client.config_set(refuse[0], allow)
    assert list(kept(client)) == []
    client.set(KEY, "of another type")
    assert not keep(client, why="It is bad.", message="")
