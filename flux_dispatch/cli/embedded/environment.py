"""The environment of the servers: nothing in it depends on the shell that they are started from."""

import os
from collections.abc import Mapping

_STEERING = ("PG", "LC_", "LANG")
"""How names begin that steer PostgreSQL's programs: settings of another database, locales that may not exist here."""


def server_environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a server: ours (or the one given), in the locale and the time zone that always are."""
    source = os.environ if given is None else given
    kept = {name: value for name, value in source.items() if not name.startswith(_STEERING)}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
