"""How large a file and a function may be, how they are named, and what never stands in them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.support.tree import OURS, PRODUCT, SDK, python_files, relative

MAX_FILE_LINES = 400
MAX_MEDIAN_LINES = 120
MAX_FUNCTION_LINES = 40
VAGUE = {"utils", "util", "helpers", "common", "base", "manager", "service", "handler", "misc", "data"}
# where time may pass: waiting for a condition with a deadline, and receivers whose fault is that they are slow
MAY_SLEEP = {"tests/support/waiting.py", "tests/http/receivers.py"}

EVERY_FILE = [pytest.param(path, id=relative(path)) for path in python_files(*OURS)]
EVERY_TEST = [pytest.param(path, id=relative(path)) for path in python_files("tests", f"{SDK}/tests")]


@pytest.mark.parametrize("path", EVERY_FILE)
def test_a_file_can_be_read_in_one_go(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_FILE_LINES
    long = [f"{name}: {count} lines" for name, count in _functions(path) if count > MAX_FUNCTION_LINES]
    assert long == []


@pytest.mark.parametrize("path", EVERY_FILE)
def test_a_file_opens_with_why_it_exists(path: Path) -> None:
    text = path.read_text()
    if text.strip():
        said = ast.get_docstring(ast.parse(text))
        assert said, "it has no docstring"
        assert said.partition("\n")[0].endswith((".", "?", ":")), "its docstring does not open with a sentence"


def test_most_files_are_short() -> None:
    lengths = [len(path.read_text().splitlines()) for path in python_files(*PRODUCT)]
    assert median(lengths) <= MAX_MEDIAN_LINES


def test_names_say_what_is_in_a_file() -> None:
    assert [relative(path) for path in python_files(*PRODUCT, SDK) if set(path.stem.split("_")) & VAGUE] == []


@pytest.mark.parametrize("path", EVERY_FILE)
def test_nothing_is_left_to_be_done(path: Path) -> None:
    marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HACK" + ":"]
    assert re.findall("|".join(rf"\b{mark}" for mark in marks), path.read_text()) == []


@pytest.mark.parametrize("path", EVERY_TEST)
def test_no_test_sleeps(path: Path) -> None:
    calls = [
        f"line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "sleep"
    ]
    assert calls == [] or relative(path) in MAY_SLEEP


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield node.name, node.end_lineno - node.lineno + 1
