"""A call in Python, with our SDK."""

import json

from flux_dispatch.api.reference.samples.call import Call
from flux_dispatch.api.reference.samples.literals import PYTHON


def sample(call: Call) -> str:
    """Return the program."""
    return f"from flux_webhooks import Flux\n\nflux = Flux(api_url={json.dumps(call.server)})\n\n{_statement(call)}"


def _statement(call: Call) -> str:
    named = dict(call.fields)
    if call.idempotency_key:
        named["idempotency_key"] = call.idempotency_key
    arguments = [PYTHON.literal(each, 4) for each in call.arguments]
    arguments += [f"{name}={PYTHON.literal(value, 4)}" for name, value in named.items()]
    called = f"flux.{call.resource}.{call.verb}"
    if call.is_list:
        return f"{PYTHON.call(f'for {call.answers} in {called}', arguments)}:\n    print({call.answers}.id)"
    return PYTHON.call(f"{call.answers} = {called}" if call.answers else called, arguments)
