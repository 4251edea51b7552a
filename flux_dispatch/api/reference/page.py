"""The reference page: written from the OpenAPI document once in a process, and kept for each URL it is read under."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from flux_dispatch.api.openapi.errors import ERROR_CODES
from flux_dispatch.api.openapi.outgoing import ANY_EVENT
from flux_dispatch.api.reference.fields import field_of_parameter, fields_of
from flux_dispatch.api.reference.operations import DescribedOperation, Operations
from flux_dispatch.api.reference.schemas import Described, Schemas
from flux_dispatch.api.reference.sections import received_example, sections_of
from flux_dispatch.web.compressed import Compressed
from flux_dispatch.web.samples import VERIFYING
from flux_dispatch.web.templates import templates

SERVER: Final = "https://server.invalid"
"""Stands in the written page for the URL of the API, until it is asked for under one."""

MOST_KEPT: Final = 16
"""For how many URLs the page is kept; a client can make up any number of them."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: what it is, its operations, and the objects that they take and answer."""

    id: str
    title: str
    description: str
    operations: Sequence[DescribedOperation]
    objects: Sequence[Described]


class ReferencePage:
    """The page that shows the OpenAPI document of a function, in which the URL of the API is SERVER."""

    def __init__(self, described: Callable[[], Mapping[str, Any]]) -> None:
        self._described = described
        self._writing = asyncio.Lock()
        self._written: str | None = None
        self._kept: OrderedDict[str, Compressed] = OrderedDict()

    async def under(self, server: str) -> Compressed:
        """Return the page as it reads where the API has this URL."""
        async with self._writing:
            if self._written is None:
                self._written = await asyncio.to_thread(lambda: written(self._described()))
            if server not in self._kept:
                text = self._written.replace(SERVER, escape(server))
                self._kept[server] = await asyncio.to_thread(Compressed, text.encode(), "text/html")
            self._kept.move_to_end(server)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[server]


def written(description: Mapping[str, Any]) -> str:
    """Return the page that shows this OpenAPI document."""
    schemas = Schemas(description["components"]["schemas"])
    error = schemas.tell("Error")
    operations = Operations(description, schemas)
    resources = [_resource(tag, operations, schemas) for tag in description["tags"]]
    return (
        templates(Path(__file__).parent / "templates")
        .get_template("page.html")
        .render(
            info=description["info"],
            documentation=description["externalDocs"]["url"],
            sections=sections_of(description),
            error_fields=fields_of(error, is_request=False),
            errors=_errors(description),
            resources=resources,
            webhook=_webhook(ANY_EVENT, description["webhooks"][ANY_EVENT]["post"]),
            own_events=[
                _own_event(name, each["post"]) for name, each in description["webhooks"].items() if name != ANY_EVENT
            ],
            verify=VERIFYING,
        )
    )


def _resource(tag: Mapping[str, str], operations: Operations, schemas: Schemas) -> Resource:
    name = tag["name"]
    listed = operations.of(name)
    used = [[each.get("requestBody"), each["responses"]] for _, _, each in operations.all if each["tags"] == [name]]
    return Resource(
        id=name,
        title=name.replace("_", " ").capitalize().replace("Api", "API"),
        description=tag["description"],
        operations=listed,
        objects=schemas.described(used),
    )


def _errors(description: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return every error code, with the statuses that it comes with and where it is explained."""
    return [
        {
            "code": code,
            "summary": each["summary"],
            "url": each["value"]["error"]["doc_url"],
            "statuses": ERROR_CODES[code].statuses,
        }
        for code, each in description["components"]["examples"].items()
    ]


def _webhook(name: str, webhook: Mapping[str, Any]) -> Mapping[str, Any]:
    body = webhook["requestBody"]["content"]["application/json"]["schema"]
    return {
        "id": name,
        "summary": webhook["summary"],
        "description": webhook["description"],
        "headers": [field_of_parameter(each, is_request=False) for each in webhook["parameters"]],
        "body": fields_of(body, is_request=False),
        "answers": [(status, each["description"]) for status, each in webhook["responses"].items()],
        "example": received_example(webhook),
    }


def _own_event(name: str, webhook: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what differs from any event: what it tells, and whom."""
    content = webhook["requestBody"]["content"]["application/json"]
    description, _, who_gets_it = webhook["description"].partition("\n\n")
    return {
        "id": name,
        "summary": webhook["summary"],
        "description": description,
        "who_gets_it": who_gets_it,
        "data": fields_of(content["schema"]["properties"]["data"], is_request=False),
        "example": json.dumps(content["examples"][name]["value"], indent=2, ensure_ascii=False),
    }
