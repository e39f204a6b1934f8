"""Spans of time: half-open intervals and what a timeline says of them.

A timeline is a list of `(value, since)` in order of `since`: each value holds
from its instant up to the next entry's. A normal timeline has no zero length
and no entry equal to the one before.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from scudo_agent.instant import Instant

V = TypeVar("V")

Interval = tuple[Instant, Instant]
"""`[start, end)`: `start` is inside, `end` is not."""


def enter(timeline: list[tuple[V, Instant]], value: V, since: Instant) -> None:
    """Let `value` hold from `since` on; what began then or later is undone."""
    cut(timeline, since)
    if not timeline or timeline[-1][0] != value:
        timeline.append((value, since))


def cut(timeline: list[tuple[V, Instant]], since: Instant) -> None:
    """Undo every entry from `since` on."""
    while timeline and timeline[-1][1] >= since:
        timeline.pop()


def spans(
    timeline: Sequence[tuple[V, Instant]], within: Interval
) -> Iterator[tuple[V, Interval]]:
    """Each value with the part of `within` in which it holds, in order."""
    start, end = within
    for place, (value, since) in enumerate(timeline):
        until = timeline[place + 1][1] if place + 1 < len(timeline) else end
        part = max(since, start), min(until, end)
        if part[0] < part[1]:
            yield value, part


def lengths(timeline: Sequence[tuple[V, Instant]], within: Interval) -> dict[V, int]:
    """Microseconds of `within` for each value; what no entry covers is left out."""
    out: dict[V, int] = {}
    for value, (start, end) in spans(timeline, within):
        out[value] = out.get(value, 0) + end - start
    return out
