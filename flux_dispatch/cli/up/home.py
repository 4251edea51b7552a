"""FLUX_HOME: what `flux up` keeps between its starts, for its owner's eyes only."""

import fcntl
import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flux_dispatch.cli.errors import CliError

_ENCRYPTION_KEY_BYTES = 32


class Home:
    """The directory, with its lock, its API key, its encryption key, and up.json while everything runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(os.path.realpath(directory))
        self._up = self.directory / "up.json"
        self._key = self.directory / "api-key"
        self._encryption_key = self.directory / "encryption-key"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process.

        Raises:
            CliError: it cannot be written to, or another `flux up` holds it.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = (self.directory / "lock").open("a")
        except OSError as error:
            raise CliError(f"{self.directory} cannot be used: {error.strerror}. Set FLUX_HOME to another.") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CliError(
                    f"Another `flux up` runs in {self.directory}. Stop it, or set FLUX_HOME to another directory."
                ) from None
            try:
                yield
            finally:
                self._up.unlink(missing_ok=True)

    def key(self) -> str | None:
        """Return the API key of an earlier start."""
        return self._key.read_text().strip() if self._key.exists() else None

    def keep_key(self, key: str) -> None:
        """Keep an API key for later starts."""
        _write_private(self._key, key + "\n")

    def encryption_keys(self, given: str) -> str:
        """Return FLUX_ENCRYPTION_KEYS: those that are given, then the one kept here, which is made if there is none.

        The kept one stays in use beside given ones, for what it has sealed before.
        """
        if not given and not self._encryption_key.exists():
            _write_private(self._encryption_key, b64encode(os.urandom(_ENCRYPTION_KEY_BYTES)).decode() + "\n")
        return self.kept_encryption_keys(given)

    def kept_encryption_keys(self, given: str) -> str:
        """Return FLUX_ENCRYPTION_KEYS as above, and make none."""
        kept = self._encryption_key.read_text().strip() if self._encryption_key.exists() else ""
        return ",".join(dict.fromkeys(each.strip() for each in f"{given},{kept}".split(",") if each.strip()))

    def publish(self, running: Mapping[str, Any]) -> None:
        """Write up.json: from now on everything is ready."""
        _write_private(self._up, json.dumps(running, indent=2) + "\n")


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
