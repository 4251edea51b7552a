"""The page on publishing shows the code of the examples, word for word."""

import re

import pytest

from tests.support.tree import ROOT, read

PAGE = read("docs/publishing.md")
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_the_page_shows_is_a_part_of_an_example(block: str) -> None:
    assert [path for path in EXAMPLES if block in path.read_text()] != []


def test_every_example_is_shown_and_listed() -> None:
    shown = [path for path in EXAMPLES if any(block in path.read_text() for block in BLOCKS)]
    assert shown == EXAMPLES
    listed = read("examples/README.md")
    assert [path for path in EXAMPLES if f"]({path.relative_to(ROOT / 'examples')})" not in listed] == []
    assert len(EXAMPLES) == len(BLOCKS)
