"""The agent's metrics: counted as things happen, read at each scrape."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from scudo_agent.agent.backlog import Backlog
from scudo_agent.agent.interventions import checks_of
from scudo_agent.agent.runtime import Runtime
from scudo_agent.clock import Step
from scudo_agent.contract.model import Window
from scudo_agent.dbfile.backup import last_taken
from scudo_agent.dbfile.sqlite import beside
from scudo_agent.deliver import DeliveryState
from scudo_agent.desk.store.backup import DESK
from scudo_agent.instant import SECOND, Instant
from scudo_agent.pipeline import Committed
from scudo_agent.schedule import Firing
from scudo_agent.store.backup import AGENT
from scudo_agent.store.values import InterventionKind, LedgerStatus, OutboxStatus
from scudo_agent.telemetry.metrics import Metrics
from scudo_agent.telemetry.snapshot import (
    CheckSnapshot,
    ServiceSnapshot,
    Snapshot,
    StreamSnapshot,
)

R = TypeVar("R")
_WAIT_S = 5.0


def in_loop(loop: asyncio.AbstractEventLoop, read: Callable[[], R]) -> R:
    """Read something that the loop owns, from another thread.

    Raises `TimeoutError` when the loop does not come to it within 5 s.
    """
    answer: Future[R] = Future()

    def run() -> None:
        try:
            answer.set_result(read())
        except Exception as exc:  # noqa: BLE001 - it belongs to who waits
            answer.set_exception(exc)

    loop.call_soon_threadsafe(run)
    return answer.result(_WAIT_S)


class Measures:
    """Counts what one agent does and makes its snapshots."""

    def __init__(
        self,
        runtime: Runtime,
        metrics: Metrics,
        *,
        delivery: Callable[[], DeliveryState],
        backlog: Backlog,
        state: Path,
    ) -> None:
        self._state = state
        self._runtime = runtime
        self._metrics = metrics
        self._delivery = delivery
        self._backlog = backlog

    def committed(self, done: Committed) -> None:
        """Count observations and the commit that made them durable."""
        for seen in done.observations:
            self._metrics.observed(seen.check, seen.result)
        self._metrics.committed(done=True)

    def refused(self) -> None:
        """Count a commit that the store refused."""
        self._metrics.committed(done=False)

    def fired(self, firings: Sequence[Firing]) -> None:
        """Count runs and how late they began."""
        for firing in firings:
            self._metrics.fired(firing.late_us / SECOND)

    def stepped(self, step: Step) -> None:
        """Count a step of the wall clock."""
        self._metrics.stepped(step.offset_us)

    def snapshot(self) -> Snapshot:
        """The agent now; call it in the loop."""
        runtime = self._runtime
        desk = self._delivery()
        copy, left = runtime.windows.copy, self._left()
        severities = Counter(one.severity for one in runtime.judge.open_incidents())
        return Snapshot(
            checks=[self._check(path) for path in runtime.site.checks],
            services=[self._service(name, left) for name in runtime.site.services],
            isolated_since=runtime.judge.isolated,
            incidents=severities,
            outbox={
                "I": stream_snapshot(self._backlog.status, runtime.timeline.now()),
                "L": stream_snapshot(self._backlog.ledger, runtime.timeline.now()),
            },
            free_bytes=_free(self._state),
            reserve_used=runtime.store.reserve_used,
            desk_up=desk.connected if desk.last_answer or desk.failures else None,
            desk_answered=desk.last_answer,
            key_since=desk.key_since,
            clock_offset_s=runtime.timeline.offset_us() / SECOND,
            started=runtime.started,
            liveness=runtime.alive,
            store_bytes=_size(self._state / AGENT.file),
            damaged=len(runtime.store.losses),
            backups=self._backups(),
            config_hash=runtime.site.config_hash,
            reload_refused=runtime.file_taken.refused_at is not None,
            config_taken=runtime.file_taken.at,
            windows_copied=copy.fetched if copy is not None else None,
        )

    def _check(self, path: str) -> CheckSnapshot:
        runtime = self._runtime
        check = runtime.site.checks[path]
        view = runtime.judge.state(path)
        seen = runtime.pipeline.seen.get(path)
        outcome = runtime.pipeline.outcomes.get(path)
        forecast = runtime.pipeline.forecast(path)
        return CheckSnapshot(
            path=path,
            kind=check.kind,
            address=check.target.address,
            state=view.state,
            since=view.since or self._started(),
            last_at=seen.at if seen else None,
            duration_s=outcome.duration_s if outcome else None,
            warned=seen.warned if seen else None,
            crossing=forecast.crossing.likely if forecast else None,
            failing=view.run_failed,
            missed=runtime.probing.schedule.counts.missed.get(path, 0),
            values=outcome.values if outcome else {},
        )

    def _started(self) -> Instant:
        return self._runtime.started or self._runtime.timeline.now()

    def _service(self, name: str, left: "_Left") -> ServiceSnapshot:
        state, since = self._runtime.judge.service(name)
        contracted = self._runtime.site.services[name].contracted
        checks = self._runtime.site.services[name].checks
        touching = {kind for kind, paths in left[0] if not paths.isdisjoint(checks)}
        return ServiceSnapshot(
            id=name,
            contracted=contracted,
            state=state,
            since=since or self._started(),
            muted=InterventionKind.MUTE in touching,
            paused=InterventionKind.PAUSE in touching,
            windows=frozenset(str(one.kind) for one in left[1] if one.covers(name)),
        )

    def _backups(self) -> dict[str, Instant]:
        taken = {what.name: last_taken(self._state, what) for what in (AGENT, DESK)}
        return {name: at for name, at in taken.items() if at is not None}

    def _left(self) -> "_Left":
        """What is left alone now."""
        runtime, now = self._runtime, self._runtime.timeline.now()
        orders = [
            (one.kind, frozenset(checks_of(runtime.site, one.scope, one.name)))
            for one in runtime.interventions.in_force(now)
        ]
        return orders, [window for window, _, _ in runtime.windows.open(now)]


_Left = tuple[list[tuple[InterventionKind, frozenset[str]]], list[Window]]
"""Mutes and pauses with their checks, and the windows that are open."""


def _size(store: Path) -> int:
    """The file and its WAL; what was set aside is no part of it."""
    files = (store, *beside(store))
    return sum(one.stat().st_size for one in files if one.exists())


def _free(state: Path) -> int | None:
    """What is left on the store's file system; None: it does not say."""
    try:
        return shutil.disk_usage(state).free
    except OSError:
        return None


def stream_snapshot(
    outbox: OutboxStatus | LedgerStatus, now: Instant
) -> StreamSnapshot:
    """A stream's figures as they are `now`."""
    age_us = 0 if outbox.oldest is None else max(now - outbox.oldest, 0)
    return StreamSnapshot(
        oldest_age_s=age_us / SECOND,
        waiting=outbox.head_seq - outbox.acked_seq,
        quarantined=outbox.quarantined,
    )
