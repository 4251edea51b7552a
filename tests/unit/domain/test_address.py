"""Which addresses a POST may go to: every forbidden network by both its ends, its neighbours, and every disguise."""

from ipaddress import ip_address, ip_network

import pytest

from flux_dispatch.domain.address import _REFUSED_IPV4, AddressPolicy

STRICT = AddressPolicy()

REFUSED = [
    *("127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "198.18.0.1"),
    *("169.254.169.254", "168.63.129.16", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::"),
    *("fe80::1", "fec0::1", "fc00::1", "fd00::1", "ff02::1", "2001::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1"),
]
PERMITTED = [
    *("8.8.8.8", "1.1.1.1", "100.63.255.254", "100.128.0.1", "172.15.255.255", "172.32.0.1", "198.17.255.255"),
    *("198.20.0.1", "223.255.255.255", "168.63.129.15", "::ffff:8.8.8.8", "2606:4700:4700::1111", "2a00:1450::1"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_no_private_address_in_any_disguise(text: str) -> None:
    assert not STRICT.permits(ip_address(text))


@pytest.mark.parametrize("text", PERMITTED)
def test_public_neighbours_are_permitted(text: str) -> None:
    assert STRICT.permits(ip_address(text))


@pytest.mark.parametrize("network", _REFUSED_IPV4, ids=str)
def test_each_network_is_refused_from_end_to_end(network: ip_network) -> None:
    assert not STRICT.permits(network[0])
    assert not STRICT.permits(network[-1])


def test_what_the_operator_allows_is_permitted_and_what_he_denies_is_not() -> None:
    policy = AddressPolicy(
        allow=(ip_network("10.0.0.0/8"), ip_network("::1/128")),
        deny=(ip_network("10.6.0.0/16"), ip_network("8.8.8.0/24")),
    )
    verdicts = {text: policy.permits(ip_address(text)) for text in ("10.1.1.1", "::ffff:10.1.1.1", "::1", "1.1.1.1")}
    assert all(verdicts.values()), verdicts
    assert not any(policy.permits(ip_address(text)) for text in ("10.6.1.1", "8.8.8.8", "192.168.1.1", "127.0.0.1"))
