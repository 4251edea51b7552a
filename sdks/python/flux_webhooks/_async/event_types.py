"""The catalogue of an account: what its event types mean, and what their data must be."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from flux_webhooks._async.pages import AsyncPage
from flux_webhooks._async.resource import AsyncResource
from flux_webhooks.checks import path_event_type, publishable_type, query_truth, text_of
from flux_webhooks.event_checks import catalogue_object
from flux_webhooks.given import UNSET, Unset, given, named, nullable
from flux_webhooks.models import EventType

_example = partial(catalogue_object, param="example")
_schema = partial(catalogue_object, param="schema")


class AsyncEventTypes(AsyncResource):
    """Event types, by their names."""

    async def create(
        self,
        name: str,
        *,
        description: str | None = None,
        group: str | None = None,
        example: dict[str, Any] | None = None,
        schema: dict[str, Any] | None = None,
        account: str | None = None,
    ) -> EventType:
        """Put an event type into the catalogue; with a `schema`, data that does not meet it is refused."""
        body = named(
            name=publishable_type(name, "name"),
            description=given(text_of, description, "description", most=500, least=0),
            group=given(_group, group),
            example=given(_example, example),
            schema=given(_schema, schema),
        )
        return await self._one(EventType, "event_types.create", body=body, account=account)

    async def list(
        self,
        *,
        archived: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        account: str | None = None,
    ) -> AsyncPage[EventType]:
        """List the catalogue; what is archived too, unless asked."""
        query = {"archived": given(query_truth, archived, "archived")}
        return await self._page(EventType, "event_types.list", query=query, limit=limit, cursor=cursor, account=account)

    async def get(self, name: str, *, account: str | None = None) -> EventType:
        """Return an event type."""
        return await self._one(EventType, "event_types.get", path={"name": path_event_type(name)}, account=account)

    async def update(
        self,
        name: str,
        *,
        description: str | None = None,
        group: str | Literal[Unset.UNSET] | None = UNSET,
        example: dict[str, Any] | Literal[Unset.UNSET] | None = UNSET,
        schema: dict[str, Any] | Literal[Unset.UNSET] | None = UNSET,
        account: str | None = None,
    ) -> EventType:
        """Change what is given; None takes `group`, `example` or `schema` away."""
        body = {
            **named(description=given(text_of, description, "description", most=500, least=0)),
            **nullable("group", group, _group),
            **nullable("example", example, _example),
            **nullable("schema", schema, _schema),
        }
        path = {"name": path_event_type(name)}
        return await self._one(EventType, "event_types.update", path=path, body=body, account=account)

    async def archive(self, name: str, *, account: str | None = None) -> None:
        """Archive an event type: it stays readable, and its data is no longer checked."""
        await self._connection.send("event_types.archive", path={"name": path_event_type(name)}, account=account)


def _group(value: object) -> str:
    # an empty one is none
    return text_of(value, "group", most=64) if value != "" else ""
