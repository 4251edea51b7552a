"""How workers reach the tunnel: the one place that is no address of a customer's choice, and may be private."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from flux_dispatch.domain.address import AddressPolicy
from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.url import RELAYED

ANYWHERE: Final = AddressPolicy(allow=(ip_network("0.0.0.0/0"), ip_network("::/0")))
"""What the operator's own host may resolve to."""


@dataclass(frozen=True, slots=True)
class TunnelWay:
    """Where the operator says that the API is.

    Args:
        origin: below which URL those of listen sessions are; None: wherever their makers reached the API.
        via: where workers reach the API, if it is not there.
    """

    origin: str | None = None
    via: str | None = None

    def url_of(self, claim: Claim) -> str | None:
        """Return where to POST what goes to a listen session; None where it is to be POSTed like anything else.

        What is returned begins with what the operator wrote, so only a webhook of a session at that very place is
        exempt from the guard.
        """
        if not claim.is_listen:
            return None
        if self.via is not None:
            return f"{self.via}{RELAYED}{claim.url.partition(RELAYED)[2]}"
        if self.origin is not None and claim.url.startswith(f"{self.origin}{RELAYED}"):
            return claim.url
        return None
