"""Tells which version a worker is of, when all workers are asked: a deployment may have left an older one behind."""

from typing import Any, Final

from celery.worker.control import inspect_command

from flux_dispatch import __version__

VERSION_COMMAND: Final = "flux_version"


@inspect_command(name=VERSION_COMMAND)
def flux_version(_: Any) -> dict[str, str]:  # noqa: ANN401 - the state of Celery's worker
    """Return the version of this worker."""
    return {"version": __version__}
