"""A process that checks data which may take long, apart from the event loop: what takes too long ends the process.

It reads a line of two lengths, then as many bytes of a schema and of data, and answers with a line of JSON.
"""

import json
import os
import resource
import signal
import sys
from functools import lru_cache
from typing import Final

from flux_dispatch.memory_limit import limit_memory
from flux_dispatch.schema.compile import Compiled

MAX_SECONDS: Final = 1.0
"""How much computing one check may take; the time of others on a busy machine does not count."""

MAX_MEMORY: Final = 1 << 29
"""Bytes of address space, of which nearly all is for the errors that the library collects."""

MAX_COMPILED: Final = 50

compiled = lru_cache(maxsize=MAX_COMPILED)(Compiled)


def main() -> None:
    """Answer until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks; its end is the end of what is read
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    limit_memory(MAX_MEMORY)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # its end is told by whoever asked
    while head := sys.stdin.buffer.readline():
        schema, data = (sys.stdin.buffer.read(int(length)).decode("ascii") for length in head.split())
        signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
        answer = _answer(schema, data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.buffer.write(answer.encode("ascii") + b"\n")
        sys.stdout.buffer.flush()


def _answer(schema: str, data: str) -> str:
    checked, value = compiled(schema), json.loads(data)
    if checked.is_met_by(value):
        return "null"
    found = checked.mismatch(value)
    return json.dumps([found.path, found.rule, found.says] if found else None)


if __name__ == "__main__":
    main()
