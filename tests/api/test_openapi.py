"""The OpenAPI document says what there is: every route, every error, and examples that fit their schemas."""

import json
from typing import Any

import httpx
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from flux_dispatch.api.openapi.errors import ERROR_CODES
from flux_dispatch.api.openapi.operation import template_of
from flux_dispatch.api.openapi.outgoing import ANY_EVENT
from flux_dispatch.api.openapi.words import RESOURCES
from flux_dispatch.api.routes import ROUTES
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import validate_publishable_type
from flux_dispatch.domain.own_event import TYPES
from tests.support.api import documented_errors
from tests.support.described import DOCUMENT, described, resolve

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, each in DOCUMENT["paths"].items()
    for method, operation in each.items()
}


async def test_it_is_served_without_a_key_and_names_its_server(api: str) -> None:
    async with httpx.AsyncClient(base_url=api) as anybody:
        answer = await anybody.get("/openapi.json")
    assert answer.status_code == 200
    served = answer.json()
    assert served.pop("servers") == [{"url": api}]
    assert served == {name: each for name, each in DOCUMENT.items() if name != "servers"}


def test_it_is_good_openapi() -> None:
    OpenAPIV31SpecValidator(json.loads(json.dumps(DOCUMENT))).validate()


def test_every_route_is_described() -> None:
    routes = [route for table in ROUTES for route in table if isinstance(route, web.RouteDef)]
    assert {f"{route.method} {template_of(route)}" for route in routes} == set(OPERATIONS)


def test_every_operation_has_a_name_of_its_own_in_a_resource() -> None:
    names = [each["operationId"] for each in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    assert {each.partition(".")[0] for each in names} == set(RESOURCES)
    for name, each in OPERATIONS.items():
        wanted = {part[1:-1] for part in name.split("/") if part.startswith("{")}
        assert {one["name"] for one in each["parameters"] if one["in"] == "path"} == wanted


def test_every_documented_error_is_described_and_every_described_one_documented() -> None:
    assert {code: set(each.statuses) for code, each in ERROR_CODES.items()} == documented_errors()
    answered = {
        code
        for operation in OPERATIONS.values()
        for status, answer in operation["responses"].items()
        if not status.startswith("2")
        for code in resolve(answer)["content"]["application/json"]["examples"]
    }
    of_the_tunnel = {
        *("listen_session_ended", "listen_session_in_use", "upgrade_required"),
        *("local_server_failed", "listener_not_connected", "local_server_timeout"),
    }
    assert set(ERROR_CODES) - answered == {"method_not_allowed", *of_the_tunnel}, "which no operation answers"


def test_schemas_are_called_as_the_field_calls_them() -> None:
    # two classes of one name would both be called by their modules
    assert [name for name in DOCUMENT["components"]["schemas"] if "__" in name] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_examples_fit_what_they_are_examples_of(name: str) -> None:
    operation = OPERATIONS[name]
    contents = [each.get("content", {}) for each in map(resolve, operation["responses"].values())]
    contents.append(operation.get("requestBody", {}).get("content", {}))
    for content in contents:
        for each in content.values():
            examples = (
                [each["example"]] if "example" in each else [resolve(one)["value"] for one in each["examples"].values()]
            )
            for example in examples:
                _fits(each["schema"], example)
    for parameter in operation["parameters"]:
        for example in parameter["schema"].get("examples", []):
            _fits(parameter["schema"], example)


def test_examples_of_headers_and_of_what_receivers_get_fit() -> None:
    for header in DOCUMENT["components"]["headers"].values():
        _fits(header["schema"], header["example"])
    for webhook in DOCUMENT["webhooks"].values():
        for header in webhook["post"]["parameters"]:
            _fits(header["schema"], header["example"])
        content = webhook["post"]["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            _fits(content["schema"], example["value"])


def test_each_event_of_the_engine_s_own_is_described_and_taken_from_nobody_else() -> None:
    own = set(DOCUMENT["webhooks"]) - {ANY_EVENT}
    assert own == set(TYPES.values())
    for each in own:
        with pytest.raises(InvalidRequest, match="of what Flux Dispatch tells itself"):
            validate_publishable_type(each)


def test_there_is_much_to_produce() -> None:
    assert {"header retry-after", "error not_found", "Webhook.url", "Attempt.advice", "Phases.dns"} <= described()


def _fits(schema: dict[str, Any], example: Any) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(example)
