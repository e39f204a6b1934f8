"""A disk that takes no sync of one file, for a process that runs already."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.patience import patient, wait_until

_LIMIT_S = 60.0


@contextmanager
def syncs_fail(pid: int, path: Path, log: Path) -> Iterator[None]:
    """While inside, each sync of `path` by a thread of the process gives EIO."""
    strace = shutil.which("strace")
    assert strace, "strace is needed (Debian: apt-get install strace)"
    calls = "fdatasync,fsync"
    words = (
        *(strace, "-f", "-p", str(pid), "-P", str(path), "-o", str(log)),
        *("-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO"),
    )
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as tracer:
        try:
            assert wait_until(lambda: _traced(pid), limit_s=_LIMIT_S)
            yield
        finally:
            tracer.terminate()
            tracer.wait(patient(_LIMIT_S))


def _traced(pid: int) -> bool:
    """Whether every thread of the process has a tracer."""
    folder = Path(f"/proc/{pid}/task")
    said = [(task / "status").read_text() for task in folder.iterdir()]
    return all("TracerPid:\t0\n" not in one for one in said)
