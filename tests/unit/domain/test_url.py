"""Which URLs a webhook may have: every row of the list of bad inputs, and no two readings of one URL."""

from ipaddress import ip_network

import pytest
import yarl
from hypothesis import example, given
from hypothesis import strategies as st

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.url import check_url

STRICT = AddressPolicy()
LOCAL = AddressPolicy(allow=(ip_network("127.0.0.0/8"), ip_network("::1/128")))

PIECES = [
    *("https://", "http://", "HTTPS://a.example", "example", "com", ".", "1", "0x7f", ":", "80", "/", "?", "#", "@"),
    *("[", "]", "::1", "%", "%20", "\\", "-", "_", "xn--", "b\u00fccher", "\u017f", "\u212a", "\u3002", "\u2460"),
    *("\u00ad", "\u200d", "\u00df", "\ufb00", "\u0345", "\u0130", "\u0663", "\uff0f", "\udc80", "\0", "\n"),
]
ANY_TEXT = (
    st.text(max_size=60)
    | st.lists(st.sampled_from(PIECES), max_size=10).map("".join)
    | st.lists(st.sampled_from(PIECES), max_size=8).map(lambda pieces: "https://a.example" + "".join(pieces))
)

REFUSED = [
    *("file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "javascript:alert(1)"),
    *("ws://example.com/", "tcp://127.0.0.1:6379", "//host/", "http:/x", "http://", "https://", "", "https:///x"),
    "https://example.com/" + "a" * 2029,
    *("https://user:pass@host.example/", "https://example.com@127.0.0.1/", "https://127.0.0.1\\@example.com/"),
    *("https://exam\tple.com/", "https://example.com/\n", "https://example.com/\r", "https://example.com/\0"),
    *(" https://example.com/", "https://example.com/ ", "https://exa mple.com/", "https://example.com/a b"),
    *("https://example.com:0/", "https://example.com:99999/", "https://example.com:80:90/", "https://example.com:x/"),
    *(f"https://example.com:{port}/" for port in (22, 25, 5432, 6379, 11211)),
    *("https://localhost/", "https://LOCALHOST./", "https://foo.localhost/", "https://redis/", "https://x.local/"),
    *("https://metadata.google.internal/", "https://ⓛocalhost/"),
    *("https://" + "a" * 64 + ".com/", "https://" + "a." * 127 + "com/", "https://xn--zzzzz-.com/"),
    *("https://127.0.0.1%00.example.com/", "https://-a.com/", "https://a-.com/", "https://a..com/", "https://.com/"),
    *("https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/"),
    *("https://faß.de/", "https://βόλος.example/", "https://a\u200cb.example/", "https://a\u200db.example/"),
    *("https://0/", "https://0.0.0.0/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://127.0.0.1/"),
    *(f"https://{address}/" for address in ("10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1")),
    *(f"https://{address}/" for address in ("169.254.169.254", "168.63.129.16", "224.0.0.1", "255.255.255.255")),
    *(f"https://[{address}]/" for address in ("::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1")),
    *(f"https://[{address}]/" for address in ("2002:7f00:1::", "fe80::1%25eth0", "fc00::1", "ff02::1", "nonsense")),
]


@pytest.mark.parametrize("url", REFUSED)
def test_what_must_not_be_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_url(url, require_https=False, policy=STRICT)
    assert refusal.value.param == "url"
    assert "pass@" not in refusal.value.message


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/Path?Query=1#fragment", "https://example.com/Path?Query=1"),
        ("https://example.com?a=b", "https://example.com/?a=b"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://example.com:8443/a%20b", "https://example.com:8443/a%20b"),
        ("https://example.com./x", "https://example.com/x"),
        ("https://100.63.255.254/", "https://100.63.255.254/"),
        ("https://172.32.0.1/", "https://172.32.0.1/"),
        ("https://198.20.0.1/", "https://198.20.0.1/"),
        ("https://[::ffff:8.8.8.8]/", "https://[::ffff:808:808]/"),
    ],
)
def test_what_may_be_one_is_stored_in_one_form(url: str, stored: str) -> None:
    assert check_url(url, require_https=True, policy=STRICT) == stored
    assert check_url(stored, require_https=True, policy=STRICT) == stored


def test_http_is_taken_only_where_https_is_not_required() -> None:
    assert check_url("http://example.com/", require_https=False, policy=STRICT) == "http://example.com/"
    with pytest.raises(InvalidRequest) as refusal:
        check_url("http://example.com/", require_https=True, policy=STRICT)
    assert refusal.value.code == "https_required"


@pytest.mark.parametrize("url", ["http://localhost:3000/x", "http://127.0.0.1:3000/x", "http://[::1]:3000/x"])
def test_loopback_is_taken_where_the_operator_allows_it(url: str) -> None:
    assert check_url(url, require_https=False, policy=LOCAL) == url


@pytest.mark.parametrize(
    "url", ["http\u017f://example.com/", "https://example.com/\u017f", "https://example.com/\u212a"]
)
def test_letters_that_only_unicode_takes_for_s_and_k_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        check_url(url, require_https=False, policy=STRICT)


@given(ANY_TEXT)
@example("https://x.example/\u017f")
def test_whatever_is_taken_reads_the_same_to_the_client(text: str) -> None:
    try:
        stored = check_url(text, require_https=False, policy=LOCAL)
    except InvalidRequest:
        return
    assert stored.isascii()
    read = yarl.URL(stored)
    authority = stored.split("/")[2]
    host, port = (
        (authority, "") if authority.endswith("]") else (authority.partition(":")[0], authority.partition(":")[2])
    )
    assert f"[{read.host}]" == host if ":" in str(read.host) else read.raw_host == host
    assert read.explicit_port == (int(port) if port else None)
    assert (read.user, read.password, read.fragment) == (None, None, "")
