"""Writes flux_webhooks/_sync from flux_webhooks/_async, so that each method is written once.

With `--check` it only says what is out of date.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "flux_webhooks"
RULES = (
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAwaitable\[(\w+(?:\[\w+\])?)\]", r"\1"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bimport asyncio\b", "import time"),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\baiter_bytes\b", "iter_bytes"),
    (r"\baclose\b", "close"),
    (r"\baread\b", "read"),
    (r"\b__a(iter|enter|exit)__\b", r"__\1__"),
    (r"\b_async\b", "_sync"),
    (r"\bhttpx\.AsyncClient\b", "httpx.Client"),
    (r"\ball tasks share\b", "all threads share"),
    (r"\bAsync([A-Z])", r"\1"),
)


def as_sync(source: str) -> str:
    """Return what this source is without awaiting, in the format of the project."""
    for pattern, replacement in RULES:
        source = re.sub(pattern, replacement, source)
    source = _ruff(source, "check", "--quiet", "--fix", "--select", "I,F401", "--stdin-filename", __file__, "-")
    return _ruff(source, "format", "--quiet", "--stdin-filename", __file__, "-")


def generated() -> dict[Path, str]:
    """Return each file of _sync with what it must hold."""
    return {
        PACKAGE / "_sync" / path.name: as_sync(path.read_text(encoding="utf-8"))
        for path in sorted((PACKAGE / "_async").glob("*.py"))
    }


def _ruff(source: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout  # noqa: S603


def main(arguments: list[str]) -> int:
    """Write what is out of date, or say what is; return the exit code."""
    wanted = generated()
    there = {path: path.read_text(encoding="utf-8") for path in (PACKAGE / "_sync").glob("*.py")}
    outdated = sorted(path for path in {*wanted, *there} if wanted.get(path) != there.get(path))
    if arguments == ["--check"]:
        for path in outdated:
            sys.stderr.write(f"{path} is out of date: run {Path(__file__).name}\n")
        return len(outdated) > 0
    for path in outdated:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
