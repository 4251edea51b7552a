"""Carries requests and answers between the processes of the API, through Redis.

Each process has an inbox, a stream that it alone reads and that ends with it. Which process a session's command is
connected to is a key that lives for seconds, unless that process refreshes it. Nothing here is kept: whoever asked
asks again when an inbox was lost.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

import structlog
from redis.exceptions import RedisError

from flux_dispatch.domain.ids import ListenSessionId

KEEP_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 20.0
"""How often a process says which sessions it holds, and how often it asks after Redis when it holds none."""

OWNER_SECONDS: Final = 15.0
"""For how long what it said counts."""

INBOX_SECONDS: Final = 60.0
"""For how long an inbox lives that nobody reads; each message counts anew."""

MAX_IN_INBOX: Final = 4096
"""How many messages an inbox holds; the oldest go first."""

MAX_UNSENT_BYTES: Final = 64 * 2**20
MAX_AT_ONCE: Final = 100
MAX_BYTES_AT_ONCE: Final = 4 * 2**20
"""How much waits to be sent to Redis, and how much goes in one round trip."""

LINGER_SECONDS: Final = 0.1
"""How long a message waits for others that does not go at once."""

READ_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 0.5

CANCEL_SECONDS: Final = 0.1

SHARE_SECONDS: Final = 0.003
"""For how long what goes to Redis, and what comes from it, gathers after each round trip."""

DELETE_SECONDS: Final = 0.2
MAX_BYTES_TAKEN: Final = 512 * 1024
"""For how long, and how much, an inbox holds of what was taken, so that one deletion is of many."""

_ENTRY_BYTES: Final = 256

KNOWN_FOR_SECONDS: Final = 1.0
"""For how long it is remembered where a session is."""

# One command for all that goes in one round trip. The sender says when the inbox ends, for the process that it was of
# may have died.
_PUT: Final = """
    for i, inbox in ipairs(KEYS) do
        redis.call('XADD', inbox, 'MAXLEN', ARGV[1], '*', 'head', ARGV[2 * i + 1], 'frame', ARGV[2 * i + 2])
        redis.call('PEXPIRE', inbox, ARGV[2])
    end
    return 1
"""

# A process that was slow to say so must not take a session back from the one that holds it now.
_HOLD: Final = """
    local held = redis.call('GET', KEYS[1])
    if held and tonumber(string.match(held, '^%d+')) > tonumber(ARGV[1]) then return 0 end
    redis.call('SET', KEYS[1], ARGV[1] .. '.' .. ARGV[2], 'PX', ARGV[3])
    return 1
"""
_LET_GO: Final = """
    if redis.call('GET', KEYS[1]) == ARGV[1] .. '.' .. ARGV[2] then redis.call('DEL', KEYS[1]) end
    return 1
"""

log = structlog.get_logger("flux.tunnel")


class NotCarried(Exception):
    """Redis does not answer, or refuses."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one process sends another: what it is about, whose session, which request, and a frame as it travels."""

    kind: str
    session: ListenSessionId
    id: str = ""
    sender: str = ""
    text: str = ""
    frame: bytes = b""

    def entry(self) -> tuple[str, bytes]:
        """Return it as an entry of a stream: its head, in which the text is last for it may be any, and its frame."""
        return f"{self.kind}\n{self.session}\n{self.id}\n{self.sender}\n{self.text}", self.frame

    @classmethod
    def read(cls, entry: Mapping[bytes, bytes]) -> "Message":
        """Return what an entry of a stream holds."""
        kind, session, id_, sender, text = entry[b"head"].decode().split("\n", 4)
        return cls(kind, ListenSessionId(session), id_, sender, text, entry[b"frame"])


class Listener(Protocol):
    """What is told of what comes."""

    def take(self, message: Message) -> None:
        """Take a message of another process."""
        ...

    def lose(self, session: ListenSessionId, epoch: int) -> None:
        """Take note that the session's command is connected elsewhere by now."""
        ...

    def tell(self, *, is_available: bool) -> None:
        """Take note that processes can, or cannot, reach each other any more."""
        ...


