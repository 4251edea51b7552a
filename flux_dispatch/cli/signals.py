"""Signals that whoever started us has set aside (nohup: SIGHUP; a shell's `&`: SIGINT) stay set aside."""

import signal
from collections.abc import Iterator


def signals_to_heed(*wanted: signal.Signals) -> Iterator[signal.Signals]:
    """Yield those of these signals that we were not started to ignore."""
    yield from (each for each in wanted if signal.getsignal(each) is not signal.SIG_IGN)


def keep_ignored(*signals: signal.Signals) -> None:
    """Have a Celery worker ignore those that we were started to ignore, though it sets handlers of its own."""
    from celery.signals import worker_ready

    ignored = [each for each in signals if signal.getsignal(each) is signal.SIG_IGN]

    def ignore(**_: object) -> None:
        for each in ignored:
            signal.signal(each, signal.SIG_IGN)

    worker_ready.connect(ignore, weak=False)
