"""From where a request comes: proxies are believed as far as they are trusted, and nothing that a client wrote."""

from ipaddress import ip_network

import pytest

from flux_dispatch.web.client_address import address_behind

LOOPBACK = "127.0.0.0/8"
OURS = "127.0.0.0/8 203.0.113.0/24"


@pytest.mark.parametrize(
    ("trusted", "forwarded_for", "address"),
    [
        ("", ["203.0.113.7"], "127.0.0.1"),
        ("10.0.0.0/8", ["203.0.113.7"], "127.0.0.1"),
        (LOOPBACK, [], "127.0.0.1"),
        (LOOPBACK, [""], "127.0.0.1"),
        (LOOPBACK, ["203.0.113.7"], "203.0.113.7"),
        (LOOPBACK, ["198.51.100.9, 203.0.113.7"], "203.0.113.7"),
        (LOOPBACK, ["198.51.100.9", "203.0.113.7"], "203.0.113.7"),
        (OURS, ["198.51.100.9, 203.0.113.7"], "198.51.100.9"),
        (OURS, ["192.0.2.1, 198.51.100.9, 203.0.113.7"], "198.51.100.9"),
        (OURS, ["203.0.113.7"], "203.0.113.7"),
        (LOOPBACK, ["[2001:db8::1]:4711"], "2001:db8::1"),
        (LOOPBACK, ["2001:db8::1"], "2001:db8::1"),
        (LOOPBACK, ["203.0.113.7:4711"], "203.0.113.7"),
        (LOOPBACK, ["::ffff:203.0.113.7"], "203.0.113.7"),
        (LOOPBACK, ["unknown"], "127.0.0.1"),
        (LOOPBACK, ["203.0.113.7, <script>"], "127.0.0.1"),
        (LOOPBACK, [f"{'1' * 9000}"], "127.0.0.1"),
    ],
)
def test_the_nearest_address_that_is_not_trusted_is_the_client_s(
    trusted: str, forwarded_for: list[str], address: str
) -> None:
    networks = [ip_network(each) for each in trusted.split()]
    assert address_behind("127.0.0.1", forwarded_for, networks) == address


@pytest.mark.parametrize(
    ("peer", "address"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"), ("2001:db8::1", "2001:db8::1"), ("", None)],
)
def test_the_address_of_who_connects(peer: str, address: str | None) -> None:
    assert address_behind(peer, ["203.0.113.7"], []) == address
