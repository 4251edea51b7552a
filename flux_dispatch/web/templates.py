"""Writes pages from templates: every value is escaped, and one that is missing is an error."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flux_dispatch.web.highlight import highlight
from flux_dispatch.web.markdown import paragraphs, sentence
from flux_dispatch.web.static_files import STATIC_FILES

PARTS: Final = Path(__file__).parent / "parts"
"""Templates that pages of all kinds use."""


def templates(folder: Path) -> Environment:
    """Return the templates of a folder, which find those that all pages share, too."""
    made = Environment(
        loader=FileSystemLoader([folder, PARTS]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(highlight=highlight, paragraphs=paragraphs, sentence=sentence)
    made.globals["static"] = STATIC_FILES.url
    return made
