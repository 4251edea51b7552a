"""Runs faults and prints what each cost; the exit status is the verdict.

python -m tests.faults [WORD …]      only the faults whose names hold one of the words
"""

import sys
import tempfile
import traceback
from pathlib import Path

from tests.faults.catalogue import FAULTS, Fault
from tests.faults.checker import Verdict, judge
from tests.faults.ground import Broker, Database, ground, servers

COLUMNS = "{:<52} {:>12} {:>9} {:>5} {:>7} {:>7} {:>9}"


def main(words: list[str]) -> int:
    """Return 0 when every invariant held."""
    chosen = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    sys.stdout.write(
        COLUMNS.format("fault", "acknowledged", "delivered", "lost", "doubled", "unclear", "recovered") + "\n"
    )
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="flux-faults-") as directory:
        Path(directory).chmod(0o755)
        with servers(Path(directory)) as (broker, database):
            for number, fault in enumerate(chosen):
                verdict = run(fault, broker, database, Path(directory) / f"run{number}")
                wrong += bool(verdict.wrong)
                _show(fault, verdict)
    sys.stdout.write(f"{len(chosen) - wrong} of {len(chosen)} faults kept every invariant\n")
    return 1 if wrong else 0


def run(fault: Fault, broker: Broker, database: Database, directory: Path) -> Verdict:
    """Inflict one fault on a fresh installation, and judge it."""
    with ground(broker, database, directory, fault.pause_seconds) as on:
        try:
            fault.inflict(on)
        except AssertionError:
            trouble = traceback.format_exc(limit=-3)
        else:
            trouble = ""
        verdict = judge(on, most_doubles=fault.most_doubles)
    if trouble:
        verdict.wrong.append(trouble)
    return verdict


def _show(fault: Fault, verdict: Verdict) -> None:
    figures = (verdict.acknowledged, verdict.delivered, verdict.lost, verdict.doubled, verdict.unclear)
    sys.stdout.write(COLUMNS.format(fault.name, *figures, f"{verdict.recovery_seconds} s") + "\n")
    for line in verdict.wrong[:10]:
        sys.stdout.write(f"    ✗ {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
