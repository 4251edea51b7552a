"""Runs faults and prints what each cost; the exit status is the verdict.

python -m tests.faults                        every fault
python -m tests.faults "Redis full" killed    those whose names hold one of these
python -m tests.faults --seed 7               the choices that a run with this seed made
python -m tests.faults --markdown PAGE        and writes the table into a page
"""

import argparse
import random
import sys
import tempfile
import traceback
from pathlib import Path

from tests.faults.catalogue import FAULTS, Fault
from tests.faults.checker import Verdict, judge
from tests.faults.report import Report
from tests.faults.servers import Broker, Database, servers
from tests.faults.testbed import testbed


def main(arguments: list[str]) -> int:
    """Return 0 when every invariant held."""
    given = _read(arguments)
    chosen = [fault for fault in FAULTS if not given.words or any(word in fault.name for word in given.words)]
    if not chosen:
        sys.stderr.write("No fault is called so. There are:\n" + "".join(f"  {fault.name}\n" for fault in FAULTS))
        return 2
    report = Report(random.randrange(2**32) if given.seed is None else given.seed)  # noqa: S311 - repeatable, not secret
    _say(report.opening())
    with tempfile.TemporaryDirectory(prefix="flux-faults-") as directory:
        Path(directory).chmod(0o755)
        with servers(Path(directory)) as (broker, database):
            for number, fault in enumerate(chosen):
                verdict = run(fault, broker, database, Path(directory) / f"run{number}", report.seed)
                _say(report.add(fault.name, verdict))
    _say(report.closing())
    if given.markdown:
        report.write_markdown(given.markdown)
    return 1 if report.broken else 0


def run(fault: Fault, broker: Broker, database: Database, directory: Path, seed: int) -> Verdict:
    """Inflict one fault on a fresh installation, and judge it."""
    with testbed(broker, database, directory, fault.circumstances(seed)) as on:
        try:
            fault.inflict(on)
        except Exception:  # noqa: BLE001 - whatever broke it, the faults after it are tried all the same
            trouble = traceback.format_exc(limit=-3)
        else:
            trouble = ""
        if on.over_at is None:
            on.note_end_of_fault()
        verdict = judge(on, fault.allowed)
    if trouble:
        verdict.wrong.append(trouble)
    return verdict


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Breaks every process, and counts.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only the faults whose names hold one of the words")
    parser.add_argument("--seed", type=int, help="make the choices that a run with this seed made")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="write the table into this page")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
