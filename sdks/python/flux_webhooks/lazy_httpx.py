"""httpx, imported when it is first used: it takes longer to load than all of this package."""

from importlib import import_module
from typing import Any


class _Lazy:
    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the library has; the stub beside says what
        return getattr(import_module("httpx"), name)


httpx = _Lazy()
