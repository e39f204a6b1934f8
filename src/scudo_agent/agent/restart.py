"""What the store tells a starting agent, and what the gap means.

A stopped or killed agent leaves `unknown` from its clean stop, or from the
later of its last liveness time and its last recorded event (`judging.md`).
"""

from collections.abc import Mapping

from scudo_agent.config.site import Site
from scudo_agent.instant import Instant
from scudo_agent.judge.batch import Change, CheckMemory, IncidentMemory
from scudo_agent.model import State
from scudo_agent.stages import Chronicle
from scudo_agent.store.read import StoreReader
from scudo_agent.store.values import Memory, Seen
from scudo_agent.text import T, Text


def gap_notes(since: Instant, until: Instant) -> tuple[tuple[Instant, Text], ...]:
    """The notes of an open incident: the agent stopped, and was back."""
    back = T("agent back, not measured {length}", length={"duration": until - since})
    return (since, T("agent stopped")), (until, back)


class Restart:
    """How the agent was left.

    `killed_at` is None after a clean stop and in a new store; `stopped_at` is
    the instant from which nothing was measured, None in a new store.
    """

    def __init__(self, memory: Memory, recorded_until: Instant | None) -> None:
        self.checks: tuple[CheckMemory, ...] = memory.checks
        self.incidents: tuple[IncidentMemory, ...] = memory.incidents
        live = memory.liveness
        self.stopped_at: Instant | None = None
        self.killed_at: Instant | None = None
        if live is not None and live.clean is not None:
            self.stopped_at = live.clean
        elif live is not None:
            last = [live.at, memory.last_instant, recorded_until or live.at]
            self.killed_at = self.stopped_at = Instant(max(last) + 1)
        self._last = Instant(max(memory.last_instant, self.stopped_at or 0))
        self.seen: Mapping[str, Seen] = memory.seen if self.killed_at is None else {}
        """After a kill nobody knows when a check was last good."""

    def retired(self, site: Site) -> tuple[Change, ...]:
        """Checks that are in the site no more are unknown from the stop on.

        Else one that comes back later would be what it was when it left.
        """
        if self.stopped_at is None:
            return ()
        return tuple(
            Change(
                check=memory.check,
                state=State.UNKNOWN,
                since=self.stopped_at,
                decided=self.stopped_at,
            )
            for memory in self.gone(site)
            if memory.state is not State.UNKNOWN
        )

    def gone(self, site: Site) -> tuple[CheckMemory, ...]:
        """What the store remembers of checks that are in the site no more."""
        return tuple(m for m in self.checks if m.check not in site.checks)

    def chronicle(self, reader: StoreReader) -> Chronicle:
        """The recent changes, for the lengths of incidents that are open."""
        chronicle = Chronicle()
        # Of a ticket that was put off, too: it says since when it is really down.
        fell = (one.data.get("fell") for one in self.checks)
        known = [one.since for one in self.incidents]
        known += [Instant(since) for since in fell if isinstance(since, int)]
        oldest = min(known, default=self._last)
        for changes in reader.timelines(oldest, Instant(self._last + 1)).values():
            chronicle.add(changes, keep=oldest)
        return chronicle
