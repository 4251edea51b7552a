"""What calls an operation, as people write it: with curl, in Python, in Node."""

from collections.abc import Sequence

from flux_dispatch.api.reference.samples import curl, node, python
from flux_dispatch.api.reference.samples.call import Call
from flux_dispatch.web.samples import Sample


def samples_of(call: Call) -> Sequence[Sample]:
    """Return what makes this call."""
    return [
        Sample("curl", "bash", curl.sample(call)),
        Sample("Python", "python", python.sample(call)),
        Sample("Node", "javascript", node.sample(call)),
    ]
