"""`flux up` starts at the first try: on other people's machines, in their shells, and as their users."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx
import pytest

from flux_dispatch.cli.errors import CliError
from flux_dispatch.cli.port import port_or_next
from tests.support.api import ENCRYPTION_KEY
from tests.support.newcomer import ANY_PORTS, FLUX, START_SECONDS, flux_up, is_alive, running
from tests.support.surroundings import NO_IPV6, NOBODY, SMALL_SHM, Surroundings
from tests.support.waiting import eventually

SERVICE_LINKS = {
    "FLUX_PORT": "tcp://10.0.0.1:8080",
    "FLUX_PORT_8080_TCP": "tcp://10.0.0.1:8080",
    "FLUX_PORT_8080_TCP_ADDR": "10.0.0.1",
    "FLUX_SERVICE_HOST": "10.0.0.1",
    "FLUX_SERVICE_PORT_HTTP": "8080",
    "FLOWER_PORT": "tcp://10.0.0.2:5555",
    "FLOWER_SERVICE_HOST": "10.0.0.2",
}
SOMEBODY_ELSES = {
    "HTTP_PROXY": "http://127.0.0.1:1",
    "https_proxy": "http://127.0.0.1:1",
    "ALL_PROXY": "socks5://127.0.0.1:1",
    "NO_PROXY": "[::1",
    "SSL_CERT_FILE": "/nonexistent/ca.pem",
    "SSL_CERT_DIR": "/nonexistent",
    "REQUESTS_CA_BUNDLE": "/nonexistent/ca.pem",
    "PGHOST": "db.invalid",
    "PGPORT": "6543",
    "PGSSLMODE": "verify-full",
    "PGSERVICE": "shop",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "CELERY_CONFIG_MODULE": "shop.celeryconfig",
    "FLOWER_BASIC_AUTH": "a:b",
    "FLOWER_NONSENSE": "1",
    "PYTHONSTARTUP": "/nonexistent.py",
    "PYTHONIOENCODING": "ascii",
    "LC_ALL": "xx_YY.ISO-8859-1",
    "LANG": "en_US.UTF-8",
}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody gets to, and root alone writes to."""
    with tempfile.TemporaryDirectory(prefix="flux-place-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_somebody_elses_shell_does_not_steer_it(place: Path) -> None:
    project = place / "shop"
    for package in ("config", "workers", "flux_dispatch"):
        (project / package).mkdir(parents=True)
        (project / package / "__init__.py").touch()
    (project / "celeryconfig.py").write_text("broker_url = 'redis://127.0.0.1:1/0'\n")
    shell = Surroundings(
        directory=project,
        environment=SERVICE_LINKS | SOMEBODY_ELSES | {"PYTHONPATH": str(project / "lib")},
        without=("HOME", "USER"),
        before=("umask 077",),
    )
    (project / "lib").mkdir()
    for package in ("config", "workers"):
        (project / package).rename(project / "lib" / package)

    with running(place / "my flux home ü'$x", "--workers", "1", within=shell) as up:
        up.ready()
        assert "ok: signature verified" in up.text
        assert up.text.isascii()
        assert "enableServiceLinks: false" in up.text
        assert up.text.count("enableServiceLinks") == 1
        assert httpx.get(f"{up.file['flower_url']}/healthcheck", trust_env=False).is_success
        assert up.home.stat().st_mode & 0o077 in {0, 0o001}
        assert up.stop() == 0
        assert "Traceback" not in up.text


def test_another_user_of_a_small_machine_starts_it_too(place: Path) -> None:
    theirs = Surroundings(
        user=NOBODY,
        machine=(SMALL_SHM, NO_IPV6),
        network=True,
        directory=Path("/"),
        environment={"HOME": "/nonexistent", "TMPDIR": "/nonexistent"},
        without=("USER", "LOGNAME", "PATH"),
        before=("ulimit -n 256", "umask 000"),
    )
    home = place / "home"
    theirs.command("true")
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    with running(home, "--workers", "1", within=theirs) as up:
        up.ready()
        assert "✓ signature verified" in up.text
        assert {each.stat().st_uid for each in home.iterdir()} == {NOBODY}
        assert [each.name for each in (home, *home.iterdir()) if each.stat().st_mode & 0o002] == []
        assert up.stop() == 0
        assert "Traceback" not in up.text


def test_it_outlives_the_terminal_under_nohup_and_a_full_disk_under_its_log(place: Path) -> None:
    keeper, terminal = pty.openpty()
    command = 'nohup "$@" >/dev/full 2>&1 & echo $!'
    with ExitStack() as stack:
        for port in (8080, 5555):  # both taken, by us or by somebody else
            with suppress(OSError):
                stack.enter_context(closing(socket.create_server(("127.0.0.1", port))))
        home = place / ("long" * 40)
        flux = [*FLUX, "up", "--no-demo", "--workers", "1"]
        shell = subprocess.Popen(
            ["setsid", "--ctty", "sh", "-c", f"{command}; read -r _", "sh", *flux],
            env=Surroundings().variables({"FLUX_HOME": str(home)}),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert shell.stdout
        pid = int(shell.stdout.readline())
        try:
            eventually((home / "up.json").exists, "flux up is ready", START_SECONDS)
            os.close(terminal)
            os.close(keeper)
            shell.wait(10)
            about = json.loads((home / "up.json").read_text())
            assert httpx.get(f"{about['api_url']}/readyz").is_success
            assert not about["api_url"].endswith(":8080")
            os.kill(pid, signal.SIGINT)
            assert httpx.get(f"{about['api_url']}/readyz").is_success
        finally:
            os.kill(pid, signal.SIGTERM)
            shell.stdout.close()
            eventually(lambda: not is_alive(pid), "flux up ends", 40)
    assert not (home / "up.json").exists()


def test_a_reader_that_goes_away_does_not_end_it(database_url: str, redis_url: str, place: Path) -> None:
    settings = {"FLUX_DATABASE_URL": database_url, "FLUX_REDIS_URL": redis_url, "FLUX_HOME": str(place / "home")}
    command = [*FLUX, "up", *ANY_PORTS, "--no-demo", "--workers", "1"]
    with subprocess.Popen(
        command, env=Surroundings().variables(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert b"answer" in process.stdout.readline()
        process.stdout.close()
        eventually((place / "home" / "up.json").exists, "flux up is ready", START_SECONDS)
        process.terminate()
        _, said = process.communicate(timeout=40)
    assert (process.returncode, said) == (0, b"")


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_part_in_the_background_outlives_its_terminal(
    database_url: str, redis_url: str, tmp_path: Path, command: str
) -> None:
    background = Surroundings(before=("trap '' HUP INT",))
    settings = {"FLUX_DATABASE_URL": database_url, "FLUX_REDIS_URL": redis_url, "FLUX_API_PORT": "0"}
    settings["FLUX_ENCRYPTION_KEYS"] = ENCRYPTION_KEY
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            background.command(*FLUX, command), env=background.variables(settings), stdout=output, stderr=output
        ) as process,
    ):
        try:
            eventually(lambda: {"ready.", "api.listening"} & set(log.read_text().split()), "it is ready")
            eventually(lambda: {signal.SIGHUP, signal.SIGINT} <= ignored_by(process.pid), "it ignores both")
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
        finally:
            process.kill()


def test_the_usual_port_gives_way_where_it_is_taken() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = port_or_next("127.0.0.1", port, "--port", said.append)
    assert other != port
    assert said == [f"Port {port} is taken on 127.0.0.1, so it is {other} this time. --port chooses one."]
    with pytest.raises(CliError, match=r"192\.0\.2\.1:8080 cannot be used"):
        port_or_next("192.0.2.1", 8080, "--port", said.append)


def test_few_open_files_become_as_many_as_the_system_allows() -> None:
    program = (
        "import resource; from flux_dispatch.cli.open_files import raise_open_files; raise_open_files(); "
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    few = Surroundings(before=("ulimit -S -n 256", "ulimit -H -n 1000"))
    run = subprocess.run(few.command(sys.executable, "-c", program), capture_output=True, text=True, check=True)
    assert run.stdout == "1000 1000\n"


def test_closed_streams_are_no_hindrance() -> None:
    closed = Surroundings(before=("exec <&- >&- 2>&-",))
    for arguments, status in ((["--version"], 0), (["migrate"], 1)):
        command = closed.command(*FLUX, *arguments)
        assert subprocess.run(command, env=closed.variables({}), check=False, timeout=60).returncode == status
    full = Surroundings(before=("exec >/dev/full",))
    command = full.command(*FLUX, "--version")
    refused = subprocess.run(command, env=full.variables({}), stderr=subprocess.PIPE, check=False, timeout=60)
    assert (refused.returncode, refused.stderr) == (1, b"flux: No space left on device.\n")


@pytest.mark.parametrize(
    ("name", "machine", "words"),
    [
        ("shut/home", (), "Permission denied"),
        ("file", (), "is not a directory"),
        ("full", ("mount -t tmpfs -o size=8m,mode=777 tmpfs {home}",), "No space left on device"),
        ("full/brim", ("mount -t tmpfs -o size=4k,nr_inodes=2,mode=777 tmpfs {home}",), "No space left on device"),
    ],
)
def test_a_home_that_cannot_be_used_is_one_line(place: Path, name: str, machine: tuple[str, ...], words: str) -> None:
    (place / "full").mkdir()
    (place / "file").touch()
    (place / "shut").mkdir(mode=0o755)
    lines = tuple(line.format(home=place / "full") for line in machine)
    refused = flux_up(place / name, within=Surroundings(user=NOBODY, machine=lines))
    assert refused.returncode == 1
    assert words in refused.stderr or "File exists" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert "Set FLUX_HOME" in refused.stderr


def ignored_by(pid: int) -> set[signal.Signals]:
    """Return the signals that a process does not heed."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(status.partition("SigIgn:")[2].split()[0], 16)
    return {each for each in signal.Signals if mask >> (each - 1) & 1}
