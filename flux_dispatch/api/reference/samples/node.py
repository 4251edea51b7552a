"""A call in Node, with our SDK."""

import json
import re
from typing import Any

from flux_dispatch.api.reference.samples.call import Call
from flux_dispatch.api.reference.samples.literals import JAVASCRIPT


def sample(call: Call) -> str:
    """Return the program."""
    flux = f"const flux = new Flux({{\n  apiUrl: {json.dumps(call.server)},\n}});"
    return f'import {{ Flux }} from "@flux/node";\n\n{flux}\n\n{_statement(call)}'


def _statement(call: Call) -> str:
    arguments: list[Any] = [*call.arguments]
    if call.fields:
        arguments.append(call.fields)
    if call.idempotency_key:
        arguments.append({"idempotencyKey": call.idempotency_key})
    called = f"flux.{_camel(call.resource)}.{_camel(call.verb)}"
    name = _camel(call.answers or "")
    if call.is_list:
        listed = JAVASCRIPT.call(called, [JAVASCRIPT.literal(each) for each in arguments])
        return f"const {name}List = {listed};\nfor await (const {name} of {name}List) {{\n  console.log({name}.id);\n}}"
    # one that stands alone breaks where the call does, several are indented
    column = 0 if len(arguments) == 1 else JAVASCRIPT.indent
    parts = [JAVASCRIPT.literal(each, column) for each in arguments]
    return JAVASCRIPT.call(f"const {name} = await {called}" if name else f"await {called}", parts) + ";"


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)
