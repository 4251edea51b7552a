"""What a page that stays open may watch: how far that has come is read for all at once, and written as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, TypeAlias, cast

from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.dashboard.paging import ROWS
from flux_dispatch.dashboard.view import TEMPLATES
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId
from flux_dispatch.domain.progress import DeliveryProgress, EventProgress
from flux_dispatch.store.live import LiveQueries

Progress: TypeAlias = EventProgress | DeliveryProgress


class Kind(Enum):
    """Which part of an account a page watches."""

    NEWEST = auto()
    """Its newest events, as many as a page of their list has."""

    EVENTS = auto()
    """The events that are named."""

    EVENT = auto()
    """The one event that is named, and its deliveries."""

    DELIVERY = auto()
    """The one delivery that is named."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a page watches; `ids` are those of the events or of the delivery that it names."""

    kind: Kind
    account: AccountId
    ids: tuple[str, ...] = ()


async def read(queries: LiveQueries, topics: Sequence[Topic]) -> dict[Topic, list[Progress]]:
    """Return how far each of these topics has come: at most one statement for each table that is asked.

    Raises:
        Unavailable: the database is unavailable.
    """
    kinds = {kind: [each for each in topics if each.kind is kind] for kind in Kind}
    accounts = [each.account for each in kinds[Kind.NEWEST]]
    newest = await queries.recent_events(accounts, ROWS) if accounts else {}
    named = [(each.account, EventId(id_)) for each in kinds[Kind.EVENTS] + kinds[Kind.EVENT] for id_ in each.ids]
    events = await queries.events(named) if named else {}
    whole = [(each.account, EventId(id_)) for each in kinds[Kind.EVENT] for id_ in each.ids]
    deliveries_of = await queries.deliveries_of_events(whole) if whole else {}
    single = [(each.account, DeliveryId(id_)) for each in kinds[Kind.DELIVERY] for id_ in each.ids]
    deliveries = await queries.deliveries(single) if single else {}
    found: dict[Topic, list[Progress]] = {each: list(newest[each.account]) for each in kinds[Kind.NEWEST]}
    found |= {each: _those(events, each) for each in kinds[Kind.EVENTS]}
    found |= {each: [*_those(events, each), *deliveries_of[EventId(each.ids[0])]] for each in kinds[Kind.EVENT]}
    return found | {each: _those(deliveries, each) for each in kinds[Kind.DELIVERY]}


def write(topic: Topic, progress: Progress) -> str:
    """Return how far something has come as HTML, by the macro that writes it in the page, too."""
    base = f"{ROOT}/{topic.account}"
    if topic.kind is Kind.DELIVERY:
        return _macro("deliveries", "summary", progress.id, progress)
    if topic.kind is Kind.EVENT:
        of_event = isinstance(progress, EventProgress)
        return _macro("events", "summary", progress) if of_event else _macro("deliveries", "cells", progress)
    return _macro("events", "row", base, progress)


def _those(found: Mapping[Any, Progress], topic: Topic) -> list[Progress]:
    return [found[each] for each in topic.ids if each in found]


def _macro(component: str, name: str, *values: object) -> str:
    template = TEMPLATES.get_template(f"components/{component}.html")
    return cast(str, getattr(template.module, name)(*values))


MAX_NAMED: Final = ROWS
"""How many events a page may name."""
