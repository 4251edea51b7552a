"""What publishes a first event, to copy: with curl and with the SDK, for the account that looks."""

from collections.abc import Sequence
from typing import Final

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.web.samples import Sample

_CURL: Final = """\
curl {url}/v1/events \\
  -H "Authorization: Bearer $FLUX_API_KEY" \\
{account}  -H "Content-Type: application/json" \\
  -d '{{"type": "order.completed", "data": {{"order": 7}}}}'"""

_PYTHON: Final = """\
from flux_webhooks import Flux

# the key is that of the environment's FLUX_API_KEY
with Flux(api_url="{url}"{account}) as flux:
    event = flux.events.publish("order.completed", {{"order": 7}})
    print(event.id, event.status)"""


def publishing(url: str, account: AccountId | None) -> Sequence[Sample]:
    """Return the samples; `account` is whom a platform key acts for, None where the key is the account's own."""
    header = f'  -H "Flux-Account: {account}" \\\n' if account else ""
    argument = f', account="{account}"' if account else ""
    return (
        Sample("curl", "bash", _CURL.format(url=url, account=header)),
        Sample("Python", "python", _PYTHON.format(url=url, account=argument)),
    )
