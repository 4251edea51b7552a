"""Every page of the dashboard with something to see: each that has a route, and what some look like otherwise."""

import re
from typing import Final

from aiohttp import web

from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.dashboard.pages import PAGES
from tests.support.believable import Believable

NO_PAGES: Final = frozenset(
    {
        "/",
        "/sign-in",
        "/sign-in/{token}",
        "/accent.css",
        "/{account}/stream",
        "/{account}/webhooks/check-url",
        "/{account}/events/{event}/payload",
    }
)
"""Routes that lead elsewhere, are for those who are not signed in, or answer no HTML."""


def every_page(found: Believable) -> dict[str, str]:
    """Return the path of each page by a name for it; a route that is new is among them by itself.

    Raises:
        KeyError: a route names something that `Believable.paths` has no value for.
    """
    routes = [each for each in _routes() if each not in NO_PAGES]
    pages = {_name(each): ROOT + each.format(**_given(each, found)) for each in routes}
    lists = [each for each in routes if re.fullmatch(r"/{account}/[a-z-]*", each)]
    pages |= {f"{_name(each)}-empty": ROOT + each.format(account=found.empty) for each in lists}
    return pages | _otherwise(found)


def _routes() -> list[str]:
    """Return the paths that answer GET, as they are written, without what their names must match."""
    gets = [each for table in PAGES for each in table if isinstance(each, web.RouteDef) and each.method == "GET"]
    return [re.sub(r"{(\w+):[^}]*}", r"{\1}", each.path) for each in gets]


def _given(route: str, found: Believable) -> dict[str, str]:
    # what comes after Create is shown for a quarter of an hour
    is_new = route.endswith("/ready")
    return found.paths | ({"account": found.newcomer, "webhook": found.fresh} if is_new else {})


def _name(route: str) -> str:
    """Return a name like webhooks-one-edit."""
    parts = re.sub(r"{\w+}", "one", route.removeprefix("/{account}/")).strip("/").replace("+", "").split("/")
    return "-".join(parts) if parts != [""] else "overview"


def _otherwise(found: Believable) -> dict[str, str]:
    """Return pages that a route has shown already, as they look in other cases."""
    webhooks = f"{ROOT}/{found.account}/webhooks"
    return {
        "webhooks-fails": f"{webhooks}/{found.fails}",
        "webhooks-gone": f"{webhooks}/{found.gone}",
        "webhooks-month": f"{webhooks}/{found.works}?period=30d",
        "webhooks-none-fits": f"{webhooks}?search=nothing",
        "overview-week": f"{ROOT}/{found.account}/?period=7d",
        "events-failed": f"{ROOT}/{found.account}/events?status=failed",
        "events-extreme": f"{ROOT}/{found.extreme}/events/{found.largest}",
        "deliveries-extreme": f"{ROOT}/{found.extreme}/deliveries/{found.answered}",
        "deliveries-given-up": f"{ROOT}/{found.account}/deliveries/{found.given_up}",
        "event-types-extreme": f"{ROOT}/{found.extreme}/event-types",
        "audit-log-extreme": f"{ROOT}/{found.extreme}/audit-log",
        "audit-log-none-fits": f"{ROOT}/{found.account}/audit-log?actor=command",
        "alert-channels-one-edit-elsewhere": f"{ROOT}/{found.account}/alert-channels/{found.channel}/edit?way=email",
        "overview-extreme": f"{ROOT}/{found.extreme}/",
        "webhooks-extreme": f"{ROOT}/{found.extreme}/webhooks",
        "webhooks-new-extreme": f"{ROOT}/{found.extreme}/webhooks/new",
        "webhooks-one-extreme": f"{ROOT}/{found.extreme}/webhooks/{found.longest}",
        "webhooks-delete-extreme": f"{ROOT}/{found.extreme}/webhooks/{found.longest}/delete",
    }
