"""The one clock that is passed to everything, and the instants made from it.

`Clock` reads the machine: the wall clock (which people and NTP set) and the
monotonic clock (which nothing sets). `Timeline` makes the instants that are
stored (`domain.md` 2, clock steps): an anchor plus the monotonic clock, so that
they never run backwards.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scudo_agent.instant import SECOND, Instant

STEP_US = 2 * SECOND
"""A difference between the clocks beyond this is a step, below it is drift."""

_EPOCH = Instant(0)


class Clock(Protocol):
    """What time it is; tests and the simulation bring their own."""

    @property
    def boot_id(self) -> str:
        """Changes when the machine starts anew, with the monotonic clock."""

    def wall(self) -> Instant:
        """The wall clock of the machine."""

    def monotonic_us(self) -> int:
        """The monotonic clock in microseconds; its zero means nothing."""


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        try:
            text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        except OSError:
            text = "unknown"
        self.boot_id = text.strip()

    def wall(self) -> Instant:
        """`CLOCK_REALTIME`."""
        return Instant(time.time_ns() // 1_000)

    def monotonic_us(self) -> int:
        """`CLOCK_MONOTONIC`: it stands still while the machine is suspended."""
        return time.monotonic_ns() // 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The wall clock left the timeline: by how much, and what was skipped.

    `skipped` is `(from, to)` for a step forward (that span was not measured)
    and None for a step back, after which the old anchor goes on.
    """

    offset_us: int
    skipped: tuple[Instant, Instant] | None


class Timeline:
    """Stored instants: an anchor plus the monotonic clock.

    `not_before` is the last instant that was ever stored: a restart anchors
    anew, and never before it.
    """

    def __init__(self, clock: Clock, *, not_before: Instant = _EPOCH) -> None:
        self._clock = clock
        self._mono = clock.monotonic_us()
        self._anchor = Instant(max(clock.wall(), not_before))
        self._told = self.offset_us()

    def now(self) -> Instant:
        """The present instant; never smaller than one given before."""
        return Instant(self._anchor + self._clock.monotonic_us() - self._mono)

    def offset_us(self) -> int:
        """Wall clock minus timeline: what `status` and the metric show."""
        return self._clock.wall() - self.now()

    def check(self) -> Step | None:
        """Compare both clocks once a tick; report a step of more than 2 s once.

        A step forward moves the anchor; a step back leaves it, and is reported
        again only when the offset changes by more than 2 s.
        """
        offset = self.offset_us()
        if offset > STEP_US:
            before = self.now()
            self._mono = self._clock.monotonic_us()
            self._anchor = Instant(before + offset)
            self._told = 0
            return Step(offset_us=offset, skipped=(before, self._anchor))
        moved = offset - self._told
        if abs(moved) > STEP_US:
            self._told = offset
            return Step(offset_us=moved, skipped=None)
        return None
