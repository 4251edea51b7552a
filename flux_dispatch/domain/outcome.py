"""How an attempt went: a closed list, so that every reader of it must treat every case."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple, TypeAlias, assert_never

from flux_dispatch.domain.phases import NO_PHASES, Phases


class ErrorClass(StrEnum):
    """Why an attempt failed, in one word that logs, the API and alerts share."""

    HTTP_STATUS = "http_status"
    TIMEOUT = "timeout"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_FAILED = "connection_failed"
    DNS_ERROR = "dns_error"
    TLS_ERROR = "tls_error"
    BAD_RESPONSE = "bad_response"
    BLOCKED_ADDRESS = "blocked_address"
    WORKER_LOST = "worker_lost"


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The receiver answered 2xx: done."""

    status: int
    excerpt: str = ""
    phases: Phases = field(default=NO_PHASES, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The receiver answered something else.

    `retry_after_seconds` is what its Retry-After header asked for, if it said so in a form that makes sense; `headers`
    are the first of its headers, for people to read.
    """

    status: int
    excerpt: str = ""
    retry_after_seconds: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    phases: Phases = field(default=NO_PHASES, compare=False, repr=False)

    @property
    def is_gone(self) -> bool:
        """410: the receiver says that this endpoint will never come back (RFC 9110, 15.5.11)."""
        return self.status == HTTPStatus.GONE


@dataclass(frozen=True, slots=True)
class NoResponse:
    """No usable answer came; `detail` is a short plain sentence without secrets."""

    error: ErrorClass
    detail: str = ""
    phases: Phases = field(default=NO_PHASES, compare=False, repr=False)


Outcome: TypeAlias = Succeeded | Rejected | NoResponse


@dataclass(frozen=True, slots=True)
class Unsent:
    """No attempt was made, because this machine lacked something: a socket, memory, a route, its name servers.

    It is no outcome: nothing reached the receiver, so the delivery is put back as if it had never been taken. `detail`
    says what was missing.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one delivery: its 1-based number, how long it took, how it went."""

    number: int
    duration_seconds: float
    outcome: Outcome


class Record(NamedTuple):
    """An outcome as it is written down: `error` is None for a success, `status` where no answer came.

    `detail` is what the receiver answered, its first bytes, or the error in words where no answer came. Of a success no
    headers are kept.
    """

    status: int | None
    error: ErrorClass | None
    detail: str
    headers: Mapping[str, str] | None
    phases: Phases


def to_record(outcome: Outcome) -> Record:
    """Return the outcome as the attempts table and the log line hold it."""
    match outcome:
        case Succeeded(status, excerpt):
            return Record(status, None, excerpt, None, outcome.phases)
        case Rejected(status, excerpt):
            return Record(status, ErrorClass.HTTP_STATUS, excerpt, outcome.headers, outcome.phases)
        case NoResponse(error, detail):
            return Record(None, error, detail, None, outcome.phases)
        case _:
            assert_never(outcome)
