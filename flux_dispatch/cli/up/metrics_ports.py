"""Ports for the metrics of what `flux up` starts: one for each process, known before it starts."""

from collections.abc import Sequence
from typing import Final

from config.settings import Settings
from flux_dispatch.cli.port import port_or_next, resolve_port

USUAL_PORT: Final = 9464

_SETTING: Final = "FLUX_METRICS_PORT"
_HOW: Final = f"FLUX_METRICS_HOST and {_SETTING}"


class MetricsPorts:
    """Who has which; nobody has one where the setting is given and empty.

    Args:
        settings: where the ports begin, and on which address.
        names: the processes, in the order in which they take ports.

    Raises:
        CliError: the address is none of this machine's.
    """

    def __init__(self, settings: Settings, names: Sequence[str]) -> None:
        self._host = settings.metrics_host
        self._ports: dict[str, int] = {}
        if settings.metrics_port is None and "metrics_port" in settings.model_fields_set:
            return
        port = USUAL_PORT if settings.metrics_port is None else settings.metrics_port
        for name in names:
            self._ports[name] = self._free(port)
            port = self._ports[name] + 1 if port else 0

    def environment(self, name: str) -> dict[str, str]:
        """Return what tells a process its port."""
        return {_SETTING: str(self._ports[name])} if name in self._ports else {}

    def urls(self, host: str) -> dict[str, str]:
        """Return where each process tells its metrics; `host` is how this machine reaches their address."""
        return {name: f"http://{host}:{port}/metrics" for name, port in self._ports.items()}

    @property
    def host(self) -> str:
        """The address that they are on."""
        return self._host

    def _free(self, port: int) -> int:
        if not port:
            return resolve_port(self._host, 0, _HOW)
        return port_or_next(self._host, port, _HOW, lambda _: None)
