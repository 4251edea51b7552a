"""Descriptions in Markdown as HTML: what is HTML in them is shown as text, and nothing is loaded from elsewhere."""

from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).disable("image")


def paragraphs(text: str) -> Markup:
    """Return a text with its paragraphs and lists."""
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - the renderer escapes what it does not write itself


def sentence(text: str) -> Markup:
    """Return what stands within a line."""
    return Markup(_MARKDOWN.renderInline(text))  # noqa: S704 - as above
