"""The event types to choose from in a form: those of the catalogue by group, and what else somebody wants."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.domain.event_type import EventType
from flux_dispatch.domain.ids import AccountId, Prefix, parse_id
from flux_dispatch.store.event_types import EventTypeQueries
from flux_dispatch.store.pages import Page

MAX_LISTED: Final = 2_000
"""How many types are offered; whoever has more types the others."""

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Group:
    """Types that belong together; `pattern` stands for all of them, now and later, where several share a first part."""

    name: str
    pattern: str | None
    types: Sequence[EventType]


@dataclass(frozen=True, slots=True)
class Picker:
    """What can be chosen, what is chosen, and what of that is not listed."""

    groups: Sequence[Group]
    chosen: frozenset[str]
    unlisted: Sequence[str]

    @property
    def is_all(self) -> bool:
        """Whether all events are chosen."""
        return "*" in self.chosen


async def picker(request: web.Request, chosen: Sequence[str]) -> Picker:
    """Return the types of the account's catalogue, with these patterns chosen."""
    found = await every_type(request.app[DEPENDENCIES].event_type_queries, request[ACCOUNT].id)
    live = sorted((each for each in found if each.archived_at is None), key=lambda each: (group_of(each), each.name))
    groups = [_group(name, list(types)) for name, types in groupby(live, key=group_of)]
    listed = {each.name for each in live} | {each.pattern for each in groups if each.pattern} | {"*"}
    return Picker(groups, frozenset(chosen), [each for each in chosen if each not in listed])


async def every_type(queries: EventTypeQueries, account: AccountId) -> list[EventType]:
    """Return the catalogue of an account, up to MAX_LISTED types, the newest first."""
    found: list[EventType] = []
    while len(found) < MAX_LISTED:
        after = (parse_id(Prefix.EVENT_TYPE, found[-1].id),) if found else None
        more = await queries.page(account, Page(_PAGE, after), {})
        found += more
        if len(more) < _PAGE:
            break
    return found


def group_of(event_type: EventType) -> str:
    """Return under which heading a type stands: its group, else the first word of its name."""
    return event_type.group or event_type.name.partition(".")[0]


def _group(name: str, types: Sequence[EventType]) -> Group:
    firsts = {each.name.partition(".")[0] for each in types}
    have_more = len(types) > 1 and all("." in each.name for each in types)
    return Group(name, f"{firsts.pop()}.*" if len(firsts) == 1 and have_more else None, types)
