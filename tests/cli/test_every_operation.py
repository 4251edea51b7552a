"""Each operation of the API has its command."""

import re
from typing import Final

from flux_webhooks.operations import OPERATIONS

from tests.support.tree import python_files

ANOTHER_WAY: Final = {
    "webhooks.deliveries": "deliveries list --webhook is the same list",
    "listen_sessions.create": "flux listen keeps a session as long as it runs, over a socket of its own",
    "listen_sessions.get": "as above",
    "listen_sessions.list": "as above",
    "listen_sessions.end": "as above",
}


def test_each_operation_has_its_command_or_a_reason() -> None:
    source = "\n".join(path.read_text() for path in python_files("flux_dispatch/cli"))
    called = set(re.findall(r"\bflux\.(\w+\.\w+)\(", source))
    assert set(OPERATIONS) - called == set(ANOTHER_WAY)
    assert called <= set(OPERATIONS)
