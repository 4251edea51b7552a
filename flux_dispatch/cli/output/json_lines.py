"""JSON for programs: one object, or one a line for lists."""

import json
import sys
from typing import Any

from flux_dispatch.cli.output.terminal import is_terminal, say
from flux_dispatch.cli.output.text import UNSEEN


def say_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    """Print one object: indented on a terminal, in one line elsewhere."""
    say(_written(value, indent=2 if is_terminal() else None))


def say_json_line(value: Any) -> None:  # noqa: ANN401 - as above
    """Print one of a list."""
    say(_written(value, indent=None))


def _written(value: Any, indent: int | None) -> str:  # noqa: ANN401 - as above
    is_unicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not is_unicode, indent=indent)
    # what a terminal would obey is escaped, which says the same to a program
    return text if not is_unicode else UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
