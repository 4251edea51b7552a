"""Variables that only look like settings: Kubernetes sets some in every container, named after its services."""

import re
from collections.abc import Mapping

from config.settings.prefix import PREFIX

_HOST = r"[0-9a-fA-F.:]+"
_URL = rf"(?:tcp|udp|sctp)://\[?{_HOST}\]?:\d+"
_SERVICE_LINKS = tuple(
    (re.compile(rf"{PREFIX}(?:[A-Z0-9_]+_)?{name}"), re.compile(value))
    for name, value in (
        ("SERVICE_HOST", _HOST),
        (r"SERVICE_PORT(?:_[A-Z0-9_]+)?", r"\d+"),
        (r"PORT(?:_\d+_(?:TCP|UDP|SCTP))?", _URL),
        (r"PORT_\d+_(?:TCP|UDP|SCTP)_PROTO", "tcp|udp|sctp"),
        (r"PORT_\d+_(?:TCP|UDP|SCTP)_PORT", r"\d+"),
        (r"PORT_\d+_(?:TCP|UDP|SCTP)_ADDR", _HOST),
    )
)
"""What Kubernetes sets in every container for a service named flux, flux-api and the like: names and values."""


def service_links(environment: Mapping[str, str]) -> list[str]:
    """Return the names of variables that begin like settings and are none: Kubernetes names its services so.

    They are known by their form. One that has the name of a setting (FLUX_API_PORT, for a service named flux-api) is
    known by its value; a container's own environment goes before such links, so nothing of the operator's is lost.
    """
    return [
        name
        for name, value in environment.items()
        if name.startswith(PREFIX)
        and any(form.fullmatch(name) and content.fullmatch(value) for form, content in _SERVICE_LINKS)
    ]
