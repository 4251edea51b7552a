"""Values as the source of a program has them, broken into lines where they are long."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 56
"""How many characters a line may have before it is broken; what is shown beside the text is narrow."""


@dataclass(frozen=True, slots=True)
class Language:
    """How a language writes what is not a number or text; `indent` is how many spaces."""

    constants: dict[Any, str]
    plain_keys: bool
    indent: int

    def literal(self, value: Any, column: int = 0) -> str:  # noqa: ANN401 - any JSON
        """Return the source of a value that stands `column` spaces from the left."""
        if value is None or isinstance(value, bool):
            return self.constants[value]
        if isinstance(value, list):
            return self.group("[]", [self.literal(each, column + self.indent) for each in value], column)
        if isinstance(value, dict):
            inner = column + self.indent
            parts = [f"{self._key(key)}: {self.literal(each, inner)}" for key, each in value.items()]
            return self.group("{}", parts, column)
        return json.dumps(value, ensure_ascii=False)

    def group(self, brackets: str, parts: list[str], column: int = 0) -> str:
        """Return parts between brackets: on one line if it is short enough, else each on its own."""
        left, right = tuple(brackets)
        space = " " if brackets == "{}" and self.plain_keys and parts else ""
        flat = f"{left}{space}{', '.join(parts)}{space}{right}"
        if len(flat) + column <= WIDTH and "\n" not in flat:
            return flat
        margin = " " * (column + self.indent)
        return "\n".join([left, *(f"{margin}{part}," for part in parts), " " * column + right])

    def call(self, start: str, parts: list[str]) -> str:
        """Return a call that begins so, with these arguments; an object that is the only one breaks by itself."""
        flat = f"{start}({', '.join(parts)})"
        if len(flat) <= WIDTH and "\n" not in flat:
            return flat
        if len(parts) == 1 and parts[0].startswith(("{", "[")):
            return flat
        margin = " " * self.indent
        return "\n".join([f"{start}(", *(f"{margin}{part}," for part in parts), ")"])

    def _key(self, key: str) -> str:
        return key if self.plain_keys and re.fullmatch(r"[A-Za-z_]\w*", key) else json.dumps(key, ensure_ascii=False)


PYTHON: Final = Language({None: "None", True: "True", False: "False"}, plain_keys=False, indent=4)
JAVASCRIPT: Final = Language({None: "null", True: "true", False: "false"}, plain_keys=True, indent=2)
