"""What agents told of a service, as one timeline (`architecture.md`, pairs of agents).

Pure. An agent's entry says "from `since` on `state`; what began then or later is
undone". Each store of an agent (an epoch) and each agent of a pair is a witness of
its own: what a restored store tells again is then the same testimony, and what it
lost is still what the one before it saw.
"""

from collections.abc import Iterable, Sequence

from scudo_agent.instant import Instant
from scudo_agent.intervals import cut, enter
from scudo_agent.model import State

Timeline = list[tuple[State, Instant]]

_ORDER = (State.UP, State.DEGRADED, State.DOWN, State.UNKNOWN)
"""Of several witnesses the one counts that saw most: up before down before nothing."""


def witnessed(
    entries: Iterable[tuple[State, Instant]], until: Instant | None
) -> Timeline:
    """One witness's timeline, from its entries in the order in which it told them.

    It is known until `until`, unknown from there on; None: nothing is known at all.
    """
    out: Timeline = []
    if until is None:
        return out
    for state, since in entries:
        enter(out, state, since)
    cut(out, until)
    enter(out, State.UNKNOWN, until)
    return out


class Witness:
    """What one witness told of all services, in order; numbers may never have come.

    Where nobody knows what stood in such a number, every service of this witness is
    unknown from what came before it on, until it is told of again; else that one is,
    from then on.
    """

    def __init__(self) -> None:
        self.entries: dict[str, list[tuple[State, Instant]]] = {}
        self._decided = Instant(0)
        self._oldest = Instant(0)
        self._lost = False

    def take(
        self, service: str, state: State, *, since: Instant, decided: Instant
    ) -> None:
        """The next entry, as it was told."""
        if self._lost:
            # Told in one breath with what came before: then it may be as old as that.
            same = decided == self._decided
            self._forget(self._oldest if same else self._decided)
        if decided != self._decided:
            self._decided, self._oldest = decided, since
        self._oldest = min(self._oldest, since)
        self.entries.setdefault(service, []).append((state, since))

    def lose(self, service: str | None = None, since: Instant | None = None) -> None:
        """The next one never comes; what it was about, where that is known."""
        if service is None or since is None:
            self._lost = True
        elif service in self.entries:
            self.entries[service].append((State.UNKNOWN, since))

    def end(self) -> None:
        """Nothing more was told."""
        if self._lost:
            self._forget(self._decided)

    def _forget(self, since: Instant) -> None:
        self._lost = False
        for entries in self.entries.values():
            entries.append((State.UNKNOWN, since))


def together(witnesses: Sequence[Timeline]) -> Timeline:
    """What is known of a service when all are heard.

    Up or degraded if either saw it, else down if either did, else unknown; who
    says nothing yet does not know.
    """
    now = [State.UNKNOWN] * len(witnesses)
    moves = sorted(
        (since, number, state)
        for number, witness in enumerate(witnesses)
        for state, since in witness
    )
    out: Timeline = []
    for since, number, state in moves:
        now[number] = state
        enter(out, min(now, key=_ORDER.index), since)
    return out
