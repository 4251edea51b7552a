"""What a check found: how it is, in a sentence, and what to do about it."""

from dataclasses import dataclass, field
from enum import StrEnum

from config.settings import Settings


class State(StrEnum):
    """How it is; only what is wrong makes the exit status 1."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `mend` says what to do, where something is to be done."""

    name: str
    state: State
    said: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is looked at: the settings of a server process, completed by what `flux up` runs here."""

    settings: Settings
    api_url: str | None = None
    flower_url: str | None = None
    notes: tuple[str, ...] = field(default=())


def ok(name: str, said: str) -> Finding:
    """Return that all is well."""
    return Finding(name, State.OK, said)


def warning(name: str, said: str, mend: str) -> Finding:
    """Return what works, and might not for long."""
    return Finding(name, State.WARNING, said, mend)


def wrong(name: str, said: str, mend: str) -> Finding:
    """Return what does not work."""
    return Finding(name, State.WRONG, said, mend)


def unknown(name: str, said: str) -> Finding:
    """Return what could not be asked."""
    return Finding(name, State.UNKNOWN, said)
