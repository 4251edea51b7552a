"""Code with its words marked by kind: classes only, so that the stylesheet has all colours."""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby
from typing import Any, Final

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, Token

KINDS: Final[Mapping[Any, str]] = {
    Comment: "c",
    Keyword: "k",
    Name.Builtin: "b",
    Name.Tag: "a",
    Name.Variable: "v",
    Number: "n",
    String: "s",
    Token: "",
}
"""The classes by the kinds of tokens; what is of none of these kinds is not marked."""


def highlight(code: str, language: str) -> Markup:
    """Return code as HTML; the language is one that Pygments knows."""
    tokens = _lexer(language).get_tokens(code)
    marked = groupby(((_kind(token), text) for token, text in tokens), key=lambda each: each[0])
    return Markup("").join(_marked(kind, (text for _, text in same)) for kind, same in marked)


def _marked(kind: str, texts: Iterable[str]) -> Markup:
    text = escape("".join(texts))
    return Markup('<i class="{}">{}</i>').format(kind, text) if kind else text


def _kind(token: Any) -> str:  # noqa: ANN401 - Pygments has no type for them
    while token not in KINDS:
        token = token.parent
    return KINDS[token]


@cache
def _lexer(language: str) -> Lexer:
    return get_lexer_by_name(language, ensurenl=False, stripnl=False)
