"""Where `flux keys` works: in the database, for whoever has that, or over the API, within what its key may do."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import flux_webhooks

from flux_dispatch.cli.client.connection import open_client, told_refusals
from flux_dispatch.cli.client.target import Target, find_target, running_here
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.errors import CliError
from flux_dispatch.domain.api_key import PREFIX, ApiKey, Limits, validate_new_api_key


@dataclass(frozen=True, slots=True)
class WantedKey:
    """A key as the command line asks for it; `expires_in` is days from now."""

    account: str | None
    scopes: tuple[str, ...]
    name: str
    expires_in: int | None
    platform: bool

    def expires_at(self) -> datetime | None:
        """Return when it shall end."""
        return None if self.expires_in is None else datetime.now(UTC) + timedelta(days=self.expires_in)


class KeysPlace(Protocol):
    """Makes, lists and revokes keys, which are told as the API tells them."""

    def create(self, wanted: WantedKey) -> dict[str, Any]:
        """Make a key; the answer holds it."""

    def known(self) -> list[dict[str, Any]]:
        """Return the keys that there are."""

    def revoke(self, key_id: str) -> None:
        """End a key. Raises CliError if there is none."""


def keys_place() -> KeysPlace:
    """Return where to work: what is told goes before what is set, and that before what `flux up` runs here.

    Raises:
        CliError: nothing says where.
        SettingsError: a variable with our prefix is unknown, or a value is wrong.
    """
    from flux_dispatch.cli.given import given_settings

    options, settings = shared_options(), given_settings()
    if options.api_url or options.api_key:
        return _OverApi(find_target(options))
    if settings.database_url:
        return _InDatabase(settings.database_url)
    if settings.api_url or settings.api_key:
        return _OverApi(find_target(options))
    running = running_here()[1].get("database_url")
    if running:
        return _InDatabase(str(running))
    raise CliError(
        "Keys are in the database: set FLUX_DATABASE_URL, or go over the API with FLUX_API_URL and FLUX_API_KEY."
    )


class _InDatabase:
    def __init__(self, url: str) -> None:
        self._url = url

    def create(self, wanted: WantedKey) -> dict[str, Any]:
        from flux_dispatch.cli.stored_api_keys import new_key

        checked = validate_new_api_key(
            scopes=wanted.scopes, name=wanted.name, expires_at=wanted.expires_at(), limits=Limits()
        )
        record, key = new_key(self._url, wanted.account, checked, platform=wanted.platform)
        return _told(record) | {"key": key}

    def known(self) -> list[dict[str, Any]]:
        from flux_dispatch.cli.stored_api_keys import known_keys

        return [_told(each) for each in known_keys(self._url)]

    def revoke(self, key_id: str) -> None:
        from flux_dispatch.cli.stored_api_keys import revoke_key

        if not revoke_key(self._url, key_id):
            raise CliError(f"There is no working key {key_id}. `flux keys list` shows them.")


class _OverApi:
    def __init__(self, target: Target) -> None:
        self._target = target

    def create(self, wanted: WantedKey) -> dict[str, Any]:
        with told_refusals(self._target), open_client(self._target, wanted.account) as flux:
            if wanted.account is None:
                _check_kind(flux, wanted)
            made = flux.api_keys.create(wanted.scopes, name=wanted.name or None, expires_at=wanted.expires_at())
        return made.raw

    def known(self) -> list[dict[str, Any]]:
        with told_refusals(self._target), open_client(self._target, None) as flux:
            return [each.raw for each in flux.api_keys.list(limit=100)]

    def revoke(self, key_id: str) -> None:
        with told_refusals(self._target), open_client(self._target, None) as flux:
            flux.api_keys.revoke(key_id)


def _check_kind(flux: "flux_webhooks.Flux", wanted: WantedKey) -> None:
    """Return if the key that this would make is of the kind that was asked for: the API makes one of its own kind.

    Raises:
        CliError: it would be a platform key, and nobody asked for that.
        PermissionDeniedError: it would be none.
    """
    try:
        flux.accounts.list(limit=1)
    except flux_webhooks.PermissionDeniedError:
        if wanted.platform:
            raise
        return
    if not wanted.platform:
        raise CliError("This is a platform key: name the account of the new one with --account, or say --platform.")


def _told(key: ApiKey) -> dict[str, Any]:
    """Return a key's record as the API tells it, and when it was revoked."""
    return {
        "id": key.id,
        "object": "api_key",
        "name": key.name,
        "account": key.account,
        "scopes": list(key.scopes),
        "prefix": PREFIX,
        "last4": key.last4,
        "events_per_second": key.limits.events_per_second,
        "requests_per_second": key.limits.requests_per_second,
        "created": _utc(key.created_at),
        "expires_at": _utc(key.expires_at),
        "last_used_at": _utc(key.last_used_at),
        "revoked_at": _utc(key.revoked_at),
    }


def _utc(instant: datetime | None) -> str | None:
    from flux_dispatch.cli.output.times import utc

    return None if instant is None else utc(instant)
