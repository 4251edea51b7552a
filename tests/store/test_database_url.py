"""URLs as hosters write them are followed, or refused in one line that says what to leave out."""

import ssl
from pathlib import Path

import pytest

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.connect import check_database, open_database
from flux_dispatch.store.database_url import Alive, BadUrl, read_url
from tests.support.proxy import Proxy
from tests.support.store_harness import StoreHarness

URL = "postgresql://flux:hunter2@db.example.com/flux"


@pytest.mark.parametrize(
    "meaningless",
    [
        *("channel_binding=prefer", "channel_binding=disable", "gssencmode=disable", "gssencmode=prefer"),
        *("sslcompression=0", "sslsni=1", "load_balance_hosts=random", "client_encoding=utf8", "sslcertmode=allow"),
        *("pgbouncer=true", "connection_limit=1", "statement_cache_size=0", "prepareThreshold=0", "sslmode="),
    ],
)
def test_what_has_no_meaning_for_us_is_dropped(meaningless: str) -> None:
    assert read_url(f"{URL}?{meaningless}") == read_url(URL)


@pytest.mark.parametrize(
    "refused",
    [
        *("channel_binding=require", "gssencmode=require", "sslcertmode=require", "require_auth=scram-sha-256"),
        *("requirepeer=postgres", "hostaddr=10.0.0.1", "replication=database", "requiressl=1", "schema=flux"),
        *("sslmode=full", "connect_timeout=soon", "sslrootcert=/nothing/here", "sslcert=/nothing/here"),
        *("sslmode=require&sslrootcert=system", "keepalives_idle=x", "host=a,b&port=1,2,3"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_name(refused: str) -> None:
    url = f"{URL}?{refused}" if "host=a" not in refused else f"postgresql:///flux?{refused}"
    with pytest.raises(BadUrl) as caught:
        read_url(url)
    message = str(caught.value)
    assert "FLUX_DATABASE_URL" in message
    assert refused.rpartition("&")[2].partition("=")[0].removesuffix("=") in message
    assert "hunter2" not in message
    assert "\n" not in message
    with pytest.raises(Unavailable):
        open_database(url)


def test_what_the_driver_follows_is_left_to_it() -> None:
    read = read_url(
        f"{URL.replace('postgresql', 'postgresql+asyncpg')}?sslmode=verify-full&ssl_min_protocol_version=TLSv1.3"
    )
    assert read.dsns == (f"{URL}?sslmode=verify-full&ssl_min_protocol_version=TLSv1.3",)
    assert read_url(f"{URL}?ssl=true").dsns == (f"{URL}?sslmode=require",)
    assert read_url("postgresql:///flux?host=/var/run/postgresql").dsns == (
        "postgresql:///flux?host=/var/run/postgresql",
    )


def test_the_authorities_of_this_machine_check_the_whole_certificate() -> None:
    read = read_url(f"{URL}?sslmode=verify-full&sslrootcert=system")
    assert read.dsns == (URL,)
    context = read.arguments["ssl"]
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_what_keeps_connections_alive_is_libpq_s() -> None:
    names = "keepalives_idle=30&keepalives_interval=0&keepalives_count=4&tcp_user_timeout=2500&connect_timeout=10"
    read = read_url(f"{URL}?keepalives=1&{names}")
    assert read.alive == Alive(is_asked=True, idle=30, interval=None, count=4, unanswered=2.5)
    assert read.connect_seconds == 10
    assert read.dsns == (URL,)
    assert not read_url(f"{URL}?keepalives=0").alive.is_asked


def test_settings_of_the_session_are_found_wherever_they_are_written() -> None:
    read = read_url(f"{URL}?search_path=flux&options=-c%20work_mem%3D8MB%20-cgeqo%3Doff%20--temp-buffers%3D1MB")
    assert read.settings == {"search_path": "flux", "work_mem": "8MB", "geqo": "off", "temp_buffers": "1MB"}
    assert read.startup == {"application_name": "flux-dispatch"}
    assert read_url(f"{URL}?options=project%3Dblue").startup["options"] == "project=blue"
    assert read_url(f"{URL}?application_name=mine").startup == {"application_name": "mine"}


@pytest.mark.parametrize(
    ("url", "dsns"),
    [
        ("postgresql://u:p@a:1,b:2/flux", ("postgresql://u:p@a:1/flux", "postgresql://u:p@b:2/flux")),
        ("postgresql://a,[::1]:2/flux", ("postgresql://a/flux", "postgresql://[::1]:2/flux")),
        ("postgresql:///x?host=a,b&port=1,2", ("postgresql:///x?host=a&port=1", "postgresql:///x?host=b&port=2")),
        ("postgresql:///x?host=a,b&port=1", ("postgresql:///x?host=a&port=1", "postgresql:///x?host=b&port=1")),
        ("postgresql:///x?host=a,b", ("postgresql:///x?host=a", "postgresql:///x?host=b")),
    ],
)
def test_of_several_hosts_the_one_that_takes_writes_is_meant(url: str, dsns: tuple[str, ...]) -> None:
    read = read_url(url)
    assert read.dsns == dsns
    assert read.arguments == {"target_session_attrs": "read-write"}
    asked = read_url(f"{url}{'&' if '?' in url else '?'}target_session_attrs=any")
    assert asked.arguments == {}
    assert all("target_session_attrs=any" in dsn for dsn in asked.dsns)


async def test_what_a_hoster_writes_connects(database_url: str) -> None:
    with Proxy(database_url) as proxy:
        url = proxy.url + (
            "?sslmode=prefer&channel_binding=prefer&connect_timeout=10&keepalives=1&keepalives_idle=30&gssencmode=prefer"
            "&application_name=hoster&options=-c%20statement_timeout%3D1min%20-c%20search_path%3Dpublic"
            "&target_session_attrs=read-write&pgbouncer=true"
        )
        await check_database(url)
        engine = open_database(url)
        assert await StoreHarness(engine).scalar("SELECT current_setting('application_name')") == "hoster"
        assert await StoreHarness(engine).scalar("SELECT current_setting('search_path')") == "public"
        await engine.dispose()


async def test_a_parameter_that_postgresql_does_not_know_is_named(database_url: str) -> None:
    with pytest.raises(Unavailable, match=r'configuration parameter "fast_mode"\. Leave it out\.'):
        await check_database(f"{database_url}&fast_mode=1")


async def test_no_variable_of_another_database_steers_us(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "nothing")
    foreign = {
        "PGHOST": "db.other.example",
        "PGPORT": "x",
        "PGUSER": "other",
        "PGDATABASE": "other",
        "PGPASSWORD": "x",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": nowhere,
        "PGSSLCERT": nowhere,
        "PGSSLKEY": nowhere,
        "PGSERVICE": "other",
        "PGSERVICEFILE": nowhere,
        "PGPASSFILE": nowhere,
        "PGTARGETSESSIONATTRS": "standby",
        "PGSSLMINPROTOCOLVERSION": "x",
        "PGSSLNEGOTIATION": "direct",
        "PGGSSLIB": "x",
        "PGKRBSRVNAME": "x",
        "PGOPTIONS": "-c default_transaction_read_only=on",
        "PGCONNECT_TIMEOUT": "x",
    }
    with Proxy(database_url) as proxy:
        for url in (proxy.url, database_url):
            for name, value in foreign.items():
                monkeypatch.setenv(name, value)
            await check_database(url)
