"""How to start a Redis server for one machine: loopback only, with a password, keeping nothing."""

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from flux_dispatch.cli.embedded.wheels import redis_program


@dataclass(frozen=True, slots=True)
class RedisCommand:
    """How to start a Redis server, and the URL that it will answer at."""

    arguments: list[str]
    url: str


def redis_command(directory: Path, port: int) -> RedisCommand:
    """Write a Redis configuration and return how to start it: loopback only, with a password, never evicting.

    Nothing is saved to disk: the database is the truth, and the queue is made again from it.

    Raises:
        ServerUnavailable: there is no redis-server on the PATH and no wheel for this platform.
        OSError: the configuration cannot be written.
    """
    program = redis_program()
    directory.mkdir(parents=True, exist_ok=True)
    password = secrets.token_hex(16)
    configuration = directory / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\nmaxmemory-policy noeviction\n"
        f'save ""\nappendonly no\ndir {_quoted(directory.resolve())}\nlogfile redis.log\nloglevel notice\n'
    )
    return RedisCommand([program, str(configuration)], f"redis://:{password}@127.0.0.1:{port}/0")


def free_port() -> int:
    """Return a TCP port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _quoted(path: Path) -> str:
    """Write a path as redis.conf takes every one: each byte by its number."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in os.fsencode(path)) + '"'
