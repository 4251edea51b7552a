"""What the command line of `flux listen` says, checked: an option that is wrong is told before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass

import typer

from flux_dispatch.cli.input.pairs import parse_list
from flux_dispatch.cli.listen.headers import NoHeader, parse_header
from flux_dispatch.cli.listen.local_url import LocalUrl, NoLocalUrl, parse_local_url
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.webhook import validate_patterns
from flux_dispatch.tunnel.frames import Headers


@dataclass(frozen=True, slots=True)
class ForwardOptions:
    """How to forward: `headers` are added to each request, `seconds` is for how long an answer is awaited."""

    headers: Headers = ()
    seconds: float = 30.0
    allow_remote: bool = False
    skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """What is asked for; `local` is None where requests are only shown."""

    local: LocalUrl | None
    events: tuple[str, ...]
    forwarding: ForwardOptions
    account: str | None
    as_json: bool


def checked_local_url(given: str | None) -> LocalUrl | None:
    """Return where to forward to.

    Raises:
        BadParameter: it is no URL of a server.
    """
    try:
        return None if given is None else parse_local_url(given)
    except NoLocalUrl as error:
        raise typer.BadParameter(str(error), param_hint="--forward-to") from None


def checked_events(given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the patterns of the event types that are wanted: all unless some are given.

    Raises:
        BadParameter: one is no event type, or none is left when commas are taken away.
    """
    try:
        return ("*",) if given is None else validate_patterns(parse_list(given) or [])
    except InvalidRequest as error:
        raise typer.BadParameter(error.message, param_hint="--events") from None


def checked_headers(given: Sequence[str] | None) -> Headers:
    """Return the headers to add.

    Raises:
        BadParameter: one is none, or belongs to the connection.
    """
    try:
        return tuple(parse_header(each) for each in given or ())
    except NoHeader as error:
        raise typer.BadParameter(str(error), param_hint="--header") from None
