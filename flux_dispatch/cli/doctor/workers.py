"""The workers: who answers, and whether all are of this release."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from celery import Celery

from config.celeryconfig import celery_settings, forget_foreign_settings
from flux_dispatch import __version__
from flux_dispatch.cli.doctor.finding import Finding, Installation, ok, unknown, warning, wrong
from workers.version import VERSION_COMMAND

WORKERS: Final = "workers"
ANSWER_SECONDS: Final = 1.0

_OLD: Final = "one that does not tell it"


def check_workers(installation: Installation) -> Iterator[Finding]:
    """Yield what is to be said of the workers."""
    url = installation.settings.redis_url
    if not url:
        yield unknown(WORKERS, "not asked: FLUX_REDIS_URL is not set")
        return
    try:
        versions = _versions(url)
    except Exception as error:  # noqa: BLE001 - kombu's errors have no common root
        yield unknown(WORKERS, f"not asked: Redis does not carry the question ({type(error).__name__})")
        return
    yield _said(versions)


def _said(versions: dict[str, str]) -> Finding:
    if not versions:
        mend = "Start one: `flux worker`, with the same FLUX_DATABASE_URL, FLUX_REDIS_URL and FLUX_ENCRYPTION_KEYS."
        return wrong(WORKERS, f"None answers within {ANSWER_SECONDS:g} s, so nothing is delivered.", mend)
    others = sorted(set(versions.values()) - {__version__})
    if others:
        said = f"{len(versions)} answer, some of release {', '.join(others)}; this is {__version__}."
        return warning(WORKERS, said, "Bring all to one release; while one is being deployed, that is as it should be.")
    named = ", ".join(sorted(versions)[:3]) + (" and others" if len(versions) > 3 else "")  # noqa: PLR2004 - a few
    return ok(WORKERS, f"{len(versions)} of release {__version__}: {named}")


def _versions(url: str) -> dict[str, str]:
    """Return the version of each worker that answers, by its name."""
    forget_foreign_settings()
    with Celery("flux-command", set_as_current=False) as app:
        app.config_from_object(celery_settings(url))
        # one of an earlier release knows the ping alone
        with ThreadPoolExecutor(2) as both:
            answers = [each for told in both.map(partial(_ask, app), ("ping", VERSION_COMMAND)) for each in told]
    return {name: _version(answer) for each in answers for name, answer in each.items()}


def _ask(app: Celery, question: str) -> list[dict[str, Any]]:
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=1)
        told = app.control.broadcast(question, reply=True, timeout=ANSWER_SECONDS, connection=connection)
    return list(told or ())


def _version(answer: Any) -> str:  # noqa: ANN401 - what a worker sent
    return str(answer["version"]) if isinstance(answer, dict) and "version" in answer else _OLD
