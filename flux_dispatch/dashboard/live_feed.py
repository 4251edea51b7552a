"""The live feed: while somebody watches, one look a second at the database for all of them together."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog
from aiohttp import web

from flux_dispatch.dashboard.live_story import Story
from flux_dispatch.dashboard.live_topics import Topic, read, write
from flux_dispatch.dashboard.live_watcher import Watcher
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.dashboard_sessions import DashboardSessionStore
from flux_dispatch.store.live import LiveQueries

LOOK_SECONDS: Final = 1
SESSION_SECONDS: Final = 60
"""How often the sessions of those who watch are looked at: a stream ends at most so long after its session."""

MAX_OF_ACCOUNT: Final = 50
MAX_WATCHERS: Final = 500
"""How many pages one account, and all together, may keep open at one process."""

TASK: Final = "live feed"
"""The name of the task that looks."""

log = structlog.get_logger("flux.dashboard")


class LiveFeed:
    """Tells open pages how far events and deliveries have come; it looks only while somebody watches."""

    def __init__(
        self, queries: LiveQueries, sessions: DashboardSessionStore, *, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._queries = queries
        self._sessions = sessions
        self._look_seconds = look_seconds
        self._stories: dict[Topic, Story] = {}
        self._task: asyncio.Task[None] | None = None
        self._sessions_at = 0.0
        self._is_closing = False
        self._is_unavailable = False

    def watch(
        self, topic: Topic, token: str, is_gone: Callable[[], bool], last_seen: str | None = None
    ) -> Watcher | None:
        """Return a new watcher of a topic, told everything or what came after `last_seen`; None: there are too many.

        `token` is that of the session, `is_gone` says whether the page was left. Whoever calls this calls `leave`.
        """
        self._leave_gone()
        if self._is_closing or self._count() >= MAX_WATCHERS or self._count(topic.account) >= MAX_OF_ACCOUNT:
            return None
        watcher = Watcher(token, is_gone)
        self._stories.setdefault(topic, Story()).join(watcher, last_seen)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=TASK)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """End a watcher."""
        watcher.end()
        for topic, story in list(self._stories.items()):
            story.watchers.discard(watcher)
            if not story.watchers:
                del self._stories[topic]

    async def look(self) -> None:
        """Look once, and tell everybody what has changed."""
        self._leave_gone()
        topics = list(self._stories)
        if not topics:
            return
        try:
            found = await read(self._queries, topics)
        except Unavailable as error:
            if not self._is_unavailable:
                log.warning("live.unavailable", cause=error.cause)
            self._is_unavailable = True
            return
        self._is_unavailable = False
        for topic, progress in found.items():
            if story := self._stories.get(topic):
                story.go_on(progress, partial(write, topic))

    async def end_those_signed_out(self) -> None:
        """End the watchers whose session is over."""
        watchers = self._watchers()
        tokens = {each.token for each in watchers}
        try:
            still_open = await self._sessions.still_open(tokens) if tokens else set()
        except Unavailable:
            return  # it is asked again
        for each in watchers:
            if each.token not in still_open:
                self.leave(each)

    async def end_all(self) -> None:
        """End every watcher, and take no more: the server stops."""
        self._is_closing = True
        for each in self._watchers():
            self.leave(each)

    async def close(self) -> None:
        """Stop looking."""
        await self.end_all()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        self._sessions_at = time.monotonic() + SESSION_SECONDS
        while self._stories:
            try:
                await self.look()
                if time.monotonic() >= self._sessions_at:
                    self._sessions_at = time.monotonic() + SESSION_SECONDS
                    await self.end_those_signed_out()
            except Exception:  # - whatever it is, those who watch are told again in a second
                log.exception("live.failed")
            await asyncio.sleep(self._look_seconds)

    def _watchers(self) -> list[Watcher]:
        return [each for story in self._stories.values() for each in story.watchers]

    def _count(self, account: AccountId | None = None) -> int:
        stories = (story for topic, story in self._stories.items() if account in {None, topic.account})
        return sum(len(story.watchers) for story in stories)

    def _leave_gone(self) -> None:
        for each in self._watchers():
            if each.is_over or each.is_gone():
                self.leave(each)


LIVE_FEED: Final = web.AppKey("live_feed", LiveFeed)
"""Where a handler finds it: `request.app[LIVE_FEED]`."""
