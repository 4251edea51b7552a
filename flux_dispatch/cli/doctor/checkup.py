"""All checks in their order, and the report of what they found."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from config.settings import Settings, SettingsError, load_settings
from flux_dispatch import __version__
from flux_dispatch.cli.client.target import running_here
from flux_dispatch.cli.commands.options import shared_options
from flux_dispatch.cli.doctor.alerts import check_alerts
from flux_dispatch.cli.doctor.broker import check_broker
from flux_dispatch.cli.doctor.database import check_database_part
from flux_dispatch.cli.doctor.finding import Finding, Installation, State, ok, unknown, wrong
from flux_dispatch.cli.doctor.machine import check_machine
from flux_dispatch.cli.doctor.part import Part
from flux_dispatch.cli.doctor.web import check_web
from flux_dispatch.cli.doctor.workers import check_workers
from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.output.json_lines import say_json
from flux_dispatch.cli.output.terminal import is_terminal, note, say, status
from flux_dispatch.cli.output.text import one_line
from flux_dispatch.cli.up.home import Home

SETTINGS: Final = "settings"

CHECKS: Final[Mapping[Part, Callable[[Installation], Iterator[Finding]]]] = {
    Part.DATABASE: check_database_part,
    Part.REDIS: check_broker,
    Part.WORKERS: check_workers,
    Part.WEB: check_web,
    Part.ALERTS: check_alerts,
    Part.MACHINE: check_machine,
}
_WIDEST: Final = len("Redis persistence")


def check_up(parts: Collection[Part]) -> None:
    """Check these parts (none: all), print each finding as soon as it is there, and sum up.

    Raises:
        CliError: something is wrong.
    """
    findings = []
    for each in _findings(parts):
        findings.append(each)
        if not shared_options().as_json:
            _say(each)
    wrongs = [each for each in findings if each.state is State.WRONG]
    if shared_options().as_json:
        checks = [
            {"name": each.name, "state": each.state, "message": each.said, "mend": each.mend} for each in findings
        ]
        say_json({"version": __version__, "ok": not wrongs, "checks": checks})
    if wrongs:
        raise CliError(f"{len(wrongs)} of {len(findings)} checks found something wrong: {_named(wrongs)}.")
    if not shared_options().as_json:
        warnings = [each for each in findings if each.state is State.WARNING]
        unasked = [each for each in findings if each.state is State.UNKNOWN]
        verdict = f"Nothing wrong was found, but not all is known: {_named(unasked)}." if unasked else "All is well."
        note(f"{verdict}{f' To look at: {_named(warnings)}.' if warnings else ''}")


def _findings(parts: Collection[Part]) -> Iterator[Finding]:
    try:
        installation = look_for_installation()
    except (SettingsError, CliError) as error:
        yield wrong(
            SETTINGS, one_line(str(error)), "Mend that first: every part of Flux Dispatch refuses to start with it."
        )
        return
    yield ok(SETTINGS, "; ".join(installation.notes) or "as this environment has them")
    for part, check in CHECKS.items():
        if parts and part not in parts:
            continue
        try:
            yield from check(installation)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are worth their while
            yield unknown(part, f"could not be checked: {type(error).__name__}: {error}")


def look_for_installation() -> Installation:
    """Return what to look at: what the settings name; where they name no server, what `flux up` runs here.

    Raises:
        SettingsError: a variable with our prefix is unknown, or a value is wrong.
        CliError: what `flux up` wrote cannot be read.
    """
    settings = load_settings()
    place, running = running_here()
    if settings.database_url or settings.redis_url or not running:
        return Installation(settings)
    return Installation(
        _completed(settings, {name: str(running[name]) for name in ("database_url", "redis_url") if name in running}),
        str(running.get("api_url") or "") or None,
        str(running.get("flower_url") or "") or None,
        (f"those of `flux up`, which runs here ({place})",),
    )


def _completed(settings: Settings, servers: dict[str, str]) -> Settings:
    given = {name: value for name, value in os.environ.items() if name.startswith("FLUX_")}
    given |= {f"FLUX_{name.upper()}": value for name, value in servers.items()}
    keys = Home(settings.home).kept_encryption_keys(given.get("FLUX_ENCRYPTION_KEYS", ""))
    return load_settings(given | {"FLUX_ENCRYPTION_KEYS": keys})


def _say(finding: Finding) -> None:
    said = one_line(finding.said)
    if not is_terminal():
        say("\t".join([finding.state, finding.name, said, one_line(finding.mend)]).rstrip("\t"))
        return
    padding = " " * (len("warning") - len(finding.state))
    say(f"{status(finding.state)}{padding}  {finding.name.ljust(_WIDEST)}  {said}")
    if finding.mend:
        say(f"{'':9}{'':{_WIDEST}}  {one_line(finding.mend)}")


def _named(findings: Sequence[Finding]) -> str:
    return ", ".join(each.name for each in findings)
