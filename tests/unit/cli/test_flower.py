"""Who may look at Flower: what the settings come to as its options, and what they lack."""

import pytest
from flower.utils.authentication import authenticate, validate_auth_option

from config.settings import load_settings
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.flower import access_options, provider_addresses

OAUTH = {
    "FLUX_FLOWER_OAUTH_PROVIDER": "github",
    "FLUX_FLOWER_OAUTH_KEY": "client",
    "FLUX_FLOWER_OAUTH_SECRET": "s3cret",
    "FLUX_FLOWER_OAUTH_EMAILS": "ann@example.com",
    "FLUX_FLOWER_URL": "https://flower.example.com/",
}


def options(given: dict[str, str]) -> dict[str, str]:
    found = access_options(load_settings(given))
    return {name.removeprefix("--"): value for name, _, value in (each.partition("=") for each in found)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"FLUX_FLOWER_BASIC_AUTH": "a:sesame"}, "not both"),
        ({"FLUX_FLOWER_OAUTH_PROVIDER": ""}, "FLUX_FLOWER_OAUTH_PROVIDER is not"),
        ({"FLUX_FLOWER_OAUTH_KEY": ""}, "needs FLUX_FLOWER_OAUTH_KEY: the client id"),
        ({"FLUX_FLOWER_OAUTH_SECRET": ""}, "needs FLUX_FLOWER_OAUTH_SECRET: the client secret"),
        ({"FLUX_FLOWER_OAUTH_EMAILS": ""}, "needs FLUX_FLOWER_OAUTH_EMAILS: who is let in"),
        ({"FLUX_FLOWER_OAUTH_PROVIDER": "okta"}, "needs FLUX_FLOWER_OAUTH_URL: the issuer"),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, str], said: str) -> None:
    with pytest.raises(CliError) as refused:
        options(OAUTH | changes)
    assert said in str(refused.value)
    assert "sesame" not in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_where_people_reach_it_must_be_known() -> None:
    with pytest.raises(CliError, match="needs FLUX_FLOWER_URL: where people reach Flower"):
        options({name: value for name, value in OAUTH.items() if name != "FLUX_FLOWER_URL"})


def test_nothing_said_is_nobody() -> None:
    assert options({}) == {}


@pytest.mark.parametrize("provider", ["google", "github", "gitlab", "okta"])
def test_a_provider_is_one_of_flowers_own(provider: str) -> None:
    found = options(
        OAUTH | {"FLUX_FLOWER_OAUTH_PROVIDER": provider, "FLUX_FLOWER_OAUTH_URL": "https://id.example.com/x"}
    )
    module, _, name = found["auth_provider"].rpartition(".")
    assert hasattr(__import__(module, fromlist=[name]), name)
    assert found["oauth2_redirect_uri"] == "https://flower.example.com/login"


def test_sessions_last_as_long_as_the_secret() -> None:
    cookies = options(OAUTH)["cookie_secret"]
    assert options(OAUTH)["cookie_secret"] == cookies
    assert options(OAUTH | {"FLUX_FLOWER_OAUTH_SECRET": "another"})["cookie_secret"] != cookies
    assert "s3cret" not in cookies


@pytest.mark.parametrize(
    ("emails", "let_in", "kept_out"),
    [
        (
            "ann@example.com",
            ["ann@example.com"],
            ["Ann@example.com", "ann@example.com.evil", "xann@example.com", ""],
        ),
        ("ann@example.com,ben@example.org", ["ann@example.com", "ben@example.org"], ["ann@example.org", "", "|"]),
        ("*@example.com", ["ann@example.com", "a.b+c@example.com"], ["ann@example.com.evil.test", "ann@examplexcom"]),
        ("Ann@Example.com", ["Ann@Example.com", "ann@example.com"], ["ANN@example.com"]),
        ("*@Example.com", ["ann@example.com"], ["ann@example.org"]),
    ],
)
def test_those_are_let_in_who_are_named(emails: str, let_in: list[str], kept_out: list[str]) -> None:
    pattern = options(OAUTH | {"FLUX_FLOWER_OAUTH_EMAILS": emails})["auth"]
    assert validate_auth_option(pattern)
    assert all(authenticate(pattern, each) for each in let_in)
    assert not any(authenticate(pattern, each) for each in kept_out)


def test_a_provider_of_ones_own_is_found() -> None:
    own = OAUTH | {"FLUX_FLOWER_OAUTH_URL": "https://git.example.com"}
    assert provider_addresses(load_settings(own)) == {"FLOWER_GITHUB_OAUTH_DOMAIN": "git.example.com"}
    assert provider_addresses(load_settings(OAUTH)) == {}
    with pytest.raises(CliError, match="google has one address"):
        provider_addresses(load_settings(own | {"FLUX_FLOWER_OAUTH_PROVIDER": "google"}))
