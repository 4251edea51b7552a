"""Which variables of the shell reach our processes: ours, and what says nothing to the libraries that we stand on."""

from collections.abc import Iterable, Mapping
from typing import Final

LIBPQ: Final = ("PG",)
"""How libpq's variables begin; they may belong to FLUX_DATABASE_URL, and never to a database that we bring."""

FLOWER: Final = ("FLOWER_",)
"""Flower takes options from its own variables, and Kubernetes writes such for a service named flower."""

_LOCALE: Final = ("LC_", "LANG", "PYTHONCOERCECLOCALE", "PYTHONIOENCODING")
"""Without these Python takes a UTF-8 locale that exists here (PEP 538), and that alone: in the C locale it would not
read the name of a directory with an umlaut, in one that does not exist neither."""

_OTHERS: Final = ("CELERY_", *FLOWER, *_LOCALE, "PYTHONSTARTUP")
_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"})

_FIXED: Final = {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def part_environment(shell: Mapping[str, str], *, brings_database: bool) -> dict[str, str]:
    """Return the environment for processes that we start, from that of the shell."""
    foreign = (*_OTHERS, *(LIBPQ if brings_database else ()))
    kept = {
        name: value for name, value in shell.items() if not name.startswith(foreign) and name.lower() not in _PROXIES
    }
    return kept | _FIXED


def names_with(shell: Iterable[str], beginnings: tuple[str, ...]) -> list[str]:
    """Return the names that begin so."""
    return [name for name in shell if name.startswith(beginnings)]