class Carrier:
    """One process's way to the others.

    Args:
        process: its name, which no other process has or had.
        client: a client of Redis that answers within its time limits.
        reader: another, for one read that waits for READ_SECONDS.
    """

    def __init__(self, process: str, client: Any, reader: Any) -> None:  # noqa: ANN401 - redis-py types no pipelines
        self.process = process
        self.is_available = True
        self.outages = 0
        self._client = client
        # each keeps a connection: to take one from a pool, look at it and give it back costs more than what is sent
        self._sender = client.client()
        self._reader = reader.client()
        self._opened = (self._sender, self._reader, client, reader)
        self._held: dict[ListenSessionId, int] = {}
        self._known: dict[ListenSessionId, tuple[str | None, float]] = {}
        self._asked: dict[ListenSessionId, asyncio.Task[str | None]] = {}
        self._unsent = deque[tuple[str, Message]]()
        self._unsent_bytes = 0
        self._has_unsent = asyncio.Event()
        self._keep_now = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, listener: Listener) -> None:
        """Begin to read and to send."""
        self._listener = listener
        self._tasks = [
            asyncio.create_task(_last(each, self._set_available)) for each in (self._read, self._send, self._keep)
        ]

    async def close(self) -> None:
        """Take back what this process said, and stop."""
        running: set[asyncio.Task[Any]] = {*self._tasks, *self._asked.values()}
        while running:
            for task in running:
                # more than once: a client that is reading may take it for a trouble of its connection, and try again
                task.cancel()
            _, running = await asyncio.wait(running, timeout=CANCEL_SECONDS)
        with suppress(RedisError, OSError):
            for session, epoch in self._held.items():
                await self._client.eval(_LET_GO, 1, _owner_key(session), epoch, self.process)
            await self._client.delete(_inbox(self.process))
        for each in self._opened:
            await each.aclose()

    def hold(self, session: ListenSessionId, epoch: int) -> None:
        """Say that the session's command is connected here."""
        self._held[session] = epoch
        self._keep_now.set()

    async def let_go(self, session: ListenSessionId, epoch: int) -> None:
        """Say that it is not any more."""
        if self._held.get(session) == epoch:
            del self._held[session]
        if self.is_available:
            with suppress(RedisError, OSError):
                await self._client.eval(_LET_GO, 1, _owner_key(session), epoch, self.process)

    async def owner(self, session: ListenSessionId, *, anew: bool = False) -> str | None:
        """Return the process that the session's command is connected to; None when it is to none.

        Args:
            session: which.
            anew: whether to ask, though it was asked for a moment ago.

        Raises:
            NotCarried: Redis does not answer.
        """
        if not self.is_available:
            raise NotCarried
        known, until = self._known.get(session, (None, 0.0))
        if not anew and known is not None and time.monotonic() < until:
            return known
        if session not in self._asked:
            self._asked[session] = task = asyncio.create_task(self._look_up(session))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._asked[session])

    def forget(self, session: ListenSessionId) -> None:
        """Ask anew, at the next time, where a session is."""
        self._known.pop(session, None)

    def send(self, process: str, message: Message, *, at_once: bool = True) -> None:
        """Send a message, at once or with the next ones; while Redis does not answer it is dropped.

        Whoever waits asks again.
        """
        size = len(message.frame)
        if not self.is_available or self._unsent_bytes + size > MAX_UNSENT_BYTES:
            return
        self._unsent.append((process, message))
        self._unsent_bytes += size
        if at_once:
            self._has_unsent.set()
        elif len(self._unsent) == 1:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._has_unsent.set)

    async def _look_up(self, session: ListenSessionId) -> str | None:
        try:
            found = await self._client.get(_owner_key(session))
        except (RedisError, OSError) as error:
            self._set_available(error)
            raise NotCarried from error
        finally:
            del self._asked[session]
        owner = None if found is None else found.decode().partition(".")[2]
        if owner is None:
            self._known.pop(session, None)
        else:
            if len(self._known) > MAX_IN_INBOX:
                self._known.clear()
            self._known[session] = (owner, time.monotonic() + KNOWN_FOR_SECONDS)
        return owner

    async def _send(self) -> NoReturn:
        while True:
            await self._has_unsent.wait()
            batch = self._next_batch()
            inboxes = [_inbox(process) for process, _ in batch]
            entries = [part for _, message in batch for part in message.entry()]
            try:
                await self._sender.eval(_PUT, len(batch), *inboxes, MAX_IN_INBOX, int(INBOX_SECONDS * 1000), *entries)
            except (RedisError, OSError) as error:
                self._set_available(error)
            # what comes meanwhile shares the next round trip
            await asyncio.sleep(SHARE_SECONDS)

    def _next_batch(self) -> list[tuple[str, Message]]:
        batch: list[tuple[str, Message]] = []
        size = 0
        while self._unsent and len(batch) < MAX_AT_ONCE and size < MAX_BYTES_AT_ONCE:
            batch.append(self._unsent.popleft())
            size += len(batch[-1][1].frame)
        self._unsent_bytes -= size
        if not self._unsent:
            self._has_unsent.clear()
        return batch

    async def _read(self) -> NoReturn:
        seen, taken = b"0-0", _Taken()
        while True:
            try:
                entries = await self._read_after(seen, taken)
            except (RedisError, OSError) as error:
                self._set_available(error)
                # another server may take over, whose clock is behind: the ids of its entries, too
                seen = b"0-0"
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for seen, fields in entries:
                if taken.add(seen, fields):
                    self._take(fields)
            if entries:
                await asyncio.sleep(SHARE_SECONDS)

    async def _read_after(self, seen: bytes, taken: "_Taken") -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        """Return what is next in the inbox; what was taken goes before, or when nothing comes for a moment."""
        inbox, seconds = _inbox(self.process), DELETE_SECONDS if taken.ids else READ_SECONDS
        if taken.bytes_held > MAX_BYTES_TAKEN:
            await self._delete(taken)
        found = await self._reader.xread({inbox: seen}, count=MAX_AT_ONCE, block=int(seconds * 1000))
        if not found:
            await self._delete(taken)
            return []
        entries: list[tuple[bytes, Mapping[bytes, bytes]]] = found[0][1]
        return entries

    async def _delete(self, taken: "_Taken") -> None:
        if taken.ids:
            await self._client.xdel(_inbox(self.process), *taken.ids)
            taken.clear()

    def _take(self, fields: Mapping[bytes, bytes]) -> None:
        try:
            self._listener.take(Message.read(fields))
        except Exception:
            # one that is not understood must not end the reading of all others
            log.exception("tunnel.message_failed")

    async def _keep(self) -> NoReturn:
        while True:
            self._keep_now.clear()
            try:
                lost = await self._say_what_is_held()
            except (RedisError, OSError) as error:
                self._set_available(error)
                lost = []
            else:
                self._set_available(None)
            for session, epoch in lost:
                self._listener.lose(session, epoch)
            if not self.is_available:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._keep_now.wait(), KEEP_SECONDS if self._held else IDLE_SECONDS)

    async def _say_what_is_held(self) -> list[tuple[ListenSessionId, int]]:
        held = list(self._held.items())
        life = int(OWNER_SECONDS * 1000)
        pipeline = self._client.pipeline(transaction=False)
        # it is written though nobody reads it: whether Redis takes what is written is what has to be known
        pipeline.set(f"flux.tunnel.process.{self.process}", 1, px=life)
        for session, epoch in held:
            pipeline.eval(_HOLD, 1, _owner_key(session), epoch, self.process, life)
        _, *are_held = await pipeline.execute()
        return [each for each, is_held in zip(held, are_held, strict=True) if not is_held]

    def _set_available(self, error: BaseException | None) -> None:
        if error is not None:
            self._known.clear()
            self._unsent.clear()
            self._unsent_bytes = 0
            self._has_unsent.clear()
            self._keep_now.set()
        if self.is_available is (error is None):
            return
        self.is_available = error is None
        if error is not None:
            self.outages += 1
            consequence = "sessions are reached only through the process that their command is connected to"
            log.warning("tunnel.redis_unavailable", error=type(error).__name__, consequence=consequence)
        else:
            log.info("tunnel.redis_available")
        self._listener.tell(is_available=self.is_available)


class _Taken:
    """The entries of the inbox that were taken and not deleted yet: read again, they are not taken again."""

    def __init__(self) -> None:
        self.ids: set[bytes] = set()
        self.bytes_held = 0

    def add(self, entry: bytes, fields: Mapping[bytes, bytes]) -> bool:
        """Say whether an entry is new."""
        if entry in self.ids:
            return False
        self.ids.add(entry)
        self.bytes_held += _ENTRY_BYTES + len(fields.get(b"frame", b""))
        return True

    def clear(self) -> None:
        """Take note that all are deleted."""
        self.ids.clear()
        self.bytes_held = 0


async def _last(work: Callable[[], Awaitable[NoReturn]], failed: Callable[[Exception], None]) -> None:
    """Do this work for ever: if it ended, sessions would be out of reach of the others, and nobody would be told."""
    while True:
        try:
            await work()
        except Exception as error:
            log.exception("tunnel.carrier_failed", consequence="it begins again")
            failed(error)
            await asyncio.sleep(RETRY_SECONDS)


def _inbox(process: str) -> str:
    return f"flux.tunnel.inbox.{process}"


def _owner_key(session: ListenSessionId) -> str:
    return f"flux.tunnel.owner.{session}"
