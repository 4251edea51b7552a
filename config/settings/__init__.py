"""The settings: environment variables FLUX_…, a file a group, checked as a whole before anything starts."""

import difflib
import os
from collections.abc import Mapping
from typing import Final

from pydantic import ConfigDict, ValidationError

from config.settings.alerts import AlertSettings
from config.settings.api import ApiSettings
from config.settings.client import ClientSettings
from config.settings.dashboard import DashboardSettings
from config.settings.delivery import DeliverySettings
from config.settings.errors import SettingsError
from config.settings.flower import FlowerSettings
from config.settings.kubernetes_links import service_links
from config.settings.logs import LogSettings
from config.settings.metrics import MetricsSettings
from config.settings.prefix import PREFIX
from config.settings.security import SecuritySettings
from config.settings.servers import ServerSettings
from config.settings.tracing import TracingSettings

__all__ = ["PREFIX", "Settings", "SettingsError", "load_settings", "service_links"]


_RIGHT: Final = {
    "int_parsing": "it is a whole number",
    "float_parsing": "it is a number",
    "bool_parsing": "it is true or false",
    "literal_error": "it is {expected}",
    "greater_than": "it is more than {gt}",
    "greater_than_equal": "it is {ge} at least",
    "less_than_equal": "it is {le} at most",
}
"""What would be right, by the word that pydantic has for what is wrong."""


# pydantic takes the fields of the last base first
class Settings(
    ClientSettings,
    MetricsSettings,
    TracingSettings,
    LogSettings,
    DashboardSettings,
    AlertSettings,
    SecuritySettings,
    DeliverySettings,
    FlowerSettings,
    ApiSettings,
    ServerSettings,
):
    """Every setting; docs/configuration.md lists them, and a test keeps that list whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this environment (default: the process's).

    Raises:
        SettingsError: a variable with our prefix is unknown, or a value is wrong.
    """
    variables = os.environ if environment is None else environment
    links = service_links(variables)
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and name not in links
    }
    unknown = [_unknown(name) for name in given if name not in Settings.model_fields]
    if unknown:
        raise SettingsError("\n".join(unknown))
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError("\n".join(_wrong(each) for each in error.errors())) from None


def _unknown(name: str) -> str:
    line = f"{PREFIX}{name.upper()} is not a setting."
    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    if close:
        line += f" Did you mean {PREFIX}{close[0].upper()}?"
    return line + " docs/configuration.md lists them all."


def _wrong(error: Mapping[str, object]) -> str:
    location = error["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else "?"
    field = Settings.model_fields.get(name)
    # one that holds a password is named and not shown
    value = "" if field is not None and not field.repr else f" = {error['input']!r}"
    context = error.get("ctx")
    right = _RIGHT.get(str(error["type"]), "").format(**context if isinstance(context, dict) else {})
    return f"{PREFIX}{name.upper()}{value} is wrong: {right or str(error['msg']).removeprefix('Value error, ')}."
