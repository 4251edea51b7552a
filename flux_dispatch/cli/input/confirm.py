"""The question before what cannot be undone."""

import sys

from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.output.terminal import is_asked
from flux_dispatch.cli.output.text import one_line


def confirm(what: str, *, yes: bool) -> None:
    """Return if somebody says yes to this, or has said it before.

    Raises:
        CliError: they said no, or there is nobody to ask.
    """
    if yes:
        return
    if not is_asked():
        raise CliError(f"{one_line(what)} Nobody can be asked without a terminal: say --yes if it shall be so.")
    sys.stderr.write(f"{one_line(what)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CliError("Nothing was changed.")
