"""The signing secret of this machine: the same in each session with one API, so that a local server is set up once."""

import fcntl
import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.output.terminal import note

FILE: Final = "listen-secrets.json"
_SECRET_BYTES: Final = 24


def kept_secret(api_url: str) -> str:
    """Return the secret for sessions with this API; it is made, and kept for its owner's eyes only, the first time.

    Raises:
        CliError: the file that keeps it cannot be used.
    """
    try:
        place = secrets_file()
    except RuntimeError:
        raise CliError("There is no home directory to keep the signing secret in: set FLUX_HOME.") from None
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
            # two commands that begin at one moment make one secret
            fcntl.flock(file, fcntl.LOCK_EX)
            return _secret_in(file, place, api_url)
    except OSError as error:
        raise CliError(
            f"{place} cannot be used: {error.strerror}. The signing secret of this machine is kept there; "
            "set FLUX_HOME to a directory of yours."
        ) from None


def secret_or_none(api_url: str) -> str | None:
    """Return the kept secret, or None, and say why, if it cannot be kept."""
    try:
        return kept_secret(api_url)
    except CliError as error:
        note(f"flux: {error} This session gets a secret of its own.")
        return None


def secrets_file() -> Path:
    """Return where the secrets are kept: FLUX_HOME if that is set, else the user's own configuration."""
    home = os.environ.get("FLUX_HOME")
    if home:
        return Path(home) / FILE
    configuration = os.environ.get("XDG_CONFIG_HOME")
    return (Path(configuration) if configuration else Path.home() / ".config") / "flux" / FILE


def _secret_in(file: Any, place: Path, api_url: str) -> str:  # noqa: ANN401 - an open file of text
    text = file.read()
    try:
        secrets = json.loads(text) if text else {}
    except ValueError:
        secrets = None
    if not isinstance(secrets, dict):
        raise CliError(f"{place} is not what `flux listen` keeps there: delete it, and a new secret is made.")
    name = api_url.rstrip("/").removesuffix("/v1")
    if not isinstance(secrets.get(name), str):
        secrets[name] = f"whsec_{b64encode(os.urandom(_SECRET_BYTES)).decode()}"
        file.seek(0)
        file.write(json.dumps(secrets, indent=2) + "\n")
        file.truncate()
    return str(secrets[name])
