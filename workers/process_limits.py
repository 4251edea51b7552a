"""What a process may have of the system's: as much as it is allowed to take."""

import resource


def allow_many_sockets() -> None:
    """Raise the soft limit of open files to the hard one: each POST under way and each client is a socket."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
