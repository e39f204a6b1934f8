"""Simulated time: an asyncio loop whose clock jumps to what comes next.

With nothing ready, the loop does not wait: it moves its time to the next timer.
What would run in a thread runs at once in the loop, so that a simulated day is
the same every time. Real sockets must not be used here.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from scudo_agent.instant import SECOND, Instant

R = TypeVar("R")


class SimClock:
    """A machine's clocks that only the simulation moves."""

    def __init__(self, wall: Instant) -> None:
        self.boot_id = "simulated"
        self.mono_us = 1_000 * SECOND
        self.wall_offset_us = wall - self.mono_us

    def wall(self) -> Instant:
        """Wall time: the monotonic clock plus what people set."""
        return Instant(self.mono_us + self.wall_offset_us)

    def monotonic_us(self) -> int:
        """The simulated monotonic clock."""
        return self.mono_us

    def step(self, us: int) -> None:
        """Someone sets the wall clock."""
        self.wall_offset_us += us


class _Jump(selectors.SelectSelector):
    def __init__(self, clock: SimClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("the simulation waits for nothing: a deadlock")
        if not ready and timeout and timeout > 0:
            self._clock.mono_us += max(round(timeout * SECOND), 1)
        return ready


class SimLoop(asyncio.SelectorEventLoop):
    """The event loop of a simulation."""

    def __init__(self, clock: SimClock) -> None:
        self._sim_clock = clock  # the base class asks for the time at once
        super().__init__(_Jump(clock))

    def time(self) -> float:
        """The simulated monotonic clock in seconds."""
        return self._sim_clock.mono_us / SECOND

    def run_in_executor(  # type: ignore[override]
        self,
        executor: ThreadPoolExecutor | None,
        func: Callable[..., R],
        *args: Any,
    ) -> asyncio.Future[R]:
        """Run it now: a simulation has one thread."""
        future: asyncio.Future[R] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as exc:  # noqa: BLE001 - it belongs to who awaits
            future.set_exception(exc)
        return future


def simulate(clock: SimClock, main: Coroutine[Any, Any, R]) -> R:
    """Run `main` in simulated time."""
    loop = SimLoop(clock)
    try:
        return loop.run_until_complete(main)
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.wait(pending))
        loop.close()
