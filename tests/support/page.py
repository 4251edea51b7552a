"""A page of the docs that is a walk: its commands, run in one shell, and the answers that it shows for them."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SHORTENED = "…"


@dataclass(frozen=True)
class Step:
    """One block of commands, and what the page shows after it: `kind` is json or text, or empty for nothing."""

    commands: str
    kind: str
    shown: str

    @property
    def may_be_repeated(self) -> bool:
        """Say whether it only looks, so that a reader looks again until it is as shown."""
        return bool(self.shown) and ("dry_run" in self.commands or not re.search(r" -[dX] | create ", self.commands))

    def differences(self, real: str) -> list[str]:
        """Return where what is shown is not what came."""
        if self.kind != "json":
            return [] if _fits(self.shown, real.strip()) else [f"{self.shown!r} is shown, {real!r} came"]
        return list(_differences(json.loads(self.shown), _parsed(real), "answer"))


class Shell:
    """One bash that runs blocks one after the other, as somebody does who pastes them."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run("kill $(jobs -p) 2> /dev/null")
        self._bash.communicate(timeout=10)

    def run(self, commands: str) -> str:
        """Return what these commands print, once they are done."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{commands}\necho; echo {_END}\n")
        self._bash.stdin.flush()
        lines = iter(self._bash.stdout.readline, "")
        return "".join(line for line in iter(lines.__next__, f"{_END}\n"))


def steps_of(page: str) -> list[Step]:
    """Return the blocks of bash of a page in order, each with the block that is its answer if there is one."""
    blocks = [*re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", page), ("", "")]
    return [
        Step(commands.strip(), *((kind, shown.strip()) if kind in {"json", "text"} else ("", "")))
        for (language, commands), (kind, shown) in pairwise(blocks)
        if language == "bash"
    ]


def _differences(shown: Any, real: Any, place: str) -> Iterator[str]:
    if isinstance(shown, dict) and isinstance(real, dict):
        missing, unshown = shown.keys() - real.keys() - {SHORTENED}, real.keys() - shown.keys()
        yield from (f"{place} has no {each}" for each in sorted(missing))
        if SHORTENED not in shown:
            yield from (f"{place} has {each}, too" for each in sorted(unshown))
        for each in shown.keys() & real.keys():
            yield from _differences(shown[each], real[each], f"{place}.{each}")
    elif isinstance(shown, list) and isinstance(real, list) and len(shown) == len(real):
        for index, (one, other) in enumerate(zip(shown, real, strict=True)):
            yield from _differences(one, other, f"{place}[{index}]")
    elif isinstance(shown, str) and isinstance(real, str):
        yield from () if _fits(shown, real) else (f"{place} is {real!r}, shown as {shown!r}",)
    # what is measured is another number each time
    elif type(shown) is not type(real) or not (isinstance(shown, float) or shown == real):
        yield f"{place} is {real!r}, shown as {shown!r}"


def _fits(shown: str, real: str) -> bool:
    """Say whether a text is the one that is shown, in which … stands for any other."""
    pattern = "(?s:.+)".join(map(re.escape, shown.split(SHORTENED)))
    return re.fullmatch(pattern, real) is not None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


_END = "--- the end of these commands ---"
