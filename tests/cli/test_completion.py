"""What shells complete, and that their scripts are such."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Shop
from tests.support.command import PROGRAM, Command


def completed(flux: Command, *words: str) -> list[str]:
    environment = flux.environment() | {
        "_FLUX_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("flux", *words)),
        "COMP_CWORD": str(len(words)),
    }
    ran = subprocess.run(PROGRAM, env=environment, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return ran.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(flux: Command, shell: str, tmp_path: Path) -> None:
    script = flux.done("completion", shell).out
    assert "_FLUX_COMPLETE" in script
    program = shutil.which(shell)
    if program:
        file = tmp_path / "script"
        file.write_text(script)
        subprocess.run([program, "-n", str(file)], check=True, timeout=20)


def test_another_shell_is_refused(flux: Command) -> None:
    assert "tcsh" in flux.misused("completion", "tcsh")


def test_bash_completes_by_its_script(flux: Command, tmp_path: Path) -> None:
    (tmp_path / "flux").write_text(f'#!/bin/sh\nexec {" ".join(PROGRAM)} "$@"\n')
    (tmp_path / "flux").chmod(0o755)
    asked = f"""
        {flux.done("completion", "bash").out}
        COMP_WORDS=(flux web) COMP_CWORD=1
        _flux_completion flux
        echo "${{COMPREPLY[@]}}"
    """
    environment = flux.environment() | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(["bash", "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "webhooks\n"


def test_commands_options_ids_and_types_are_completed(flux: Command, shop: Shop) -> None:
    assert completed(flux, "webhooks", "rotate") == ["rotate-secret"]
    assert "--created-after" in completed(flux, "events", "list", "--created")
    assert completed(flux, "deliveries", "list", "--status", "fa") == ["failed"]
    assert set(completed(flux, "webhooks", "show", "wh_")) == {shop.found.works, shop.found.fails, shop.found.gone}
    assert completed(flux, "trigger", "shipment.s") == ["shipment.sent"]


def test_what_cannot_be_asked_is_not_completed_and_nothing_is_said(flux: Command) -> None:
    nobody = flux.with_settings(FLUX_API_URL="http://127.0.0.1:9")
    assert completed(nobody, "webhooks", "show", "wh_") == []
    assert completed(nobody.with_settings(FLUX_API_URL=""), "webhooks", "show", "wh_") == []


def test_nothing_that_a_shell_would_run_comes_out_of_a_description(fresh: Command) -> None:
    text = "\\$(touch /tmp/x) `id` \"'; rm -rf ~ #"
    fresh.done("event-types", "create", "evil.type", "--description", text)
    environment = fresh.environment() | {"_FLUX_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "flux trigger evil"}
    out = subprocess.run(PROGRAM, env=environment, capture_output=True, text=True, check=True).stdout
    assert "evil.type" in out
    assert not {"$", "`", ";", "#"} & set(out.partition("evil.type")[2])
