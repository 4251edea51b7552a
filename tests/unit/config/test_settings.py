"""Settings are checked as a whole, and a mistake in one is named together with its mend."""

from base64 import b64encode
from ipaddress import ip_network

import pytest

from config.settings import Settings, SettingsError, load_settings, service_links


def test_nothing_given_is_the_defaults() -> None:
    assert load_settings({}) == Settings()
    assert load_settings({"PATH": "/bin", "FLUXION": "1"}) == Settings()


def test_lists_are_separated_by_commas() -> None:
    settings = load_settings({"FLUX_RETRY_DELAYS": "0, 1.5,3", "FLUX_ALLOW_NETWORKS": "10.0.0.0/8, ::1/128"})
    assert settings.retry_delays == (0, 1.5, 3)
    assert settings.allow_networks == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def test_an_empty_list_is_a_list() -> None:
    assert load_settings({"FLUX_ALLOW_NETWORKS": ""}).allow_networks == ()


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("FLUX_DATABSE_URL", "FLUX_DATABASE_URL"),
        ("FLUX_RETRY_DELAY", "FLUX_RETRY_DELAYS"),
        ("FLUX_ALLOWED_NETWORKS", "FLUX_ALLOW_NETWORKS"),
        ("FLUX_APIPORT", "FLUX_API_PORT"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_right_one(misspelt: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"^{misspelt} is not a setting. Did you mean {meant}\\?"):
        load_settings({misspelt: "x"})


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("FLUX_API_PORT", "80x", "it is a whole number"),
        ("FLUX_API_PORT", "70000", "it is 65535 at most"),
        ("FLUX_RETRY_DELAYS", "0,1m", "it is a number"),
        ("FLUX_REQUIRE_HTTPS", "maybe", "it is true or false"),
        ("FLUX_LOG_FORMAT", "xml", "it is 'console' or 'json'"),
        ("FLUX_DELIVERY_TIMEOUT", "0", "it is more than 0"),
    ],
)
def test_a_wrong_value_is_told_what_would_be_right(name: str, value: str, right: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} = .* is wrong: {right}(\.0)?\.$"):
        load_settings({name: value})


def test_a_setting_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"FLUX_XYZZY": "1"})
    assert "Did you mean" not in str(refused.value)
    assert "docs/configuration.md" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLUX_API_PORT", "http"),
        ("FLUX_API_PORT", "65536"),
        ("FLUX_API_PORT", ""),
        ("FLUX_RETRY_DELAYS", ""),
        ("FLUX_RETRY_DELAYS", "0,-1"),
        ("FLUX_RETRY_DELAYS", "0,nan"),
        ("FLUX_RETRY_DELAYS", "0,1 minute"),
        ("FLUX_RETRY_DELAYS", "0,604801"),
        ("FLUX_DELIVERY_TIMEOUT", "0"),
        ("FLUX_DELIVERY_TIMEOUT", "inf"),
        ("FLUX_ALLOW_NETWORKS", "127.0.0.1/8"),
        ("FLUX_ALLOW_NETWORKS", "localhost"),
        ("FLUX_REQUIRE_HTTPS", "perhaps"),
        ("FLUX_PUBLIC_URL", "flux.example.com"),
        ("FLUX_PUBLIC_URL", "ftp://flux.example.com"),
        ("FLUX_PUBLIC_URL", "https://"),
        ("FLUX_PUBLIC_URL", "https://flux.example.com:99999"),
        ("FLUX_PUBLIC_URL", "https://flux.example.com:x"),
        ("FLUX_PUBLIC_URL", "https://[::1"),
        ("FLUX_PUBLIC_URL", "https://flux.example.com/?a=b"),
        ("FLUX_LOG_FORMAT", "xml"),
        ("FLUX_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_named_and_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({name: value})
    assert str(refused.value).startswith(f"{name} = ")
    assert value.rsplit(",", maxsplit=1)[-1] in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("FLUX_DATABASE_URL", "mysql://flux:sesame@db/flux", "postgresql://"),
        ("FLUX_DATABASE_URL", "sesame", "postgresql://"),
    ],
)
def test_a_wrong_url_is_named_and_not_shown(name: str, value: str, mend: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({name: value})
    assert str(refused.value) == f"{name} is wrong: it begins with {mend}."


@pytest.mark.parametrize("url", ["postgresql://db/flux", "postgres://db/flux", "postgresql+asyncpg://db/flux"])
def test_each_form_of_a_database_url_is_taken(url: str) -> None:
    assert load_settings({"FLUX_DATABASE_URL": url}).need_database_url() == url


@pytest.mark.parametrize(
    "url", ["redis://r:6379/0", "rediss://r/0", "sentinel://a:26379;sentinel://b:26379/0?master=m", "unix:///r.sock"]
)
def test_each_form_of_a_broker_url_is_taken(url: str) -> None:
    assert load_settings({"FLUX_REDIS_URL": url}).need_redis_url() == url


def test_a_wrong_broker_url_is_named_and_not_shown() -> None:
    with pytest.raises(SettingsError, match=r"^FLUX_REDIS_URL is wrong: it is written redis://") as refused:
        load_settings({"FLUX_REDIS_URL": "http://:sesame@redis"})
    assert "sesame" not in str(refused.value)


def test_every_mistake_has_its_own_line() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"FLUX_API_PORT": "x", "FLUX_LOG_LEVEL": "loud"})
    assert [line.split()[0] for line in str(refused.value).splitlines()] == ["FLUX_API_PORT", "FLUX_LOG_LEVEL"]


