"""Child processes that leave no orphans: start, recognise, end."""

import ctypes
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scudo_agent.clock import SystemClock
from scudo_agent.errors import ScudoError
from scudo_agent.instant import SECOND

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_TICK_S = 0.02


def hold(run: Path) -> int:
    """Lock a demo's folder for this process; a descriptor, closing it lets go.

    The kernel lets go by itself when the process ends, however it ends.
    """
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise ScudoError(
            f"a demo is running in {run.parent} already; Ctrl-C ends it there"
        ) from None
    return descriptor


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent ends, however it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def spawn(
    command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a child that ends with us; what it prints goes to `log`.

    It gets a session of its own: Ctrl-C at the terminal is for us, and we end it
    when the agent has stopped.
    """
    parent = os.getpid()
    with log.open("wb") as output:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),
        )


def is_ours(pid: int, words: Sequence[str]) -> bool:
    """Whether the process runs and has all of `words` in its command line."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    parts = raw.decode(errors="replace").split("\0")
    return all(word in parts for word in words)


def wait_until(condition: Callable[[], bool], *, limit_s: float) -> bool:
    """Poll a condition that nobody can signal; False when the time is over."""
    clock = SystemClock()
    end_us = clock.monotonic_us() + round(limit_s * SECOND)
    while clock.monotonic_us() < end_us:
        if condition():
            return True
        time.sleep(_TICK_S)
    return condition()


def end(pid: int, words: Sequence[str]) -> None:
    """End a process that is still ours, at first kindly."""
    for number, limit_s in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        if not is_ours(pid, words):
            return
        os.kill(pid, number)
        if wait_until(lambda: not is_ours(pid, words), limit_s=limit_s):
            return
