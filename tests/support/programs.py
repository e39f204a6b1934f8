"""Whole programs as a person starts them, read line by line with a deadline."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from support.patience import patient


def call(*words: str, limit_s: float = 60) -> subprocess.CompletedProcess[str]:
    """`scudo-agent WORDS`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "scudo_agent", *words],
        capture_output=True,
        text=True,
        timeout=patient(limit_s),
        check=False,
        env=environment(),
    )


def data(*words: str) -> Any:
    """What `scudo-agent WORDS --json` printed."""
    done = call(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def environment() -> dict[str, str]:
    """Nothing but loopback is touched, and output comes as it is printed."""
    return {
        **os.environ,
        "SCUDO_DEMO_GATEWAY": "stand-in",
        "PYTHONUNBUFFERED": "1",
    }


class Program:
    """A running `scudo-agent WORDS`; what it printed is in `lines`."""

    def __init__(self, *words: str) -> None:
        self.lines: list[str] = []
        self._rest = b""
        self._seen = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scudo_agent", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        )

    def until(self, wanted: Callable[[str], bool], *, limit_s: float) -> str:
        """The next wanted line after the one found before; fails without one."""
        began = time.monotonic()
        while True:
            while self._seen < len(self.lines):
                self._seen += 1
                if wanted(self.lines[self._seen - 1]):
                    return self.lines[self._seen - 1]
            left = began + patient(limit_s) - time.monotonic()
            assert left > 0, f"not within {limit_s} s; it printed:\n{self.text()}"
            assert self._read(left), f"it ended; it printed:\n{self.text()}"

    def end(self, number: signal.Signals, *, limit_s: float = 20) -> int:
        """Send a signal, read to the end, return the exit code."""
        self.process.send_signal(number)
        deadline = time.monotonic() + patient(limit_s)
        while self._read(max(deadline - time.monotonic(), 0.1)):
            assert time.monotonic() < deadline, f"it goes on; printed:\n{self.text()}"
        return self.process.wait(timeout=patient(limit_s))

    def text(self) -> str:
        """All that it printed."""
        return "\n".join(self.lines)

    def close(self) -> None:
        """End it if a failed test left it running."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self, limit_s: float) -> bool:
        """Take what is there, waiting at most so long; False at the end."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(limit_s):
                return True
        chunk = os.read(self.process.stdout.fileno(), 65536)
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        self.lines.extend(line.decode(errors="replace") for line in whole)
        return bool(chunk)
