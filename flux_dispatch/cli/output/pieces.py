"""Bytes of any length, piece by piece: to standard output, or into a file that is there when all of it is."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from flux_dispatch.cli.errors import CliError


def say_pieces(pieces: Iterable[bytes]) -> None:
    """Write them to standard output."""
    sys.stdout.flush()
    for each in pieces:
        sys.stdout.buffer.write(each)
    sys.stdout.buffer.flush()


def write_pieces(pieces: Iterable[bytes], to: Path) -> None:
    """Write them to a file, for its owner alone to read.

    Raises:
        CliError: it cannot be written; what was there before is untouched.
    """
    draft = to.with_name(f"{to.name}.{os.getpid()}.new")
    try:
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.writelines(pieces)
            draft.replace(to)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise CliError(f"{to} cannot be written: {error.strerror or error}.") from None
