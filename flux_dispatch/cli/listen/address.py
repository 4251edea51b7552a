"""Where a session's WebSocket is, and the way there: the same host, key, proxy and certificates as the API's."""

from typing import Final
from urllib.parse import urlsplit

from flux_webhooks.environment import client_options

from flux_dispatch.cli.client.target import Target
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.listen.report import Session
from flux_dispatch.cli.listen.websocket import Address
from flux_dispatch.tunnel.frames import INSTANCE_HEADER

_PROXIES: Final = ("http", "https")


def socket_address(target: Target, session: Session, account: str | None, instance: str) -> Address:
    """Return the address of a session's socket for this run of the command, which `instance` names.

    It is below the URL that the session was made at, whatever the server believes to be called: that way works.

    Raises:
        CliError: the environment's proxy cannot be used for it.
        FluxError: the environment's proxy or certificates cannot be used at all.
    """
    api_url = target.api_url.rstrip("/").removesuffix("/v1")
    options = client_options(api_url)
    proxy = options["proxy"]
    if proxy is not None and proxy.url.scheme not in _PROXIES:
        raise CliError(
            f"`flux listen` reaches no API through a {proxy.url.scheme} proxy: have NO_PROXY name "
            f"{urlsplit(api_url).hostname}."
        )
    headers = {"Authorization": f"Bearer {target.api_key}", INSTANCE_HEADER: instance}
    if account is not None:
        headers["Flux-Account"] = account
    return Address(
        url=f"{api_url}/v1/listen/{session.id}/socket",
        headers=headers,
        certificates=options["verify"] if api_url.startswith("https:") else None,
        proxy=None if proxy is None else str(proxy.url),
        proxy_login=None if proxy is None else proxy.auth,
    )
