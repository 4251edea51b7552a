"""What `flux listen` refuses, or is refused: each in one line that says how to mend it, and nothing half done."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from flux_dispatch.cli.client.target import Target
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.listen.address import socket_address
from flux_dispatch.cli.listen.report import Session
from flux_dispatch.cli.listen.signing_secret import kept_secret
from tests.cli.conftest import Shop
from tests.support.command import Command

MOST_SESSIONS = 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--forward-to", "/hooks"), "Write the port, too: localhost:3000/hooks"),
        (("--forward-to", "ftp://localhost"), "It begins with http:// or https://"),
        (("--events", "order..completed"), "order..completed"),
        (("--events", ""), "--events"),
        (("--header", "X-Key"), "Write it like 'Name: value'"),
        (("--timeout", "0"), "--timeout"),
        (("--format", "xml"), "--format"),
    ],
)
def test_a_command_line_that_is_wrong_is_said_before_anything_is_sent(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    flux = Command(tmp_path, FLUX_API_URL="http://127.0.0.1:1", FLUX_API_KEY="sk_live_x")
    assert said in " ".join(flux.misused("listen", *arguments).split())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("192.0.2.1:3000", "flux: 192.0.2.1 is not this machine. Give --allow-remote if"),
        ("no-such-host.invalid:3000", "flux: no-such-host.invalid is not known: check --forward-to."),
    ],
)
def test_no_other_machine_is_forwarded_to_unless_that_is_allowed(fresh: Command, url: str, said: str) -> None:
    assert fresh.refused("listen", "--forward-to", url).startswith(said)


def test_whatever_the_api_refuses_is_one_line_with_the_mend(fresh: Command, shop: Shop) -> None:
    assert "`flux keys create` makes one." in fresh.with_settings(FLUX_API_KEY="sk_live_wrong").refused("listen")
    assert "webhooks:write" in fresh.with_settings(FLUX_API_KEY=shop.reading_key).refused("listen")
    nobody = fresh.with_settings(FLUX_API_URL="http://127.0.0.1:1")
    assert nobody.refused("listen").startswith("flux: http://127.0.0.1:1 does not answer:")
    assert "header Flux-Account" in fresh.with_settings(FLUX_API_KEY=shop.platform_key).refused("listen")


def test_an_account_with_as_many_sessions_as_it_may_have_is_told(fresh: Command, shop: Shop) -> None:
    key = {"Authorization": f"Bearer {fresh.environment()['FLUX_API_KEY']}"}
    with httpx.Client(base_url=shop.api_url, headers=key, trust_env=False) as http:
        for _ in range(MOST_SESSIONS):
            assert http.post("/v1/listen").status_code == 201
    assert f"This account has {MOST_SESSIONS} listen sessions" in fresh.refused("listen")


def test_the_secret_is_that_of_this_machine_and_api(flux: Command, tmp_path: Path) -> None:
    secret = flux.done("listen", "--print-secret").out
    assert secret.startswith("whsec_")
    assert flux.done("listen", "--print-secret", "--forward-to", "3000").out == secret
    assert flux.with_settings(FLUX_API_URL="https://flux.example").done("listen", "--print-secret").out != secret
    assert stat.S_IMODE((tmp_path / "listen-secrets.json").stat().st_mode) == 0o600


def test_it_is_kept_for_the_user_where_there_is_no_home_of_flux(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLUX_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    secret = kept_secret("https://flux.example")
    assert secret == kept_secret("https://flux.example/v1/")
    assert stat.S_IMODE((tmp_path / "configuration" / "flux").stat().st_mode) == 0o700
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept_secret("https://flux.example") != secret
    assert (tmp_path / ".config" / "flux" / "listen-secrets.json").exists()


def test_commands_that_begin_at_one_moment_make_one_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUX_HOME", str(tmp_path / "new"))
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(kept_secret, ["https://flux.example"] * 32))) == 1


def test_a_secret_that_cannot_be_kept_is_said(tmp_path: Path, flux: Command) -> None:
    (tmp_path / "listen-secrets.json").write_text("[]")
    assert "is not what `flux listen` keeps there: delete it" in flux.refused("listen", "--print-secret")
    nowhere = Command(
        Path("/dev/null/x"), **{name: flux.environment()[name] for name in ("FLUX_API_URL", "FLUX_API_KEY")}
    )
    assert "Not a directory. The signing secret of this machine" in nowhere.refused("listen", "--print-secret")


SESSION = Session("lsn_1", "https://flux.example/in/lst_x", "whsec_x", ("*",), None)


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def target(api_url: str) -> Target:
    return Target(api_url, "sk_live_x", "FLUX_API_URL", "FLUX_API_KEY")


def test_the_socket_is_reached_as_the_api_is(no_proxies: pytest.MonkeyPatch) -> None:
    address = socket_address(target("https://flux.example/v1/"), SESSION, "ext:7", "0" * 32)
    assert address.url == "https://flux.example/v1/listen/lsn_1/socket"
    assert address.headers["Authorization"] == "Bearer sk_live_x"
    assert address.headers["Flux-Account"] == "ext:7"
    assert (address.certificates is not None, address.proxy) == (True, None)
    assert "sk_live_x" not in repr(address)
    no_proxies.setenv("HTTPS_PROXY", "http://me:password@proxy.example:3128")
    address = socket_address(target("https://flux.example"), SESSION, None, "0" * 32)
    assert (address.proxy, address.proxy_login) == ("http://proxy.example:3128", ("me", "password"))
    assert "password" not in repr(address)
    assert socket_address(target("http://127.0.0.1:8080"), SESSION, None, "0" * 32).proxy is None


def test_a_proxy_that_takes_no_websocket_is_said(no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("HTTPS_PROXY", "socks5://proxy.example")
    with pytest.raises((CliError, ValueError), match="NO_PROXY"):
        socket_address(target("https://flux.example"), SESSION, None, "0" * 32)
