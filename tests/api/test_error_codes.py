"""docs/errors.md explains every code that the source can answer, and no other."""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

import flux_dispatch
from flux_dispatch.api.errors import DOCUMENTATION, from_http
from tests.support.api import ERRORS, documented_errors

SOURCE = Path(flux_dispatch.__file__).parent
NEVER_ANSWERED = {
    # the root of the caller's errors: only its branches are raised
    "invalid_request",
    # becomes not_found or invalid_parameter, by where the id stood
    "malformed_id",
}


def test_every_code_is_explained_and_every_explained_code_exists() -> None:
    codes = {code for each in ("api", "domain", "engine", "tunnel") for code in _codes_below(SOURCE / each)}
    assert codes > NEVER_ANSWERED
    assert set(documented_errors()) == codes - NEVER_ANSWERED


def test_every_heading_of_a_code_is_an_explanation() -> None:
    assert re.findall(r"(?m)^### `?(\w+)", ERRORS.read_text()) == list(documented_errors())


def test_the_documentation_is_where_errors_say() -> None:
    assert ERRORS.parent.name == DOCUMENTATION.rpartition("/")[2]


def test_an_error_of_the_http_library_keeps_its_status() -> None:
    for error in (web.HTTPBadRequest(), web.HTTPExpectationFailed()):
        tenant = from_http(error)
        assert (tenant.code, tenant.status) == ("bad_request", HTTPStatus(error.status))
        assert tenant.status in documented_errors()[tenant.code]


def _codes_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            yield from (each.value for each in _said(node) if isinstance(each, ast.Constant) and each.value)


def _said(node: ast.AST) -> Iterator[ast.expr | None]:
    """Yield what this node may give as a code: to a call, as a parameter's default, as a class's own."""
    match node:
        case ast.Call():
            yield from (each.value for each in node.keywords if each.arg == "code")
        case ast.arguments():
            positional = [*node.posonlyargs, *node.args]
            defaults = [*zip(reversed(positional), reversed(node.defaults), strict=False)]
            named = [*defaults, *zip(node.kwonlyargs, node.kw_defaults, strict=True)]
            yield from (default for argument, default in named if argument.arg == "code")
        case ast.ClassDef():
            for each in node.body:
                if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "code":
                    yield each.value
