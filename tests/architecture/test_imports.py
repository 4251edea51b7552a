"""Who may import whom: the contracts of pyproject.toml, and what those cannot say."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.tree import PRODUCT, ROOT, SDK, python_files, relative


def test_every_import_contract_is_kept() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_domain_imports_the_standard_library_and_itself_only() -> None:
    foreign = [
        f"{relative(path)} imports {name}"
        for path in python_files("flux_dispatch/domain")
        for name in _imported(path)
        if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith("flux_dispatch.domain")
    ]
    assert foreign == []


def test_the_domain_has_no_clock_no_await_and_no_environment() -> None:
    impure = {"time", "os", "asyncio", "random", "secrets", "socket", "threading", "subprocess", "pathlib", "logging"}
    allowed = {("flux_dispatch/domain/ids.py", "random")}  # random bits are what a fresh id is made of
    found = {
        (relative(path), name)
        for path in python_files("flux_dispatch/domain")
        for name in _imported(path)
        if name.partition(".")[0] in impure
    }
    assert found <= allowed
    assert not [
        relative(path)
        for path in python_files("flux_dispatch/domain")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await) or _is_clock(node)
    ]


def test_no_circle_hides_from_the_interpreter() -> None:
    hidden = [relative(path) for path in python_files(*PRODUCT, SDK) if "TYPE_CHECKING" in path.read_text()]
    assert hidden == []


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def _is_clock(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
