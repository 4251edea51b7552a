"""The settings as every command gets them, with a word about variables that only look like settings."""

import os
import sys
from contextlib import suppress

from config.settings import Settings, load_settings, service_links


def given_settings() -> Settings:
    """Return the settings of this process; what Kubernetes wrote is told, and kept from the processes that we start.

    Raises:
        SettingsError: a variable with our prefix is unknown, or a value is wrong.
    """
    settings = load_settings()
    links = service_links(os.environ)
    if links:
        more = f" and {len(links) - 1} more" if len(links) > 1 else ""
        with suppress(OSError):
            sys.stderr.write(
                f"flux: {min(links, key=len)}{more} ignored: Kubernetes sets such for a service of this name "
                "(enableServiceLinks: false keeps them away).\n"
            )
    for name in links:
        del os.environ[name]
    return settings
