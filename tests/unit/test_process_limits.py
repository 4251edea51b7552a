"""A process of ours is set up so that many threads cost no more memory than few."""

import platform
import subprocess
import sys

import pytest

ARENAS = """
import ctypes, threading
from workers.process_limits import share_one_heap

{call}
ready = threading.Barrier(5)

def work():
    taken = [bytes(1000) for _ in range(100)]
    ready.wait(10)

threads = [threading.Thread(target=work) for _ in range(4)]
for each in threads:
    each.start()
ready.wait(10)
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has a heap for each thread")
def test_all_threads_allocate_from_one_heap() -> None:
    assert heaps("share_one_heap()") == 1
    assert heaps("") > 1


def heaps(call: str) -> int:
    """Return how many heaps the C library tells of after four threads have taken something each."""
    ended = subprocess.run([sys.executable, "-c", ARENAS.format(call=call)], capture_output=True, text=True, check=True)
    return ended.stderr.count("Arena ")
