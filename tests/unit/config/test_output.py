"""What is written where it cannot be written: spelled out, or left out, and never an error."""

import errno
import io
import logging
import sys
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from config.logs import set_up_logs
from config.output import LastingOutput, make_output_safe


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "worker1 | ok: Zo\\xeb\n"), ("latin-1", "worker1 | ok: Zoë\n"), ("utf-8", "worker1 │ ✓ Zoë\n")],
)
def test_a_terminal_gets_what_it_can_show(monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str) -> None:
    taken = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(taken, encoding=encoding))
    make_output_safe()
    sys.stdout.write("worker1 │ ✓ Zoë\n")
    sys.stdout.flush()
    assert taken.getvalue().decode(encoding) == shown


def test_a_path_that_is_no_text_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(taken, encoding="utf-8"))
    make_output_safe()
    sys.stdout.write(b"/home/\xff".decode("utf-8", "surrogateescape"))
    sys.stdout.flush()
    assert taken.getvalue() == b"/home/\\udcff"


class FullDisk(io.StringIO):
    """What standard output is on a disk that is full."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_logs_on_a_full_disk_end_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], log_format: Literal["console", "json"]
) -> None:
    monkeypatch.setattr(sys, "stdout", FullDisk())
    set_up_logs(log_format, "info")
    structlog.get_logger("flux").info("delivery.attempted", account="Zoë")
    logging.getLogger("celery").warning("Zoë")
    assert capfd.readouterr().err == ""


def test_logs_to_a_stream_that_was_closed_end_nothing() -> None:
    closed = io.StringIO()
    closed.close()
    output = LastingOutput(closed)
    assert output.write("x") == 0
    output.flush()
