"""Messages that can never be worked on, kept where an operator can look: a Redis list, bounded in length and bytes."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from redis.exceptions import RedisError

KEY: Final = "flux.refused"
MAX_KEPT: Final = 500
"""The newest; older ones go."""

MAX_MESSAGE_LENGTH: Final = 16_384
"""Characters of a message that are kept: with MAX_KEPT, some 8 MB, and 50 at most, where all are escapes."""


def keep(client: Any, *, why: str, message: object, **about: object) -> bool:  # noqa: ANN401 - a Redis client of kombu
    """Keep a message with what is known about it; say whether Redis took it.

    Args:
        client: a Redis client.
        why: one sentence.
        message: its arguments or its body; written as JSON, and cut if it is long.
        about: the task's name and id, the account, whatever helps to find who sent it.
    """
    text = message if isinstance(message, str) else json.dumps(message, default=str)
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "why": why,
        **{name: str(value)[:255] for name, value in about.items() if value is not None},
        "is_cut": len(text) > MAX_MESSAGE_LENGTH,
        "message": text[:MAX_MESSAGE_LENGTH],
    }
    try:
        with client.pipeline(transaction=False) as pipe:
            # half a surrogate pair becomes the escape that JSON has for it
            text = json.dumps(entry, ensure_ascii=False)
            pipe.lpush(KEY, text.encode(errors="backslashreplace")).ltrim(KEY, 0, MAX_KEPT - 1).execute()
    except (RedisError, OSError):
        return False
    return True


def kept(client: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - as above
    """Return what is kept, the newest first."""
    return map(json.loads, client.lrange(KEY, 0, -1))
