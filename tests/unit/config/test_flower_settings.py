"""A setting of Flower's that is wrong is named with its mend, and no password is repeated."""

import pytest

from config.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("BASIC_AUTH", "sesame", "it is user:password"),
        ("BASIC_AUTH", "ann:ses,ame", "several are separated by commas"),
        ("BASIC_AUTH", ":sesame", "it is user:password"),
        ("BASIC_AUTH", "ann:", "it is user:password"),
        ("BASIC_AUTH", "ann:sesame\n", "it is user:password"),
        ("BASIC_AUTH", "ann:s\u00f6same", "in printable ASCII"),
        ("OAUTH_PROVIDER", "myspace", "'google', 'github', 'gitlab' or 'okta'"),
        ("OAUTH_URL", "example.okta.com", "it is written like https://example.okta.com/oauth2/default"),
        ("OAUTH_URL", "https://", "it is written like https://example.okta.com/oauth2/default"),
        ("OAUTH_URL", "https://[::1", "it is written like https://example.okta.com/oauth2/default"),
        ("OAUTH_EMAILS", ".*", "each is an address like ann@example.com"),
        ("OAUTH_EMAILS", "*", "each is an address like ann@example.com"),
        ("OAUTH_EMAILS", "*@*", "each is an address like ann@example.com"),
        ("OAUTH_EMAILS", "*@*.com", "each is an address like ann@example.com"),
        ("OAUTH_EMAILS", "a|b@example.com", "each is an address like ann@example.com"),
        ("OAUTH_EMAILS", "ann@localhost", "each is an address like ann@example.com"),
        ("OAUTH_EMAILS", "*@example.com,ben@example.com", "stands alone"),
        ("URL_PREFIX", "a b", "it is a path like flower"),
        ("URL_PREFIX", "a//b", "it is a path like flower"),
        ("URL_PREFIX", "a?b", "it is a path like flower"),
        ("URL_PREFIX", "(.*)", "it is a path like flower"),
        ("PORT", "65536", ""),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str, mend: str) -> None:
    with pytest.raises(SettingsError, match=f"^FLUX_FLOWER_{name} ") as refused:
        load_settings({f"FLUX_FLOWER_{name}": value})
    assert mend in str(refused.value)
    assert "sesame" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_what_is_right_is_kept() -> None:
    settings = load_settings(
        {
            "FLUX_FLOWER_BASIC_AUTH": "ann:correct horse:battery,ben:b",
            "FLUX_FLOWER_URL_PREFIX": "/ops/flower/",
            "FLUX_FLOWER_OAUTH_EMAILS": "ann@example.com, ben.b+flux@eu.example.com",
            "FLUX_FLOWER_OAUTH_URL": "https://git.example.com/",
        }
    )
    assert settings.flower_basic_auth == "ann:correct horse:battery,ben:b"
    assert settings.flower_url_prefix == "ops/flower"
    assert settings.flower_oauth_emails == ("ann@example.com", "ben.b+flux@eu.example.com")
    assert settings.flower_oauth_url == "https://git.example.com"


def test_what_is_empty_is_not_set() -> None:
    names = (
        "BASIC_AUTH",
        "URL_PREFIX",
        "OAUTH_PROVIDER",
        "OAUTH_KEY",
        "OAUTH_SECRET",
        "OAUTH_EMAILS",
        "OAUTH_URL",
        "DB",
    )
    assert load_settings({f"FLUX_FLOWER_{name}": "" for name in names}) == load_settings({})