@pytest.mark.parametrize("given", [{}, {"FLUX_DATABASE_URL": "", "FLUX_REDIS_URL": ""}])
def test_a_url_that_is_needed_and_missing_says_what_to_do(given: dict[str, str]) -> None:
    settings = load_settings(given)
    with pytest.raises(SettingsError, match=r"FLUX_DATABASE_URL is not set.*flux up"):
        settings.need_database_url()
    with pytest.raises(SettingsError, match=r"FLUX_REDIS_URL is not set.*flux up"):
        settings.need_redis_url()


def test_no_secret_is_in_what_settings_print() -> None:
    given = {
        "FLUX_DATABASE_URL": "postgresql://flux:sesame@db/flux",
        "FLUX_REDIS_URL": "redis://:sesame@redis/0",
        "FLUX_FLOWER_BASIC_AUTH": "flux:sesame",
        "FLUX_API_KEY": "sesame",
    }
    assert "sesame" not in repr(load_settings(given))


SERVICE_LINKS = {
    "FLUX_SERVICE_HOST": "10.96.0.7",
    "FLUX_SERVICE_PORT": "8080",
    "FLUX_SERVICE_PORT_HTTP": "8080",
    "FLUX_PORT": "tcp://10.96.0.7:8080",
    "FLUX_PORT_8080_TCP": "tcp://10.96.0.7:8080",
    "FLUX_PORT_8080_TCP_PROTO": "tcp",
    "FLUX_PORT_8080_TCP_PORT": "8080",
    "FLUX_PORT_8080_TCP_ADDR": "10.96.0.7",
    "FLUX_API_SERVICE_HOST": "fd00::7",
    "FLUX_API_PORT": "tcp://[fd00::7]:80",
    "FLUX_API_PORT_53_UDP": "udp://10.96.0.8:53",
    "FLUX_FLOWER_PORT": "tcp://10.96.0.9:5555",
}


def test_what_kubernetes_sets_for_a_service_is_no_setting() -> None:
    assert load_settings(SERVICE_LINKS) == Settings()
    assert set(service_links(SERVICE_LINKS | {"FLUX_LOG_LEVEL": "info", "FLOWER_PORT": "x"})) == set(SERVICE_LINKS)


def test_a_setting_beside_service_links_counts() -> None:
    assert load_settings(SERVICE_LINKS | {"FLUX_API_PORT": "80"}).api_port == 80


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLUX_PORT", "8080"),
        ("FLUX_API_PORT", "tcp://example.com:80"),
        ("FLUX_SERVICE_HOST", "flux.example.com"),
        ("FLUX_DATABASE_PORT", "5432"),
    ],
)
def test_what_only_resembles_a_service_link_is_a_mistake(name: str, value: str) -> None:
    assert service_links({name: value}) == []
    with pytest.raises(SettingsError, match=f"^{name} "):
        load_settings({name: value})


def test_an_empty_home_is_the_usual_one() -> None:
    assert load_settings({"FLUX_HOME": ""}).home == Settings().home


def test_encryption_keys_are_read_and_never_shown() -> None:
    keys = [bytes([number]) * 32 for number in range(3)]
    given = ", ".join(b64encode(each).decode() for each in keys)
    settings = load_settings({"FLUX_ENCRYPTION_KEYS": given})
    assert settings.need_encryption_keys() == tuple(keys)
    assert "encryption_keys" not in repr(settings)
    assert load_settings({"FLUX_ENCRYPTION_KEYS": ""}).encryption_keys == ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("sesame", "32 random bytes"),
        (b64encode(b"sesame" * 5).decode(), "32 random bytes"),
        (b64encode(b"sesame__" * 4).decode()[:-1], "32 random bytes"),
        (" ".join([b64encode(bytes(32)).decode()] * 2), "commas"),
        (",".join([b64encode(bytes(32)).decode()] * 2), "twice"),
    ],
)
def test_an_encryption_key_that_is_none_is_refused_unseen(value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        load_settings({"FLUX_ENCRYPTION_KEYS": value})
    assert value[:6] not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_missing_encryption_key_says_how_to_make_one() -> None:
    with pytest.raises(SettingsError, match="flux keys new-encryption-key"):
        load_settings({}).need_encryption_keys()
