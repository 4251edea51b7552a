"""FLUX_HOME: what `flux up` keeps between its starts, for its owner's eyes only."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flux_dispatch.cli.errors import CliError


class Home:
    """The directory, with its lock, its API key, and up.json while everything runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(os.path.realpath(directory))
        self._up = self.directory / "up.json"
        self._key = self.directory / "api-key"

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

    def publish(self, running: Mapping[str, Any]) -> None:
        """Write up.json: from now on everything is ready."""
        _write_private(self._up, json.dumps(running, indent=2) + "\n")


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
