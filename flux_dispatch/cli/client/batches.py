"""Many events out of a file, published in batches that the API takes: each batch is stored whole, or not at all."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import flux_webhooks

from flux_dispatch.cli.client.one import tell
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.input.json_input import lines_of, parse_json, read_standard_input, read_text
from flux_dispatch.cli.output.json_lines import say_json_line
from flux_dispatch.cli.output.progress import progress
from flux_dispatch.cli.output.terminal import say

MAX_EVENTS: Final = 1_000
MAX_BYTES: Final = 200_000
"""Of the data of one batch; a request may have 256 KiB unless FLUX_MAX_BODY_BYTES says otherwise."""

FIELDS: Final = {"type", "data", "idempotency_key"}


@dataclass(frozen=True, slots=True)
class Line:
    """An event, and the line of the file that it stands in."""

    number: int
    event: dict[str, Any]
    size: int


def read_lines(source: str) -> list[Line]:
    """Return the events of a file of JSON lines, or of standard input (-).

    Raises:
        CliError: there is none, or a line is no event; nothing was published then.
    """
    text = read_standard_input("FILE") if source == "-" else read_text(Path(source), "FILE")
    place = "standard input" if source == "-" else source
    lines = [_line(number, line, place) for number, line in enumerate(lines_of(text), 1) if line.strip()]
    if not lines:
        raise CliError(f'{place} holds no event; each line is one, like {{"type": "order.completed", "data": {{}}}}.')
    return lines


def publish_lines(flux: "flux_webhooks.Flux", lines: Sequence[Line]) -> None:
    """Publish them, the first ones first, and print the id of each.

    Raises:
        CliError: the API refused a batch; the message says in which line, and where to go on.
    """
    done = 0
    with progress("Publishing") as bar:
        for batch in _batches(lines):
            try:
                published = flux.events.publish_batch([each.event for each in batch])
            except flux_webhooks.APIError as error:
                raise CliError(_refused(error, batch, done)) from None
            for each in published:
                say_json_line(each.raw) if shared_options().as_json else say(each.id)
            done += len(batch)
            bar(done / len(lines), f"{done:,} of {len(lines):,}")
    tell(f"{done:,} {'event is' if done == 1 else 'events are'} published.")


def _line(number: int, text: str, place: str) -> Line:
    where = f"{place}, line {number}"
    event = parse_json(text, where)
    if not isinstance(event, dict) or not {"type", "data"} <= set(event) <= FIELDS:
        raise CliError(f'{where} is no event: it has "type" and "data", may have "idempotency_key", and nothing else.')
    return Line(number, event, len(json.dumps(event)))


def _batches(lines: Sequence[Line]) -> Iterator[list[Line]]:
    batch, size = list[Line](), 0
    for each in lines:
        if batch and (len(batch) == MAX_EVENTS or size + each.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each.size
    yield batch


def _refused(error: flux_webhooks.APIError, batch: Sequence[Line], done: int) -> str:
    index = re.match(r"events\[(\d+)\]", error.param or "")
    line = batch[int(index[1])].number if index and int(index[1]) < len(batch) else batch[0].number
    before = f"the {done:,} before line {batch[0].number} are published" if done else "nothing is published"
    return f"Line {line} was refused: {error.message} With its batch nothing was stored; {before}."
