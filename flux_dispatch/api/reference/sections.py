"""The sections that belong to no resource: what the description says of all calls, and the code beside it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flux_dispatch.web.samples import Sample


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its text in Markdown, and what stands beside it; `id` is its anchor."""

    id: str
    title: str
    text: str
    samples: Sequence[Sample]


def sections_of(document: Mapping[str, Any]) -> Sequence[Section]:
    """Return the sections of the document's description: the one before its first heading, then one for each."""
    beside = _beside(document)
    opening, *rest = re.split(r"(?m)^## (.+)\n", document["info"]["description"])
    pairs = [("Introduction", opening), *zip(rest[::2], rest[1::2], strict=True)]
    made = [(re.sub(r"\W+", "-", title.lower()), title, text.strip()) for title, text in pairs]
    return [Section(anchor, title, text, beside.get(anchor, ())) for anchor, title, text in made]


def received_example(webhook: Mapping[str, Any]) -> str:
    """Return a request as it reaches a receiver."""
    (content,) = webhook["requestBody"]["content"].values()
    example = next(iter(content["examples"].values()))["value"]
    headers = [f"{each['name']}: {each['example']}" for each in webhook["parameters"]]
    body = json.dumps(example, separators=(",", ":"))
    return "\n".join(["POST /hooks HTTP/1.1", "content-type: application/json", *headers, "", body])


def _beside(document: Mapping[str, Any]) -> Mapping[str, Sequence[Sample]]:
    server = document["servers"][0]["url"]
    error = document["components"]["examples"]["invalid_value"]["value"]
    return {
        "introduction": [
            Sample("Base URL", "text", server),
            Sample("Python", "bash", "pip install flux-webhooks"),
            Sample("Node", "bash", "npm install @flux/node"),
        ],
        "keys": list(_keys(server)),
        "errors": [Sample("An error", "json", json.dumps(error, indent=2))],
        "idempotency": [Sample("Publish once", "python", _PUBLISH_ONCE)],
        "lists": [Sample("Python", "python", _ALL_PAGES), Sample("Node", "javascript", _ALL_PAGES_NODE)],
        "rate-limits": [Sample("Headers of an answer", "http", _LIMITED)],
    }


def _keys(server: str) -> Iterator[Sample]:
    yield Sample(
        "curl",
        "bash",
        "export FLUX_API_KEY=sk_live_…\n\n"
        f'curl {server}/v1/webhooks \\\n  -H "Authorization: Bearer $FLUX_API_KEY"\n\n'
        "# a platform key names the account\n"
        f'curl {server}/v1/webhooks \\\n  -H "Authorization: Bearer $FLUX_API_KEY" \\\n  -H "Flux-Account: ext:cus_42"',
    )
    yield Sample(
        "Python",
        "python",
        "from flux_webhooks import Flux\n\n"
        f"# the key is taken from FLUX_API_KEY\nflux = Flux(api_url={json.dumps(server)})\n\n"
        '# a platform key names the account\ncustomer = flux.with_account("ext:cus_42")',
    )
    yield Sample(
        "Node",
        "javascript",
        'import { Flux } from "@flux/node";\n\n'
        f"// the key is taken from FLUX_API_KEY\nconst flux = new Flux({{ apiUrl: {json.dumps(server)} }});\n\n"
        '// a platform key names the account\nconst customer = flux.withAccount("ext:cus_42");',
    )


_PUBLISH_ONCE = """\
flux.events.publish(
    "order.completed",
    {"order": "ord_1001"},
    idempotency_key="order-1001-completed",
)"""

_ALL_PAGES = """\
# fetches the next page when it is needed
for event in flux.events.list(status="failed"):
    print(event.id)"""

_ALL_PAGES_NODE = """\
// fetches the next page when it is needed
for await (const event of flux.events.list({ status: "failed" })) {
  console.log(event.id);
}"""

_LIMITED = """\
HTTP/1.1 429 Too Many Requests
RateLimit-Limit: 100
RateLimit-Remaining: 0
RateLimit-Reset: 1
Retry-After: 1"""
