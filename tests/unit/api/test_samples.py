"""What the reference page shows of each call can be pasted: curl gets what was meant, and the SDK has the methods."""

import ast
import inspect
import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from flux_webhooks import Flux

from flux_dispatch.api.openapi.document import document
from flux_dispatch.api.reference.samples import curl, node, python
from flux_dispatch.api.reference.samples.call import Call
from flux_dispatch.api.routes import ROUTES

SERVER = "https://flux.example"
CALLS = [
    pytest.param(Call.of(SERVER, method.upper(), path, operation, "Answer"), id=operation["operationId"])
    for path, methods in document(ROUTES, SERVER)["paths"].items()
    for method, operation in methods.items()
]
ODD = {"it's": "a 'quoted' \"text\" with $HOME, `id`, !history, \\ and\nmore", "list": [{}, [], None, True, 1.5, "é"]}


@pytest.mark.parametrize("call", CALLS)
def test_curl_gets_what_was_meant(call: Call) -> None:
    arguments = _arguments(curl.sample(call))
    assert [each for each in arguments if each.startswith(SERVER)] == [
        call.url + (f"?limit={call.query['limit']}" if call.query else "")
    ]
    assert "Authorization: Bearer sk_live_x" in arguments
    assert ("-X" in arguments) == (call.method != "GET")
    if call.body is not None:
        assert json.loads(arguments[arguments.index("-d") + 1]) == call.body


@pytest.mark.parametrize("call", CALLS)
def test_the_sdk_takes_what_is_shown(call: Call) -> None:
    bound, shown = _bound(call)
    assert bound == {**dict(zip(call.path, call.path.values(), strict=True)), **shown}


def test_odd_values_stay_what_they_are() -> None:
    (first, *_) = (each.values[0] for each in CALLS)
    call = replace(first, body=ODD, resource="webhooks", verb="odd")
    arguments = _arguments(curl.sample(call))
    assert json.loads(arguments[arguments.index("-d") + 1]) == ODD
    nested = python.sample(replace(call, body={"data": ODD}))
    (keyword,) = _last_call(nested).keywords
    assert ast.literal_eval(keyword.value) == ODD
    assert '"it\'s": "a \'quoted\' \\"text\\" with $HOME, `id`, !history, \\\\ and\\nmore"' in node.sample(call)


def _arguments(command: str) -> list[str]:
    """Return what a shell gives to curl."""
    script = f"curl() {{ printf '%s\\0' \"$@\"; }}\n{command}\n"
    run = subprocess.run(
        ["bash", "-c", script], env={"FLUX_API_KEY": "sk_live_x"}, capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    return run.stdout.split("\0")[:-1]


def _last_call(source: str) -> ast.Call:
    """Return the call of an operation in a program."""
    calls = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Call)]
    return next(each for each in calls if ast.unparse(each.func).startswith("flux."))


def _bound(call: Call) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the parameters that the SDK's method gets from a sample, and those that it was to get by name."""
    shown = _last_call(python.sample(call))
    method: Any = Flux("sk_live_x", api_url=SERVER)
    for name in ast.unparse(shown.func).split(".")[1:]:
        method = getattr(method, name)
    given = inspect.signature(method).bind(
        *map(ast.literal_eval, shown.args),
        **{each.arg: ast.literal_eval(each.value) for each in shown.keywords if each.arg},
    )
    key = {"idempotency_key": call.idempotency_key} if call.idempotency_key else {}
    return given.arguments, {**call.query, **(call.body or {}), **key}
