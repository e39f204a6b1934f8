"""The agent's read-only copy of the desk's windows, and what they hold back.

The desk has the windows (`domain.md` 4); the agent asks for them when `hello` names
another revision, keeps them in its store, and goes on with them while the desk is
away and over restarts. Every open window mutes tickets for what it covers, from its
announcement on; what is excluded is not asked here.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from scudo_agent.config.site import Site
from scudo_agent.contract.model import Contract, UpgradeRule, Window, WindowKind
from scudo_agent.contract.windows import WindowRules
from scudo_agent.desk.windows import Phase, phase, standing, window_of
from scudo_agent.errors import StoreError
from scudo_agent.instant import Instant
from scudo_agent.intervals import Interval
from scudo_agent.judge.holds import Hold
from scudo_agent.store.agent_store import AgentStore, wait
from scudo_agent.store.values import WindowCopy
from scudo_agent.ticketing.port import DeskError
from scudo_agent.wire_site import WindowsTaken, WindowState

PREFIX = "window:"
"""Of the ids of holds that windows make."""

_log = logging.getLogger(__name__)


OpenWindow = tuple[Window, WindowState, Instant]
"""A window, as the desk described it, and until when it is open."""


PlannedWindow = tuple[Window, WindowState]
"""A window that is yet to begin, and how the desk described it."""


class Effects:
    """How much of each window the contract excludes, worked out once for each."""

    def __init__(self) -> None:
        self._rules: WindowRules | None = None
        self._found: dict[Window, int] = {}

    def of(self, contract: Contract | None, window: Window) -> int | None:
        """Microseconds by all that was announced of it; None without a contract.

        What another window excludes as well is in it too.
        """
        if contract is None:
            return None
        if self._rules is None or self._rules.contract is not contract:
            self._rules, self._found = WindowRules(contract), {}
        if window not in self._found:
            self._found[window] = _excluded(self._rules, window)
        return self._found[window]


def _excluded(rules: WindowRules, window: Window) -> int:
    told = [one.announced for one in window.announcements]
    # A clock that is behind the desk's must not hide what the desk told.
    known = max(*told, window.cancelled or 0, window.peak_notice or 0)
    found = rules.assess(window, at=Instant(known))
    parts = () if found is None else found.granted
    return sum(part.span[1] - part.span[0] for part in parts)


class WindowSource(Protocol):
    """Where the windows are: the desk."""

    async def windows(self) -> WindowsTaken:
        """All windows of this agent's site; raises `DeskError`."""


def open_spans(window: Window, upgrade_us: int) -> Iterator[Interval]:
    """When a window is open: from its announcement on, while it is what it is.

    An announcement holds from `announced` to the next one or the cancellation; of an
    upgrade the first `upgrade_us` count.
    """
    told = sorted(window.announcements, key=lambda one: one.announced)
    ends = [one.announced for one in told[1:]]
    for place, one in enumerate(told):
        start, end = max(one.start, one.announced), one.end
        if window.kind is WindowKind.UPGRADE:
            end = Instant(min(end, one.start + upgrade_us))
        if place < len(ends):
            end = min(end, ends[place])
        if window.cancelled is not None:
            end = min(end, window.cancelled)
        if start < end:
            yield start, end


def open_at(copy: WindowCopy | None, at: Instant, longest_us: int) -> list[OpenWindow]:
    """The windows of a copy that are open at an instant."""
    states = () if copy is None else copy.windows.windows
    return _open([(window_of(state), state) for state in states], at, longest_us)


def _open(
    known: Iterable[tuple[Window, WindowState]], at: Instant, longest_us: int
) -> list[OpenWindow]:
    return [
        (window, state, end)
        for window, state in known
        for start, end in open_spans(window, longest_us)
        if start <= at < end
    ]


def planned_at(copy: WindowCopy | None, at: Instant) -> list[PlannedWindow]:
    """The windows of a copy that are yet to begin, the next one first."""
    states = () if copy is None else copy.windows.windows
    return _planned([(window_of(state), state) for state in states], at)


def _planned(
    known: Iterable[tuple[Window, WindowState]], at: Instant
) -> list[PlannedWindow]:
    found = [one for one in known if phase(one[0], at) is Phase.PLANNED]
    return sorted(found, key=lambda one: (standing(one[0]).start, one[0].id))


def upgrade_us(site: Site) -> int:
    """How long an upgrade's window mutes, by the contract if it is here."""
    rule = site.contract.uptime.exclusions.upgrade if site.contract else None
    return (rule or UpgradeRule()).max_us


class WindowKeeper:
    """The copy, and when to ask for a newer one.

    `changed` is called after a new copy is stored. `upgrade_us` says how long an
    upgrade's window lasts at most, by the contract that holds.
    """

    def __init__(
        self,
        store: AgentStore,
        *,
        changed: Callable[[], None],
        upgrade_us: Callable[[], int],
    ) -> None:
        self._store = store
        self._changed = changed
        self._upgrade_us = upgrade_us
        self._asking: asyncio.Task[None] | None = None
        self._take(store.reader.windows())

    def _take(self, copy: WindowCopy | None) -> None:
        self._copy = copy
        self.revision = 0 if copy is None else copy.windows.revision
        states: Sequence[WindowState] = () if copy is None else copy.windows.windows
        self._states = {state.id: state for state in states}
        self.windows = {state.id: window_of(state) for state in states}
        self.effects = Effects()

    @property
    def copy(self) -> WindowCopy | None:
        """What the desk said last; None: it never did."""
        return self._copy

    def holds(self, at: Instant) -> Iterator[Hold]:
        """What the windows hold back, those that are over at `at` left out."""
        for window in self.windows.values():
            for start, end in open_spans(window, self._upgrade_us()):
                if end > at:
                    yield Hold(
                        id=PREFIX + window.id,
                        start=start,
                        end=end,
                        services=window.services,
                    )

    def open(self, at: Instant) -> list[OpenWindow]:
        """The windows that are open at an instant, and until when."""
        return _open(self._known(), at, self._upgrade_us())

    def planned(self, at: Instant) -> list[PlannedWindow]:
        """The windows that are yet to begin, the next one first."""
        return _planned(self._known(), at)

    def _known(self) -> list[tuple[Window, WindowState]]:
        return [(self.windows[id_], state) for id_, state in self._states.items()]

    def heard(self, revision: int, source: WindowSource) -> None:
        """The desk has the windows at this revision: fetch them if it is another."""
        if revision == self.revision:
            return
        if self._asking is None or self._asking.done():
            task = self._fetch(source)
            self._asking = asyncio.get_running_loop().create_task(task, name="windows")

    async def _fetch(self, source: WindowSource) -> None:
        try:
            windows = await source.windows()
            await wait(self._store.keep_windows(windows))
        except (DeskError, StoreError) as exc:
            # The next greeting names the revision again.
            _log.warning("the desk's windows cannot be copied: %s", exc)
            return
        now = self._store.timeline.now()
        self._take(WindowCopy(fetched=now, windows=windows))
        _log.info("%d windows, revision %d", len(windows.windows), windows.revision)
        if windows.later:
            _log.error(
                "windows of kinds that this version does not know hold back no ticket: "
                "%s; bring the agent up to the desk's version",
                ", ".join(windows.named()),
            )
        self._changed()

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
