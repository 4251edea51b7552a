"""TLS as a receiver's customer meets it: a good certificate is taken, and each bad one is refused with its reason."""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import trustme

from tests.http.test_sender import OK
from tests.support.raw_receivers import answering, listening

POSTING = """
import asyncio, json, sys
from flux_dispatch.domain.outcome import to_record
from flux_dispatch.http.sender import AiohttpSender, SenderLimits
from tests.http.test_sender import LOCAL, send

async def main():
    async with AiohttpSender(SenderLimits(timeout_seconds=5), LOCAL) as sender:
        records = [to_record(await send(sender, url)) for url in sys.argv[1:]]
    print(json.dumps([[each.status, each.error, each.detail or each.excerpt] for each in records]))

asyncio.run(main())
"""


async def test_what_each_certificate_gets(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    past = datetime(2020, 1, 1, tzinfo=UTC)
    old_fashioned = _server(authority.issue_cert("localhost"), ssl.TLSVersion.TLSv1_1)
    async with (
        listening(answering(OK), _server(authority.issue_cert("localhost"))) as good,
        listening(
            answering(OK), _server(authority.issue_cert("localhost", not_before=past, not_after=past))
        ) as expired,
        listening(answering(OK), _server(authority.issue_cert("other.example"))) as other,
        listening(answering(OK), _server(trustme.CA().issue_cert("localhost"))) as unknown,
    ):
        with _refusing(old_fashioned) as old:
            ports = [good, expired, other, old, unknown]
            records = await _posted([f"https://localhost:{port}/" for port in ports], tmp_path / "authority.pem")
    assert records[0] == [200, None, "ok"]
    assert [error for _, error, _ in records[1:]] == ["tls_error"] * 4
    reasons = ["certificate has expired", "Hostname mismatch", "protocol version", "unable to get local issuer"]
    for reason, (_, _, detail) in zip(reasons, records[1:], strict=True):
        assert reason.lower() in detail.lower()


async def _posted(urls: list[str], authority: Path) -> list[list[str]]:
    """POST from a process of its own: the authorities that are trusted are read when a program starts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", POSTING, *urls),
        env={**os.environ, "SSL_CERT_FILE": str(authority)},
        stdout=subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return json.loads(said)


@contextmanager
def _refusing(context: ssl.SSLContext) -> Iterator[int]:
    """Serve one handshake that fails, on a blocking socket: asyncio's servers drop the alert that says why."""

    def serve() -> None:
        with server.accept()[0] as connection, suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def _server(certificate: trustme.LeafCert, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if newest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):  # an old version is the point
            context.minimum_version = context.maximum_version = newest
    return context
