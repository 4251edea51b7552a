"""What is wrong with an option, in words that people use: typer passes on those of the library that it asks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

_WORDS: Final = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer.*", "It is a whole number."),
    (r"Input should be a valid number.*", "It is a number."),
    (r"Input should be less than or equal to (\S+)", r"It is \1 at most."),
    (r"Input should be greater than or equal to (\S+)", r"It is \1 at least."),
)


@contextmanager
def told_mistakes() -> Iterator[None]:
    """Have what is raised within say what would be right.

    Raises:
        BadParameter: an option or argument is wrong.
    """
    try:
        yield
    except typer.BadParameter as error:
        for theirs, ours in _WORDS:
            error.message = re.sub(theirs, ours, error.message)
        raise
