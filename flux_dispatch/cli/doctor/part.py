"""The parts of an installation that may be looked at alone."""

from enum import StrEnum


class Part(StrEnum):
    """A part; its checks are in the file of its name, or of what it is made of."""

    DATABASE = "database"
    REDIS = "redis"
    WORKERS = "workers"
    WEB = "web"
    ALERTS = "alerts"
    MACHINE = "machine"
