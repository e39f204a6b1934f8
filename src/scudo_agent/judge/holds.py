"""What holds openings back: windows and mutes, as values (`judging.md` 4).

A hold says from when to when, and for which services and checks; the live agent
makes them of its copy of the desk's windows and of its own mutes. Nothing here
knows of the difference: muting is one decision, excluding another (`domain.md` 4).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scudo_agent.instant import Instant
from scudo_agent.judge.topology import Topology

ALL = "*"
"""As a service of a hold: everything on the site."""

_NEVER = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """No incident opens in `[start, end)` for what this covers.

    `services` may hold `*`; a check in `checks` is held whatever its services
    are. `id` is told with the incidents that it held back (`window:w1`).
    """

    id: str
    start: Instant
    end: Instant
    services: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


class Holds:
    """The holds of one site, and what they cover at an instant.

    A check is held when a hold names it, or when every service that it concerns is
    covered: the contracted services that have it, or one below it, among their
    checks; without any the other services. What concerns no service at all is held
    by `*` alone.
    """

    def __init__(self, topology: Topology) -> None:
        self._concerns = topology.concerns
        self._known: tuple[Hold, ...] = ()
        self._active: tuple[Hold, ...] = ()
        self._span: tuple[int, int] = (0, 0)

    def use(self, topology: Topology) -> None:
        """Go by another site file: what concerns what may have changed."""
        self._concerns = topology.concerns

    @property
    def known(self) -> tuple[Hold, ...]:
        """All of them, past ones included, in the order in which they were given."""
        return self._known

    def set(self, holds: Iterable[Hold]) -> None:
        """These are the holds from now on."""
        self._known = tuple(holds)
        self._span = (0, 0)

    def holding(self, path: str, at: Instant) -> tuple[str, ...]:
        """The ids of what holds a check at `at`; empty when nothing does."""
        active = self._at(at)
        if not active:
            return ()
        named = tuple(hold.id for hold in active if path in hold.checks)
        if named:
            return named
        services = self._concerns.get(path, ())
        found: dict[str, None] = {}
        for service in services or (ALL,):
            covering = _covering(active, service)
            if not covering:
                return ()
            found |= dict.fromkeys(covering)
        return tuple(found)

    def next_end(self, at: Instant) -> Instant | None:
        """When the first of those that are active at `at` ends; None without any."""
        return min((hold.end for hold in self._at(at)), default=None)

    def _at(self, at: Instant) -> Sequence[Hold]:
        begin, end = self._span
        if not begin <= at < end:
            self._active = tuple(h for h in self._known if h.start <= at < h.end)
            # The same ones are active until the next start or end of any.
            edges = [edge for h in self._known for edge in (h.start, h.end)]
            begin = max((edge for edge in edges if edge <= at), default=0)
            end = min((edge for edge in edges if edge > at), default=_NEVER)
            self._span = (begin, end)
        return self._active


def _covering(active: Iterable[Hold], service: str) -> tuple[str, ...]:
    return tuple(
        hold.id for hold in active if service in hold.services or ALL in hold.services
    )
