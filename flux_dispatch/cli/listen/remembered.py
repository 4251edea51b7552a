"""What was forwarded already and how it was answered, so that nothing reaches the local server twice; bounded."""

from collections import OrderedDict
from typing import Final, Generic, TypeVar

from flux_dispatch.tunnel.frames import Answer, Failed

MOST_KEPT: Final = 10_000
MOST_BYTES: Final = 16 * 1024 * 1024
_SUCCESS: Final = range(200, 300)

Value = TypeVar("Value")


class Remembered:
    """Answers by the request's id until they have arrived, and the good ones of deliveries beyond that.

    A delivery comes again, as a new request, if its good answer did not arrive, or if the worker that it arrived at
    died before it was stored: then it is answered from here. One that is sent again on purpose is another delivery.
    """

    def __init__(self, most: int = MOST_KEPT, most_bytes: int = MOST_BYTES) -> None:
        """Keep at most so many of each, and so many bytes of their bodies; the oldest go first."""
        self._answers: _Bounded[Answer | Failed] = _Bounded(most, most_bytes)
        self._deliveries: _Bounded[Answer] = _Bounded(most, most_bytes)
        self._arrived: _Bounded[None] = _Bounded(most, most_bytes)

    def keep(self, answer: Answer | Failed, delivery: str | None) -> None:
        """Keep an answer until it has arrived, or nobody waits for it any more."""
        size = len(answer.body) if isinstance(answer, Answer) else 0
        self._answers.put(answer.id, answer, size)
        if delivery is not None and isinstance(answer, Answer) and answer.status in _SUCCESS:
            self._deliveries.put(delivery, answer, size)

    def answer_to(self, request_id: str) -> Answer | Failed | None:
        """Return what was answered to this request."""
        return self._answers.get(request_id)

    def success_of(self, delivery: str) -> Answer | None:
        """Return the good answer to an earlier attempt of this delivery."""
        return self._deliveries.get(delivery)

    def has_arrived(self, request_id: str) -> bool:
        """Say whether the answer to this request has arrived, so that nothing is to be done when it comes again."""
        return request_id in self._arrived

    def received(self, request_id: str) -> None:
        """Forget an answer that has arrived; as that of its delivery it stays."""
        self._arrived.put(request_id, None, 0)
        self._answers.drop(request_id)

    def gone(self, request_id: str) -> None:
        """Forget an answer that nobody waits for; as that of its delivery it stays."""
        self._answers.drop(request_id)


class _Bounded(Generic[Value]):
    """Values by their keys, the oldest of which make room."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._values: OrderedDict[str, tuple[Value, int]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def get(self, key: str) -> Value | None:
        kept = self._values.get(key)
        return kept[0] if kept else None

    def put(self, key: str, value: Value, size: int) -> None:
        self.drop(key)
        self._values[key] = value, size
        self._bytes += size
        while len(self._values) > self._most or self._bytes > self._most_bytes:
            self.drop(next(iter(self._values)))

    def drop(self, key: str) -> None:
        if key in self._values:
            _, size = self._values.pop(key)
            self._bytes -= size
