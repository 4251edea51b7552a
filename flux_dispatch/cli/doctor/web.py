"""What is reached over HTTP: the API where customers reach it, and Flower."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx

from flux_dispatch import __version__
from flux_dispatch.cli.doctor.finding import Finding, Installation, ok, warning, wrong

API, PUBLIC_URL, FLOWER = "API", "public URL", "Flower"
PATIENCE_SECONDS: Final = 5.0


def check_web(installation: Installation) -> Iterator[Finding]:
    """Yield what is to be said of the API, and of Flower."""
    settings = installation.settings
    here = installation.api_url or f"http://{_reachable(settings.api_host)}:{settings.api_port}"
    if settings.public_url:
        yield _public(settings.public_url)
    else:
        yield _api(here)
    if not settings.public_url and installation.api_url:
        yield ok(PUBLIC_URL, "not set, nor needed on one machine")
    elif not settings.public_url:
        mend = "Set it to where customers reach the API, like https://flux.example.com, for every `flux api`."
        yield warning(PUBLIC_URL, "FLUX_PUBLIC_URL is not set: links begin as each request's own address did.", mend)
    flower = installation.flower_url or settings.flower_url
    prefix = f"/{settings.flower_url_prefix}" if settings.flower_url_prefix else ""
    yield _flower(flower or f"http://{_reachable(settings.flower_host)}:{settings.flower_port}{prefix}")


def _api(url: str) -> Finding:
    answer = _ask(f"{url}/readyz")
    if isinstance(answer, str):
        mend = "Start `flux api`; where it runs on another machine, look there, or set FLUX_PUBLIC_URL."
        return warning(API, f"Nothing answers at {url}: {answer}.", mend)
    if answer.is_success:
        return ok(API, f"ready at {url}")
    if answer.headers.get("content-type", "").partition(";")[0] != "application/json":
        mend = "Another server has this port: stop it, or give `flux api` another by FLUX_API_PORT."
        return wrong(API, f"What answers at {url} ({answer.status_code}) is no Flux Dispatch.", mend)
    return wrong(API, f"{url}/readyz answers {answer.status_code}: {answer.text[:200]}", "Its log says what it lacks.")


def _public(url: str) -> Finding:
    answer = _ask(f"{url}/healthz")
    mend = "Look at DNS, the certificate and the proxy before the API; from inside, its own name may lead elsewhere."
    if isinstance(answer, str):
        return wrong(PUBLIC_URL, f"{url} cannot be reached from here: {answer}.", mend)
    version = _version_of(answer)
    if version is None:
        return wrong(PUBLIC_URL, f"{url}/healthz answers {answer.status_code}, and is no Flux Dispatch.", mend)
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in {"localhost", "127.0.0.1", "::1"}:
        return warning(
            PUBLIC_URL, f"{url} works, unencrypted.", "Put a proxy with TLS before it: keys travel in headers."
        )
    if version != __version__:
        return warning(
            PUBLIC_URL, f"{url} is of release {version}; this is {__version__}.", "Bring all to one release."
        )
    return ok(PUBLIC_URL, f"{url}, release {version}")


def _flower(url: str) -> Finding:
    answer = _ask(f"{url.rstrip('/')}/healthcheck")
    if isinstance(answer, str):
        mend = "`flux flower` starts it. Nothing depends on it: it shows tasks and queues to operators."
        return warning(FLOWER, f"Nothing answers at {url}: {answer}.", mend)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        mend = "Its port or FLUX_FLOWER_URL_PREFIX may be another one there."
        return warning(FLOWER, f"What answers at {url} is no Flower.", mend)
    return ok(FLOWER, url)


def _ask(url: str) -> httpx.Response | str:
    """Return the answer, or why there is none."""
    try:
        return httpx.get(url, timeout=PATIENCE_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return (str(error) or type(error).__name__).rstrip(".")


def _version_of(answer: httpx.Response) -> str | None:
    try:
        told = answer.json()
    except ValueError:
        return None
    return str(told["version"]) if isinstance(told, dict) and answer.is_success and "version" in told else None


def _reachable(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
