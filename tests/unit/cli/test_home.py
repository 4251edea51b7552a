"""The home keeps one encryption key, and uses it beside keys that are given."""

import stat
from pathlib import Path

from flux_dispatch.cli.up.home import Home


def test_a_key_is_made_once(tmp_path: Path) -> None:
    made = Home(tmp_path).encryption_keys("")
    assert len(made) == 44
    assert Home(tmp_path).encryption_keys("") == made
    assert stat.S_IMODE((tmp_path / "encryption-key").stat().st_mode) == 0o600


def test_given_keys_go_before_the_one_that_is_kept(tmp_path: Path) -> None:
    assert Home(tmp_path).encryption_keys("given, other") == "given,other"
    assert list(tmp_path.iterdir()) == []
    made = Home(tmp_path).encryption_keys("")
    assert Home(tmp_path).encryption_keys("given") == f"given,{made}"
    assert Home(tmp_path).encryption_keys(f"given,{made}") == f"given,{made}"
