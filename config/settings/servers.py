"""Settings: where the database and the broker are, and what `flux up` keeps."""

from pathlib import Path

from pydantic import BaseModel, Field, field_validator

from config.redis_url import read_redis_url
from config.settings.errors import SettingsError

_DATABASE_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")


class ServerSettings(BaseModel):
    """The servers."""

    home: Path = Field(Path(".flux"), description="Where `flux up` keeps its database, keys and up.json.")
    database_url: str | None = Field(
        None, description="PostgreSQL 14 or later, as postgresql://user:password@host/db.", repr=False
    )
    redis_url: str | None = Field(
        None, description="The broker, as redis://:password@host:6379/0; also rediss, unix, sentinel.", repr=False
    )

    @field_validator("home", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        # the directory that one happens to stand in is no place for a database
        return value or Path(".flux")

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str | None) -> str | None:
        if value:
            read_redis_url(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _check_scheme(cls, value: str | None) -> str | None:
        # an empty one is none: that is how compose files leave a setting out
        if value and value.partition("://")[0] not in _DATABASE_SCHEMES:
            message = f"it begins with {_DATABASE_SCHEMES[0]}://"
            raise ValueError(message)
        return value

    def need_database_url(self) -> str:
        """Return the database's URL.

        Raises:
            SettingsError: it is not set.
        """
        if not self.database_url:
            message = (
                "FLUX_DATABASE_URL is not set. Give it as postgresql://user:password@host/db, "
                "or run `flux up`, which brings its own server."
            )
            raise SettingsError(message)
        return self.database_url

    def need_redis_url(self) -> str:
        """Return the broker's URL.

        Raises:
            SettingsError: it is not set.
        """
        if not self.redis_url:
            message = (
                "FLUX_REDIS_URL is not set. Give it as redis://host:6379/0, or run `flux up`, which brings its own."
            )
            raise SettingsError(message)
        return self.redis_url
