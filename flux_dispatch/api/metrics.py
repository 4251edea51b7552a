"""/metrics on the API's own port: what Prometheus reads, for whoever shows the token that the operator has set."""

import hmac
from typing import Final, Protocol

from aiohttp import web

from flux_dispatch.domain.errors import Unauthenticated


class Metrics(Protocol):
    """What was measured, for Prometheus; `token` is what a scraper must show, None where nobody may see it here."""

    token: str | None

    async def answer(self, request: web.Request) -> web.Response:
        """Return it in the form that this request takes."""
        ...


METRICS: Final[web.AppKey[Metrics]] = web.AppKey("metrics")
"""Where a handler finds them: `request.app[METRICS]`."""

routes = web.RouteTableDef()


@routes.get("/metrics")
async def show_metrics(request: web.Request) -> web.Response:
    """Show what was measured of this process and of the whole installation.

    It tells how much all customers do together, so it takes a token, and not a key: keys are looked up in the database,
    whose outages are among what is measured.
    """
    metrics = request.app.get(METRICS)
    if metrics is None or not is_bearer(request, metrics.token):
        raise Unauthenticated(_HOW)
    return await metrics.answer(request)


def is_bearer(request: web.Request, token: str | None) -> bool:
    """Say whether a request shows this token; where there is none, no request does."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token is None or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(errors="replace"), token.encode())


_HOW: Final = (
    "Metrics take the header Authorization: Bearer … with FLUX_METRICS_TOKEN. Where that is not set, they are served "
    "on FLUX_METRICS_PORT only."
)
