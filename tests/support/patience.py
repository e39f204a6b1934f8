"""Waiting with limits that mean nothing but "never": how long depends on the machine.

A limit of a test stands for a machine that has nothing else to do. Where there is
more to do than it has cores everything takes longer, and a slow one is no fault.
"""

import os
import time
from collections.abc import Callable

_TICK_S = 0.05
_SLOW = 2.0
"""A machine of ours or of the checks may be so much slower than the limits' own."""


def busy() -> float:
    """How many times as much there is to do as the processors can, 1 at least."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def patient(limit_s: float) -> float:
    """The limit on this machine as it is now."""
    return limit_s * _SLOW * busy()


def wait_until(holds: Callable[[], bool], *, limit_s: float) -> bool:
    """Poll a condition that nobody can signal; False when the time is over.

    What the limit is worth is asked again while it lasts: load may come meanwhile.
    """
    began = time.monotonic()
    while time.monotonic() - began < patient(limit_s):
        if holds():
            return True
        time.sleep(_TICK_S)
    return holds()
