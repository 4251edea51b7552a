"""What the tests of the house look at: the files of the project, read once."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("flux_dispatch", "workers", "config")
SDK = "sdks/python"
OURS = (*PRODUCT, "sdks", "tests", "benchmarks", "docs", "examples")


def read(name: str) -> str:
    """Return the text of a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def python_files(*folders: str) -> Iterator[Path]:
    """Yield the Python files below these folders, in order."""
    for folder in folders:
        yield from sorted(each for each in (ROOT / folder).rglob("*.py") if "node_modules" not in each.parts)


def relative(path: Path) -> str:
    """Return a path as a message shows it."""
    return str(path.relative_to(ROOT))
