"""`flux audit-log`: who did what, as a list and as a file."""

import csv
import json
import stat
from pathlib import Path

from tests.support.command import Command


def test_what_was_done_is_listed_as_sentences(fresh: Command) -> None:
    webhook = fresh.done("webhooks", "create", "https://example.com/").fields["id"]
    fresh.done("webhooks", "secret", webhook)
    rows = fresh.done("audit-log", "list", "--target", webhook).rows
    assert [row[1] for row in rows] == ["secret.revealed", "webhook.created"]
    assert all(len(row[2]) > 20 for row in rows)
    [entry] = fresh.done(
        "audit-log", "list", "--action", "webhook.*", "--created-after", "1h", "--json"
    ).out.splitlines()
    assert json.loads(entry)["object"] == "audit_entry"
    assert fresh.done("audit-log", "list", "--actor", "engine").out == ""
    assert "--created-after" in fresh.misused("audit-log", "list", "--created-after", "soon")


def test_it_is_exported_whole_to_a_file_or_a_pipe(fresh: Command, tmp_path: Path) -> None:
    fresh.done("webhooks", "create", "https://example.com/")
    piped = fresh.done("audit-log", "export", "--action", "webhook.*")
    assert [json.loads(line)["action"] for line in piped.out.splitlines()] == ["webhook.created"]
    file = tmp_path / "audit-log.csv"
    told = fresh.done("audit-log", "export", "--format", "csv", "--to", str(file))
    assert told.err == f"{file} holds it.\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open(newline="") as opened:
        assert {row["action"] for row in csv.DictReader(opened)} >= {"webhook.created", "audit_log.exported"}


def test_a_file_that_cannot_be_written_is_left_as_it_was(fresh: Command, tmp_path: Path) -> None:
    assert "cannot be written: No such file or directory" in fresh.refused(
        "audit-log", "export", "--to", str(tmp_path / "nowhere" / "log.jsonl")
    )
    kept = tmp_path / "log.jsonl"
    kept.write_text("before")
    wrong = fresh.with_settings(FLUX_API_KEY="sk_live_x")
    assert "does not work" in wrong.refused("audit-log", "export", "--to", str(kept))
    assert kept.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir() if each.suffix != ""] == ["log.jsonl"]
    assert "--format" in fresh.misused("audit-log", "export", "--format", "xml")
