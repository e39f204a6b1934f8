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
