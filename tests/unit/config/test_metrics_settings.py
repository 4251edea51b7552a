"""Where metrics are served is checked before anything starts, and the token is never quoted."""

import pytest

from config.settings import SettingsError, load_settings

TOKEN = "0123456789abcdef"


def test_there_are_none_unless_a_port_is_given() -> None:
    settings = load_settings({})
    assert (settings.metrics_host, settings.metrics_port, settings.metrics_token) == ("127.0.0.1", None, None)
    assert load_settings({"FLUX_METRICS_PORT": "", "FLUX_METRICS_TOKEN": ""}).metrics_port is None
    assert load_settings({"FLUX_METRICS_PORT": "0"}).metrics_port == 0


@pytest.mark.parametrize("port", ["-1", "65536", "http", "94 64", "9464.5"])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(SettingsError, match=r"^FLUX_METRICS_PORT = .* is wrong"):
        load_settings({"FLUX_METRICS_PORT": port})


@pytest.mark.parametrize(
    "token", ["short", "x" * 15, "spaces are no token", "mit-ümlaut-0123456", "line\nbreak-0123456789"]
)
def test_what_is_no_token_is_refused_with_how_to_make_one_and_not_shown(token: str) -> None:
    with pytest.raises(SettingsError, match=r"^FLUX_METRICS_TOKEN is wrong: .*openssl rand") as refused:
        load_settings({"FLUX_METRICS_TOKEN": token})
    assert token not in str(refused.value)


def test_a_token_is_not_in_what_settings_print() -> None:
    assert TOKEN not in repr(load_settings({"FLUX_METRICS_TOKEN": TOKEN}))
