"""The Pythons of this machine, for what must run on all that are promised."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def interpreter(minor: int) -> Path:
    """Return a Python 3.`minor`, from the PATH or from pyenv, whose stand-ins on the PATH may lead nowhere; or skip."""
    name = f"python3.{minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for candidate in [shutil.which(name), *pyenv.glob(f"versions/*/bin/{name}")]:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return Path(candidate)
    pytest.skip(f"there is no Python 3.{minor} here")
