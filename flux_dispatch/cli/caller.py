"""Who runs a command, as the audit log has them: the user, and on which machine."""

import getpass
import os
import socket

from flux_dispatch.domain.audit_entry import Acting, Actor, ActorKind


def caller() -> Acting:
    """Return who runs this process; a user without a name, as in some containers, by their number."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return Acting(Actor(ActorKind.COMMAND, name=f"{user}@{socket.gethostname()}"))
