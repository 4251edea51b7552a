"""What pages look like to customers is checked before anything starts: a mistake would show only on their screens."""

import pytest

from config.settings import SettingsError, load_settings


def test_customers_read_webhooks_unless_told_otherwise() -> None:
    settings = load_settings({})
    assert (settings.portal_name, settings.portal_accent, settings.portal_frame_origins) == ("Webhooks", None, ())


def test_what_is_given_is_taken() -> None:
    settings = load_settings(
        {
            "FLUX_PORTAL_NAME": "Acme",
            "FLUX_PORTAL_ACCENT": "#FFcc00",
            "FLUX_PORTAL_FRAME_ORIGINS": "https://app.example.com, http://localhost:3000,https://[::1]:8443",
            "FLUX_FLOWER_URL": "https://flower.example.com/flux",
        }
    )
    assert (settings.portal_name, settings.portal_accent) == ("Acme", "#FFcc00")
    assert settings.portal_frame_origins == ("https://app.example.com", "http://localhost:3000", "https://[::1]:8443")
    assert settings.flower_url == "https://flower.example.com/flux"
    assert load_settings({"FLUX_PORTAL_FRAME_ORIGINS": ""}).portal_frame_origins == ()


@pytest.mark.parametrize("colour", ["", "red", "3451b2", "#345", "#3451b2ff", "#3451bg", "#3451b2;", "#3451b2\n"])
def test_what_is_no_colour_is_refused_with_what_one_looks_like(colour: str) -> None:
    with pytest.raises(SettingsError, match=r"^FLUX_PORTAL_ACCENT = .* is wrong: a colour is written like #3451b2\.$"):
        load_settings({"FLUX_PORTAL_ACCENT": colour})


@pytest.mark.parametrize(
    "origin",
    [
        "app.example.com",
        "*",
        "null",
        "'none'",
        "https://",
        "https://*.example.com",
        "https://app.example.com/",
        "https://app.example.com/portal",
        "https://app.example.com?a",
        "https://user@app.example.com",
        "https://app.example.com:port",
        "https://app.example.com:",
        "https://app..example.com",
        "https://exämple.com",
        "https://[::1",
        "javascript:alert(1)",
        "https://a.example; script-src *",
        "https://a.example https://b.example",
        "https://a.example\r\nSet-Cookie: a=b",
    ],
)
def test_what_is_no_origin_is_refused_with_what_one_looks_like(origin: str) -> None:
    with pytest.raises(
        SettingsError, match=r"is no origin: write https://app\.example\.com, without a path"
    ) as refused:
        load_settings({"FLUX_PORTAL_FRAME_ORIGINS": f"https://app.example.com,{origin}"})
    assert str(refused.value).startswith("FLUX_PORTAL_FRAME_ORIGINS = ")


@pytest.mark.parametrize("name", ["", "x" * 61])
def test_a_name_has_its_length(name: str) -> None:
    with pytest.raises(SettingsError, match=r"^FLUX_PORTAL_NAME = "):
        load_settings({"FLUX_PORTAL_NAME": name})


@pytest.mark.parametrize("url", ["", "flower.example.com", "javascript:alert(1)", "https://"])
def test_where_flower_is_said_to_be_can_be_linked(url: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^FLUX_FLOWER_URL = .* it is written like https://flower\.example\.com\.$"
    ):
        load_settings({"FLUX_FLOWER_URL": url})
