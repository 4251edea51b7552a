"""Which URLs a webhook may have: every row of the list of bad inputs, and no two readings of one URL."""

from ipaddress import ip_network

import pytest
import yarl
from hypothesis import example, given
from hypothesis import strategies as st

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.url import normalize_url

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
        normalize_url(url, require_https=False, policy=STRICT)
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
    assert normalize_url(url, require_https=True, policy=STRICT) == stored
    assert normalize_url(stored, require_https=True, policy=STRICT) == stored


@pytest.mark.parametrize(
    "target",
    [
        *("/a%3Ab?sp=%2Ftriggers&list[]=1&z=%41", "/a/%2e%2e/b", "/a/../b", "/a//b/./c", "/q?", "/?", "/a?b?c=/d:@e"),
        *("/%7Euser/%e2%82%ac", "/;v=1,2(3)!$&'*+=", "/a?u=http%3A%2F%2Fy&x=a%20b+c"),
    ],
)
def test_path_and_query_are_stored_byte_for_byte(target: str) -> None:
    assert (
        normalize_url(f"https://Example.com{target}", require_https=True, policy=STRICT)
        == f"https://example.com{target}"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://example.com/{id}", "{ at character 21, which may not stand there: write %7B"),
        ("https://example.com/a}", "} at character 22, which may not stand there: write %7D"),
        ('https://example.com/?q="a"', '" at character 24, which may not stand there: write %22'),
        ("https://example.com/a|b", "| at character 22, which may not stand there: write %7C"),
        ("https://example.com/?a^b", "^ at character 23, which may not stand there: write %5E"),
        ("https://example.com/`", "` at character 21, which may not stand there: write %60"),
        ("https://example.com/<b>", "< at character 21, which may not stand there: write %3C"),
        ("https://example.com/a\\b", "\\ at character 22, which may not stand there: write %5C"),
        ("https://example.com/\u00fc", "\u00fc (U+00FC) at character 21, which may not stand there: write %C3%BC"),
        ("https://example.com/\u00a0", "the character U+00A0 at character 21, which may not stand there: write %C2%A0"),
        ("https://example.com/\udc80", "the character U+DC80 at character 21, which may not stand there: take it out"),
        ("https://example.com/100%", "% without two hexadecimal digits after it at character 24"),
        ("https://example.com/%zz", "% without two hexadecimal digits after it at character 21"),
        ("https://example.com/a b", "a space at character 22: take it out, or write %20"),
        (" https://example.com/", "a space at character 1"),
        ("https://example.com/\n", "a line break at character 21"),
        ("https://exam\tple.com/", "a tab at character 13"),
        ("https://example.com/\0", "a NUL character at character 21"),
        ("example.com/hook", "does not begin with https://"),
        ("localhost:3000/hook", "does not begin with https://"),
        ("//example.com/hook", "does not begin with https://"),
        ("ftp://example.com/", "The scheme ftp is not one that webhooks use"),
        ("https:/example.com", "Two slashes must follow https:"),
        ("https://", "has no host"),
        ("https:///hook", "has no host"),
        ("https://:443/hook", "has no host"),
        ("https://me:pass@example.com/", "user name or password before an @"),
        ("https://me@example.com/", "user name or password before an @"),
        ("https://example.com:/", "The port is written as a number"),
        ("https://example.com:x/", "The port is written as a number"),
        ("https://example.com:80:90/", "The host has : in it"),
        ("https://example.com:22/", "Port 22 is not one that webhooks may use"),
        ("https://[2606:4700::1111/", "does not end with ]"),
        ("https://[nonsense]/", "The IPv6 address between [ and ] is not valid"),
        ("https://[fe80::1%25eth0]/", "An IPv6 address with a zone is not public"),
        ("https://a%41.example.com/", "The host has % in it"),
        ("https://example.com\\hook", "The host has \\ in it"),
        ("https://a..com/", "1 to 63 letters, digits and hyphens"),
        ("https://" + "a." * 127 + "com/", "longer than 253 characters"),
        ("https://127.1/", "four decimal numbers"),
        ("https://fa\u00df.de/", "ASCII form, xn--"),
        ("https://redis/", "redis is not a public host name"),
        ("", "1 to 2048 characters; this one has 0"),
    ],
)
def test_a_refusal_names_what_is_wrong(url: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        normalize_url(url, require_https=False, policy=STRICT)
    assert said in refusal.value.message
    assert "pass" not in refusal.value.message.replace("password", "")


@given(ANY_TEXT)
def test_path_and_query_never_change(text: str) -> None:
    try:
        stored = normalize_url(text, require_https=False, policy=LOCAL)
    except InvalidRequest:
        return
    target = text.partition("#")[0].partition("://")[2].lstrip("[")
    start = min((at for at in (target.find("/"), target.find("?")) if at >= 0), default=len(target))
    assert stored.endswith(target[start:])


def test_http_is_taken_only_where_https_is_not_required() -> None:
    assert normalize_url("http://example.com/", require_https=False, policy=STRICT) == "http://example.com/"
    with pytest.raises(InvalidRequest) as refusal:
        normalize_url("http://example.com/", require_https=True, policy=STRICT)
    assert refusal.value.code == "https_required"


@pytest.mark.parametrize("url", ["http://localhost:3000/x", "http://127.0.0.1:3000/x", "http://[::1]:3000/x"])
def test_loopback_is_taken_where_the_operator_allows_it(url: str) -> None:
    assert normalize_url(url, require_https=False, policy=LOCAL) == url


@pytest.mark.parametrize(
    "url", ["http\u017f://example.com/", "https://example.com/\u017f", "https://example.com/\u212a"]
)
def test_letters_that_only_unicode_takes_for_s_and_k_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        normalize_url(url, require_https=False, policy=STRICT)


@given(ANY_TEXT)
@example("https://x.example/\u017f")
def test_whatever_is_taken_reads_the_same_to_the_client(text: str) -> None:
    try:
        stored = normalize_url(text, require_https=False, policy=LOCAL)
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


@pytest.mark.parametrize(
    ("own", "url"),
    [
        ("https://flux.example.com", "https://flux.example.com/v1/events"),
        ("https://flux.example.com", "https://FLUX.Example.com.:443/"),
        ("https://flux.example.com", "https://flux.example.com"),
        ("https://flux.example.com", "https://flux.example.com?/in/"),
        ("https://flux.example.com", "https://flux.example.com/in"),
        ("https://flux.example.com", "https://flux.example.com/IN/a"),
        ("https://flux.example.com", "https://flux.example.com//in/a"),
        ("https://flux.example.com", "https://flux.example.com/in/../v1/events"),
        ("https://flux.example.com", "https://flux.example.com/in/a/%2E./%2e%2e/v1"),
        ("https://flux.example.com", "https://flux.example.com/in/.."),
        ("HTTPS://Flux.Example.COM.:443", "https://flux.example.com/hooks"),
        ("https://b\u00fccher.example:8443", "https://xn--bcher-kva.example:8443/hooks"),
        ("https://example.com/flux", "https://example.com/flux/v1/events"),
        ("https://example.com/flux", "https://example.com/in/a"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/events"),
        ("http://[0:0::1]:8080", "http://[::1]:8080/v1/events"),
    ],
)
def test_flux_itself_is_no_receiver(own: str, url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"FLUX_PUBLIC_URL.* without end\. Give the URL") as refused:
        normalize_url(url, require_https=False, policy=LOCAL, own_url=own)
    assert (refused.value.code, refused.value.param) == ("invalid_url", "url")


@pytest.mark.parametrize(
    ("own", "url"),
    [
        ("https://flux.example.com", "https://flux.example.com/in/c_1"),
        ("https://flux.example.com", "https://flux.example.com/in/c_1/a..b?x=/../"),
        ("https://example.com/flux", "https://example.com/flux/in/c_1"),
        ("https://flux.example.com", "https://flux.example.com:8443/hooks"),
        ("https://flux.example.com", "http://flux.example.com/hooks"),
        ("https://flux.example.com", "https://example.com/hooks"),
        ("https://flux.example.com", "https://a.flux.example.com/hooks"),
        ("https://a..b", "https://example.com/hooks"),
        (None, "https://flux.example.com/v1/events"),
    ],
)
def test_what_is_relayed_and_what_is_elsewhere_may_receive(own: str | None, url: str) -> None:
    assert normalize_url(url, require_https=False, policy=LOCAL, own_url=own) == url
