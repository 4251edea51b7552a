"""The command that runs Flower: who may look, what it remembers, and where it is found."""

import fcntl
import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

import config.flowerconfig
from config.logs import set_up_logs
from config.settings import PREFIX, Settings
from flux_dispatch.cli.environment import FLOWER, names_with
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.port import resolve_port

HISTORY: Final = "flower.db"

_HANDLERS: Final[Mapping[str, str]] = {
    "google": "GoogleAuth2LoginHandler",
    "github": "GithubLoginHandler",
    "gitlab": "GitLabLoginHandler",
    "okta": "OktaLoginHandler",
}
_OWN_ADDRESS: Final[Mapping[str, str]] = {
    "github": "FLOWER_GITHUB_OAUTH_DOMAIN",
    "gitlab": "FLOWER_GITLAB_OAUTH_DOMAIN",
    "okta": "FLOWER_OAUTH2_OKTA_BASE_URL",
}
"""Where Flower looks for the address of a provider that has not one for all the world."""

log = structlog.get_logger("flux.flower")


def run_flower(settings: Settings, *, without_auth: bool) -> None:
    """Run Flower on the same broker, until SIGTERM or SIGINT; what it has seen is kept.

    Args:
        settings: they say who may look; `--without-auth` is for a machine of one's own, and where they say nothing.
        without_auth: whether anybody may look.

    Raises:
        CliError: nobody could look, or anybody; the port is taken; the history cannot be kept where it is wanted.
        SettingsError: there is no broker.
    """
    access, addresses = access_options(settings), provider_addresses(settings)
    if not access and not without_auth:
        raise CliError(
            "Flower shows account and event ids, so it needs a password: set FLUX_FLOWER_BASIC_AUTH=user:password, "
            "or FLUX_FLOWER_OAUTH_PROVIDER."
        )
    settings.need_redis_url()
    port = resolve_port(settings.flower_host, settings.flower_port, "FLUX_FLOWER_PORT")
    set_up_logs(settings.log_format, settings.log_level)
    # its history is Python's pickle, which whoever could write it would have run
    os.umask(0o077)
    history = _history(settings)
    for name in names_with(os.environ, FLOWER):
        del os.environ[name]
    from workers.app import app

    os.environ |= addresses
    if not access:
        os.environ["FLOWER_UNAUTHENTICATED_API"] = "true"
    from flux_dispatch.cli.flower_parts import replace_parts

    replace_parts()
    options = [f"--conf={Path(config.flowerconfig.__file__)}", f"--address={settings.flower_host}", f"--port={port}"]
    options += [f"--url_prefix={settings.flower_url_prefix}"] if settings.flower_url_prefix else []
    options += [f"--db={history}", "--persistent=true"] if history else []
    app.start(["--quiet", "flower", *options, *access, "--logging=error"])


def access_options(settings: Settings) -> list[str]:
    """Return Flower's options that say who may look; none where the settings say nothing.

    Raises:
        CliError: OAuth lacks something, or there are passwords, too.
    """
    provider = settings.flower_oauth_provider
    if provider is None:
        _refuse_rest(settings)
        return [f"--basic_auth={settings.flower_basic_auth}"] if settings.flower_basic_auth else []
    if settings.flower_basic_auth:
        raise CliError(
            "Flower asks for a password or signs in by OAuth: set FLUX_FLOWER_BASIC_AUTH or OAuth, not both."
        )
    needed = ["flower_oauth_key", "flower_oauth_secret", "flower_oauth_emails", "flower_url"]
    needed += ["flower_oauth_url"] if provider == "okta" else []
    for name in needed:
        if not getattr(settings, name):
            raise CliError(f"Signing in to Flower by {provider} needs {PREFIX}{name.upper()}: {_NEEDED[name]}.")
    secret = str(settings.flower_oauth_secret)
    # whoever is signed in stays so over a restart, and nobody when the secret is changed
    cookies = hmac.new(secret.encode(), b"flux flower cookies", hashlib.sha256).hexdigest()
    return [
        f"--auth_provider=flower.views.auth.{_HANDLERS[provider]}",
        f"--auth={_pattern(settings.flower_oauth_emails)}",
        f"--oauth2_key={settings.flower_oauth_key}",
        f"--oauth2_secret={secret}",
        f"--oauth2_redirect_uri={str(settings.flower_url).rstrip('/')}/login",
        f"--cookie_secret={cookies}",
    ]


_NEEDED: Final[Mapping[str, str]] = {
    "flower_oauth_key": "the client id that the provider gave",
    "flower_oauth_secret": "the client secret that the provider gave",
    "flower_oauth_emails": "who is let in, like ann@example.com or *@example.com",
    "flower_url": "where people reach Flower, like https://flower.example.com; /login behind it is the redirect URI",
    "flower_oauth_url": "the issuer, like https://example.okta.com/oauth2/default",
}


def _refuse_rest(settings: Settings) -> None:
    for name in ("flower_oauth_key", "flower_oauth_secret", "flower_oauth_emails", "flower_oauth_url"):
        if getattr(settings, name):
            raise CliError(f"{PREFIX}{name.upper()} is set, and FLUX_FLOWER_OAUTH_PROVIDER is not: {_PROVIDERS}.")


_PROVIDERS: Final = "it is google, github, gitlab or okta"


def _pattern(emails: tuple[str, ...]) -> str:
    """Return these addresses as Flower reads them: letter by letter, with those that GitHub tells in small letters."""
    if emails[0].startswith("*"):
        return emails[0].lower().replace("*", ".*")
    return "|".join(dict.fromkeys(spelt for each in emails for spelt in (each, each.lower())))


def provider_addresses(settings: Settings) -> dict[str, str]:
    """Return the variables by which Flower finds a provider that has an address of its own.

    Raises:
        CliError: the provider has none.
    """
    provider, url = settings.flower_oauth_provider, settings.flower_oauth_url
    if provider is None or url is None:
        return {}
    if provider not in _OWN_ADDRESS:
        raise CliError(f"FLUX_FLOWER_OAUTH_URL is for github, gitlab and okta; {provider} has one address.")
    return {_OWN_ADDRESS[provider]: url if provider == "okta" else url.partition("://")[2]}


def _history(settings: Settings) -> Path | None:
    """Return the file for the history; none where it cannot be kept, and nobody asked for it there.

    Raises:
        CliError: it cannot be kept where it was asked for.
    """
    path = (settings.flower_db or settings.home / HISTORY).absolute()
    try:
        _hold(path)
    except OSError as error:
        why = f"{path} cannot be used for Flower's history: {error.strerror}"
        if settings.flower_db:
            raise CliError(f"{why}. Choose another file with FLUX_FLOWER_DB.") from None
        log.warning("flower.history_not_kept", cause=why, mend="set FLUX_FLOWER_DB to a file that can be written")
        return None
    return path


def _hold(path: Path) -> None:
    """Hold this file for as long as the process lives; two of Flower's would write over each other's history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise OSError(None, "it is a directory")
    if path.exists():
        path.open("r+b").close()
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OSError(None, "another Flower keeps its own in it") from None
