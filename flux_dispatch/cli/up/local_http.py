"""HTTP to processes on this machine: no proxy, no certificate file, nothing else of the shell's stands in between."""

import ssl
from typing import Any, Final

import httpx

_NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: the processes speak plain HTTP, and reading a file of certificates could fail, and takes time."""


def local_client(**options: Any) -> httpx.AsyncClient:  # noqa: ANN401 - httpx's own
    """Return a client for this machine alone, with these options of httpx."""
    return httpx.AsyncClient(trust_env=False, verify=_NO_CERTIFICATES, **options)
