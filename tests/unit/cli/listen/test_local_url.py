"""How --forward-to may be written, and which local URL a request's path and query make of it."""

import pytest

from flux_dispatch.cli.listen.local_url import NoLocalUrl, parse_local_url


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("3000", "http://localhost:3000/"),
        (":3000", "http://localhost:3000/"),
        ("3000/webhooks/flux", "http://localhost:3000/webhooks/flux"),
        ("localhost:3000/webhooks/flux", "http://localhost:3000/webhooks/flux"),
        ("localhost", "http://localhost/"),
        ("LOCALHOST:80/Hooks", "http://localhost/Hooks"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000/"),
        ("https://localhost:8443/a?token=x", "https://localhost:8443/a?token=x"),
        ("https://localhost", "https://localhost/"),
        ("http://localhost:443/", "http://localhost:443/"),
        ("[::1]:3000/x", "http://[::1]:3000/x"),
        ("0.0.0.0:3000", "http://127.0.0.1:3000/"),
        ("http://[::]:3000", "http://[::1]:3000/"),
        ("my_app.test:3000", "http://my_app.test:3000/"),
        ("localhost:3000/straße?q=ü%2F", "http://localhost:3000/stra%C3%9Fe?q=%C3%BC%2F"),
        ("localhost:3000/a%20b", "http://localhost:3000/a%20b"),
    ],
)
def test_what_may_be_written_and_what_it_means(written: str, means: str) -> None:
    assert str(parse_local_url(written)) == means


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "It names no server"),
        ("/webhooks/flux", "localhost:3000/webhooks/flux"),
        ("localhost:0", "from 1 to 65535"),
        ("0", "from 1 to 65535"),
        ("localhost:70000", "from 1 to 65535"),
        ("localhost:http", "from 1 to 65535"),
        ("ftp://localhost:3000", "http:// or https://"),
        ("ws://localhost:3000", "http:// or https://"),
        ("http://me:secret@localhost:3000", "--header 'Authorization"),
        ("localhost:3000/#part", "fragment"),
        ("localhost :3000", "white space"),
        ("localhost:3000/\nx", "white space"),
        ("loc<al>host:3000", "no name of a host"),
        ("http://[::1:3000", "from 1 to 65535"),
    ],
)
def test_what_means_nothing_is_refused_with_what_to_write(written: str, said: str) -> None:
    with pytest.raises(NoLocalUrl) as refused:
        parse_local_url(written)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("target", "path", "query", "url"),
    [
        ("3000/hooks", "", "", "http://localhost:3000/hooks"),
        ("3000/hooks", "/", "", "http://localhost:3000/hooks/"),
        ("3000/hooks", "/a%2Fb//c", "x=1&y=%zz", "http://localhost:3000/hooks/a%2Fb//c?x=1&y=%zz"),
        ("3000/hooks/", "/a", "", "http://localhost:3000/hooks/a"),
        ("3000/hooks/", "", "", "http://localhost:3000/hooks/"),
        ("3000", "/a", "", "http://localhost:3000/a"),
        ("3000", "", "q", "http://localhost:3000/?q"),
        ("3000/hooks?token=x", "/a", "b=1", "http://localhost:3000/hooks/a?token=x&b=1"),
    ],
)
def test_path_and_query_of_a_request_are_appended_as_they_are(target: str, path: str, query: str, url: str) -> None:
    assert parse_local_url(target).url_for(path, query) == url


@pytest.mark.parametrize("path", ["/../admin", "/a/%2e%2e/b", "/..%2fadmin", "/..\\admin", "/%252e%252e/x", "/..;/x"])
def test_no_path_leads_out_of_the_target(path: str) -> None:
    assert not parse_local_url("3000/hooks").holds(path)
    assert parse_local_url("3000/").holds(path)


@pytest.mark.parametrize("path", ["", "/", "/a/./b", "/a..b", "/...", "/%zz", "/100%"])
def test_other_paths_stay_within_it(path: str) -> None:
    assert parse_local_url("3000/hooks").holds(path)
