"""The SDK's own tests pass in an empty environment of every Python that it promises, where nothing else is."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.interpreters import interpreter
from tests.support.tree import ROOT, SDK, read

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input")
WITHOUT_NETWORK = (
    "Failed to establish a new connection",
    "NameResolutionError",
    "Temporary failure in name resolution",
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("minor", range(9, 15))
def test_its_tests_pass_in_an_empty_environment(minor: int, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    _run(interpreter(minor), "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    pip = (*PIP, "--python", python, "install", "--no-compile")
    try:
        _run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", ROOT / "requirements" / "sdk.txt")
    except AssertionError as error:
        if any(each in str(error) for each in WITHOUT_NETWORK):
            pytest.skip("there is no network here to fetch httpx and pytest from")
        raise
    _run(*PIP, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ROOT / SDK)
    _run(*pip, "--no-index", "--no-deps", *tmp_path.glob("*.whl"))
    (site,) = environment.glob("lib/python3*/site-packages")
    installed = {path.name.partition("-")[0].replace("_", "-").lower() for path in site.glob("*.dist-info")}
    assert installed - set(re.findall(r"(?m)^([a-z0-9-]+)==", read("requirements/sdk.txt"))) == {"flux-webhooks"}
    # copied without the package, so that nothing but the wheel is there to be imported
    copy = tmp_path / "sdks" / "python"
    shutil.copytree(ROOT / SDK, copy, ignore=shutil.ignore_patterns("flux_webhooks", "__pycache__"))
    shutil.copy(ROOT / "sdks" / "vectors.json", copy.parent)
    said = _run(python, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", copy / "tests")
    assert int(re.findall(r"(\d+) passed", said)[0]) > 400


def _run(*command: str | Path) -> str:
    # away from the project's root, so that nothing is found there by chance
    run = subprocess.run(command, cwd=Path(sys.prefix), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
