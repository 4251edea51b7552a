"""Has Python find our packages before others of the same names, which a project of yours may have on its PYTHONPATH."""

import sys
from importlib.util import find_spec
from pathlib import Path

import flux_dispatch

_NAMES = ("config", "workers")


def put_own_packages_first() -> None:
    """Look first where this package lies, if something else would be found under one of our names."""
    place = Path(flux_dispatch.__file__).parents[1]
    if any(_found(name) != place / name for name in _NAMES):
        sys.path.insert(0, str(place))


def _found(name: str) -> Path | None:
    if name in sys.modules:
        return Path(str(sys.modules[name].__file__)).parent
    found = find_spec(name)
    return Path(found.origin).parent if found and found.origin else None
