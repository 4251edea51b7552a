"""A process that finds no port for its metrics says so in one line, with what to do, and goes on."""

import socket
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from flux_dispatch.cli.embedded import free_port
from workers.metrics import server
from workers.metrics.exporter import Exporter
from workers.metrics.server import Metrics, served


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


async def test_where_every_port_is_taken_it_goes_on_without(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "NEXT_PORTS", 1)
    with capture_logs() as said:
        async with served(Metrics(Exporter([]), None), "127.0.0.1", taken):
            pass
    (line,) = said
    assert (line["event"], line["log_level"]) == ("metrics.not_served", "warning")
    assert str(taken) in line["error"]
    assert "FLUX_METRICS_PORT" in line["mend"]


async def test_the_next_port_is_taken_instead(taken: int) -> None:
    with capture_logs() as said:
        async with served(Metrics(Exporter([]), None), "127.0.0.1", taken):
            pass
    (line,) = said
    assert line["event"] == "metrics.listening"
    assert str(taken) not in line["url"]


async def test_next_ports_that_other_parts_are_to_have_are_left_to_them(taken: int) -> None:
    with capture_logs() as said:
        async with served(Metrics(Exporter([]), None), "127.0.0.1", taken, own_port=taken + 1, kept_free=(taken + 2,)):
            pass
    (line,) = said
    assert line["event"] == "metrics.listening"
    assert not [each for each in (taken, taken + 1, taken + 2) if str(each) in line["url"]]


async def test_the_port_that_is_set_is_taken_unless_it_is_this_processs_own() -> None:
    port = free_port()
    for own, is_taken in ((None, True), (port, False)):
        with capture_logs() as said:
            async with served(Metrics(Exporter([]), None), "127.0.0.1", port, own_port=own, kept_free=(port,)):
                pass
        assert (f":{port}/" in said[0]["url"]) == is_taken


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "not an address"])
async def test_an_address_that_is_none_of_this_machines_is_named(host: str) -> None:
    with capture_logs() as said:
        async with served(Metrics(Exporter([]), None), host, 0):
            pass
    (line,) = said
    assert line["event"] == "metrics.not_served"
    assert host in line["error"]
    assert "FLUX_METRICS_HOST" in line["mend"]


async def test_without_a_port_nothing_is_said_or_served() -> None:
    with capture_logs() as said:
        async with served(Metrics(Exporter([]), None), "127.0.0.1", None):
            pass
    assert said == []
