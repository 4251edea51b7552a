"""The settings of alerts: URLs that hold commas, and mistakes that show no password."""

import pytest

from config.settings import SettingsError, load_settings
from config.settings.alerts import ALL_KINDS
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.alert_pace import AlertPace
from flux_dispatch.domain.webhook_health import HealthPolicy
from tests.support.store_harness import KEYRING
from workers.wiring.alerts import health_policy_of, links_of, operator_channels, pace_of

MAIL = "mailtos://user:p%40ss@smtp.example.com?to=a@b.de,c@d.de"
SLACK = "slack://TTTT/BBBB/CCCC"


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n", "  ,\n"])
def test_urls_are_told_apart_by_how_they_begin(between: str) -> None:
    assert load_settings({"FLUX_ALERT_URLS": f" {MAIL}{between}{SLACK},"}).alert_urls == (MAIL, SLACK)


@pytest.mark.parametrize("value", ["secret-word", f"{MAIL} {MAIL}", f"{SLACK} and-more-secret"])
def test_a_mistake_in_a_url_shows_nothing_of_it(value: str) -> None:
    with pytest.raises(SettingsError, match="FLUX_ALERT_URLS is wrong") as refused:
        load_settings({"FLUX_ALERT_URLS": value})
    assert "secret" not in str(refused.value)
    assert "p%40ss" not in str(refused.value)


def test_kinds_are_those_that_there_are() -> None:
    assert set(ALL_KINDS) == set(AlertKind)
    assert load_settings({"FLUX_ALERT_KINDS": "webhook_failing, platform_trouble"}).alert_kinds == (
        "webhook_failing",
        "platform_trouble",
    )
    for wrong in ("", "everything"):
        with pytest.raises(SettingsError, match="FLUX_ALERT_KINDS"):
            load_settings({"FLUX_ALERT_KINDS": wrong})


@pytest.mark.parametrize("value", ["", "0", "5,x", "604801"])
def test_windows_are_seconds(value: str) -> None:
    with pytest.raises(SettingsError, match="FLUX_ALERT_WINDOWS"):
        load_settings({"FLUX_ALERT_WINDOWS": value})


def test_the_defaults_are_those_of_the_domain() -> None:
    assert pace_of(load_settings({})) == AlertPace()
    assert health_policy_of(load_settings({})) == HealthPolicy()
    assert health_policy_of(load_settings({"FLUX_DISABLE_AFTER_DAYS": "0"})).disable_after is None


def test_links_lead_to_where_people_reach_the_server() -> None:
    given = ({}, {"FLUX_API_HOST": "0.0.0.0", "FLUX_API_PORT": "80"}, {"FLUX_PUBLIC_URL": "https://flux.example.com/"})
    assert [links_of(load_settings(each)).public_url for each in given] == [
        "http://127.0.0.1:8080",
        "http://localhost:80",
        "https://flux.example.com",
    ]


def test_an_operator_s_channel_has_one_id_and_tells_its_host_alone() -> None:
    settings = load_settings({"FLUX_ALERT_URLS": f"{MAIL} {SLACK}"})
    (mail, shown), (slack, token) = operator_channels(settings, KEYRING)
    assert [each for each, _ in operator_channels(settings, KEYRING)] == [mail, slack]
    assert (shown.target, token.target) == ("mailtos://smtp.example.com", "slack://…")
