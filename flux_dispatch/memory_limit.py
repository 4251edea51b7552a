"""How much memory a process apart may take: what it works on is a customer's, and must not cost the others theirs."""

import resource
from contextlib import suppress


def limit_memory(most: int) -> None:
    """Take no more than so many bytes of address space, or than this machine's operator allows if that is less."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = most if hard == resource.RLIM_INFINITY else min(hard, most)
    with suppress(ValueError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
