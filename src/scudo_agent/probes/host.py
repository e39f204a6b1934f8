"""`host`: how full the agent's own machine is (psutil)."""

import asyncio
import errno
import os
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from scudo_agent.config.probe import Ahead, ProbeSettings, Ratio
from scudo_agent.instant import SECOND
from scudo_agent.model import Limit, Outcome, Shape, Trend
from scudo_agent.probes.port import Job
from scudo_agent.probes.simple import SimpleEngine
from scudo_agent.text import TN, T

_MEASURES = ("disk", "inodes", "memory", "swap", "load")

_Path = Annotated[str, Field(pattern=r"^/")]


class HostSettings(ProbeSettings):
    """`{host: {disk: /, warn: 85%, degraded: 95%}}`: exactly one measure."""

    KIND: ClassVar[str] = "host"
    NEEDS_ADDRESS: ClassVar[bool] = False

    disk: _Path | None = None
    """Mount point of a file system: share of its space in use, as `df` counts."""
    inodes: _Path | None = None
    """Mount point of a file system: share of its inodes in use."""
    memory: Literal[True] | None = None
    """Share of the memory that is not available to new programs."""
    swap: Literal[True] | None = None
    """Share of the swap space in use."""
    load: Literal[1, 5, 15] | None = None
    """Load average over so many minutes, by CPU."""
    degraded: Annotated[Ratio, Field(gt=0)] | None = None
    warn: Annotated[Ratio, Field(gt=0)] | None = None
    forecast: Ahead | None = None
    """A forecast when the limit will be reached within this time."""

    @field_validator("forecast")
    @classmethod
    def _has_a_limit(cls, ahead: float | None, info: ValidationInfo) -> float | None:
        given = info.data.get
        if ahead is None or given("disk") or given("inodes"):
            return ahead
        if given("load"):
            raise ValueError("a load comes and goes, it has no forecast; such as warn")
        if not (given("degraded") or given("warn")):
            raise ValueError("needs a limit to run into; such as degraded: 95%")
        return ahead

    @model_validator(mode="after")
    def _one_measure(self) -> "HostSettings":
        named = [name for name in _MEASURES if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError(
                "one of disk, inodes, memory, swap and load is needed, "
                f"not {' and '.join(named) or 'none'}; such as disk: /"
            )
        if self.load is None and max(self.degraded or 0, self.warn or 0) > 1:
            raise ValueError(f"{named[0]} never exceeds 100%; such as warn: 85%")
        return self

    def _value(self) -> str:
        return "used" if self.load is None else f"load{self.load}_per_cpu"

    def _limits(self, bound: float | None) -> tuple[Limit, ...]:
        return () if bound is None else (Limit(value=self._value(), bound=bound),)

    def degraded_limits(self) -> tuple[Limit, ...]:
        """The limit of `degraded`."""
        return self._limits(self.degraded)

    def warn_limits(self) -> tuple[Limit, ...]:
        """The limit of `warn`."""
        return self._limits(self.warn)

    def trend(self, address: str | None) -> Trend | None:
        """Towards `degraded`, else `warn`, else a full file system."""
        if self.forecast is None:
            return None
        named = [name for name in _MEASURES if getattr(self, name) is not None]
        return Trend(
            limits=self._limits(self.degraded or self.warn or 1.0),
            within_us=round(self.forecast * SECOND),
            measure=f"host {named[0]} {self.disk or self.inodes or ''}".rstrip(),
            shape=Shape.RATIO,
        )

    def endpoint(self, address: str | None) -> str:
        """The file system, or what of this host is measured."""
        path = self.disk or self.inodes
        if path:
            return path
        return "load" if self.load else "memory" if self.memory else "swap"

    def reproduce(self, address: str | None) -> str:
        """The command that shows the same on this host."""
        if self.disk:
            return f"df -h {self.disk}"
        if self.inodes:
            return f"df -i {self.inodes}"
        return "uptime" if self.load else "free -h"

    def hosts(self, address: str | None) -> tuple[str, ...]:
        """Nothing is connected to."""
        return ()


class HostEngine(SimpleEngine):
    """Measures in worker threads, as a hung file system blocks whoever asks.

    While one measurement hangs, the next run waits for that same one: a dead
    network file system costs one thread, not one each run.
    """

    def __init__(self) -> None:
        super().__init__(self._probe)
        self._measuring: dict[HostSettings, asyncio.Future[Outcome]] = {}

    async def _probe(self, job: Job) -> Outcome:
        settings = job.settings
        if not isinstance(settings, HostSettings):
            raise TypeError(f"{job.check} is no job of the host probe")
        future = self._measuring.get(settings)
        if future is None:
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(None, measure, settings)
            self._measuring[settings] = future
            future.add_done_callback(lambda done: self._measured(settings, done))
        return await asyncio.shield(future)

    def _measured(self, key: HostSettings, done: "asyncio.Future[Outcome]") -> None:
        del self._measuring[key]
        if not done.cancelled():
            done.exception()  # seen here even if nobody waits any more


def measure(settings: HostSettings) -> Outcome:
    """Measure now; blocks."""
    if settings.disk is not None:
        return _of_mount(settings.disk, _disk)
    if settings.inodes is not None:
        return _of_mount(settings.inodes, _inodes)
    if settings.load is not None:
        return _load(settings.load)
    return _memory() if settings.memory else _swap()


def _of_mount(path: str, measured: Callable[[str], Outcome]) -> Outcome:
    """Measure a file system; failed when it is not mounted there.

    An unmounted disk leaves an empty folder, of which one would measure the
    file system around it and find it good.
    """
    try:
        if _is_mounted(path):
            return measured(path)
    except FileNotFoundError:
        pass  # not even a folder to mount it on: the words are the same
    except OSError as exc:
        own_fault = exc.errno in (errno.EACCES, errno.EPERM)
        error = exc.strerror or str(exc)
        seen = T("{path} cannot be read: {error}", path=path, error=error)
        return Outcome(answered=None if own_fault else False, seen=seen)
    return Outcome(answered=False, seen=T("nothing is mounted on {path}", path=path))


def _is_mounted(path: str) -> bool:
    import psutil

    plain = os.path.normpath(path)
    os.stat(plain)
    if os.path.ismount(plain):
        return True
    # A folder of the same file system mounted there: only the table knows.
    return any(part.mountpoint == plain for part in psutil.disk_partitions(all=True))


def _disk(path: str) -> Outcome:
    import psutil

    usage = psutil.disk_usage(path)
    used = usage.used / max(usage.used + usage.free, 1)
    return Outcome(
        answered=True,
        seen=T(
            "{path} {used} full of {total}",
            path=path,
            used={"ratio": used},
            total={"bytes": usage.total},
        ),
        values={"used": used, "free_bytes": float(usage.free)},
    )


def _inodes(path: str) -> Outcome:
    stat = os.statvfs(path)
    if not stat.f_files:
        seen = T("{path} has no fixed number of inodes", path=path)
        return Outcome(answered=True, seen=seen, values={"used": 0.0})
    used = 1 - stat.f_ffree / stat.f_files
    return Outcome(
        answered=True,
        seen=T("{path} {used} of the inodes used", path=path, used={"ratio": used}),
        values={"used": used},
    )


def _memory() -> Outcome:
    import psutil

    memory = psutil.virtual_memory()
    used = 1 - memory.available / memory.total
    return Outcome(
        answered=True,
        seen=T(
            "memory {used} used of {total}",
            used={"ratio": used},
            total={"bytes": memory.total},
        ),
        values={"used": used, "available_bytes": float(memory.available)},
    )


def _swap() -> Outcome:
    import psutil

    swap = psutil.swap_memory()
    if not swap.total:
        return Outcome(answered=True, seen=T("no swap space"), values={"used": 0.0})
    used = swap.used / swap.total
    return Outcome(
        answered=True,
        seen=T(
            "swap {used} used of {total}",
            used={"ratio": used},
            total={"bytes": swap.total},
        ),
        values={"used": used},
    )


def _load(minutes: Literal[1, 5, 15]) -> Outcome:
    import psutil

    load = psutil.getloadavg()[(1, 5, 15).index(minutes)]
    cpus = psutil.cpu_count() or 1
    return Outcome(
        answered=True,
        seen=TN(
            "load {load} over {minutes} min on {n} CPU",
            "load {load} over {minutes} min on {n} CPUs",
            n=cpus,
            load=round(load, 2),
            minutes=minutes,
        ),
        values={f"load{minutes}_per_cpu": load / cpus},
    )
