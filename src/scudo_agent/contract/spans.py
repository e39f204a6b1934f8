"""Sets of time: sorted half-open intervals that neither overlap nor touch.

The account of a year is made of these (`domain.md` 3: whole sets of intervals, no
sampling). Starts and ends are kept as two lists of whole microseconds, so that a
year of 10,000 outages is measured by a few searches, not by a walk.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scudo_agent.instant import Instant
from scudo_agent.intervals import Interval

Pieces = list[Interval]
"""A few intervals, sorted and apart: the parts of one window."""


@dataclass(frozen=True, slots=True)
class Spans:
    """`starts[i]` to `ends[i]`; each start lies after the end before it."""

    starts: Sequence[int]
    ends: Sequence[int]

    def __iter__(self) -> Iterator[Interval]:
        for start, end in zip(self.starts, self.ends, strict=True):
            yield Instant(start), Instant(end)

    def __len__(self) -> int:
        return len(self.starts)

    def length(self) -> int:
        """Microseconds in all."""
        return sum(self.ends) - sum(self.starts)

    def within(self, interval: Interval) -> "Spans":
        """The part that lies in an interval."""
        start, end = interval
        first = bisect_right(self.ends, start)
        last = bisect_left(self.starts, end)
        if first >= last or start >= end:
            return NOTHING
        if self.starts[0] >= start and self.ends[-1] <= end:
            return self
        starts, ends = list(self.starts[first:last]), list(self.ends[first:last])
        starts[0], ends[-1] = max(starts[0], start), min(ends[-1], end)
        return Spans(starts, ends)

    def overlap(self, other: "Spans") -> int:
        """Microseconds that lie in both."""
        few, many = (self, other) if len(self) < len(other) else (other, self)
        starts, ends = many.starts, many.ends
        total = last = 0
        for start, end in zip(few.starts, few.ends, strict=True):
            first = bisect_right(ends, start, last - 1 if last else 0)
            last = bisect_left(starts, end, first)
            if first >= last:
                continue
            total += sum(ends[first:last]) - sum(starts[first:last])
            if (before := start - starts[first]) > 0:
                total -= before
            if (after := ends[last - 1] - end) > 0:
                total -= after
        return total

    def common(self, other: "Spans") -> "Spans":
        """What lies in both."""
        few, many = (self, other) if len(self) < len(other) else (other, self)
        starts: list[int] = []
        ends: list[int] = []
        for interval in few:
            part = many.within(interval)
            starts += part.starts
            ends += part.ends
        return Spans(starts, ends)

    def without(self, other: "Spans") -> "Spans":
        """What lies in this set and not in the other."""
        if not self.starts or not other.starts:
            return self
        whole = Instant(self.starts[0]), Instant(self.ends[-1])
        gaps = Spans([whole[0], *other.ends], [*other.starts, whole[1]])
        # Beyond this set's ends a gap may come out empty or turned round.
        kept = [(s, e) for s, e in gaps if s < e]
        return self.common(Spans([s for s, _ in kept], [e for _, e in kept]))


NOTHING = Spans((), ())


def merge(intervals: Iterable[tuple[int, int]]) -> Spans:
    """The union of intervals in any order; empty ones and turned ones are nothing."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if ends and start <= ends[-1]:
            if end > ends[-1]:
                ends[-1] = end
        else:
            starts.append(start)
            ends.append(end)
    return Spans(starts, ends)


def union(sets: Iterable[Spans]) -> Spans:
    """What lies in any of the sets."""
    return merge(interval for one in sets for interval in one)


def intersected(one: Pieces, other: Pieces) -> Pieces:
    """What lies in both of two short lists of sorted intervals."""
    if len(one) == len(other) == 1:  # nearly always
        (a, b), (c, d) = one[0], other[0]
        start, end = (a if a > c else c), (b if b < d else d)
        return [(start, end)] if start < end else []
    return [
        (max(a, c), min(b, d))
        for a, b in one
        for c, d in other
        if a < d and c < b and a < b and c < d
    ]


def subtracted(one: Pieces, other: Pieces) -> Pieces:
    """What lies in the first of two short lists of sorted intervals alone."""
    if one == other:
        return []
    out: Pieces = []
    for start, end in one:
        for left, right in other:
            if right <= start:
                continue
            if left >= end:
                break
            if left > start:
                out.append((start, left))
            start = max(start, right)
        if start < end:
            out.append((start, end))
    return out


def counted(
    down: Spans, unknown: Spans, excluded: Spans, period: Interval
) -> tuple[int, int]:
    """Microseconds that count, and those of them that are down (`domain.md` 3).

    `down` and `unknown` have nothing in common; only what lies in `period` counts.
    """
    down, unknown = down.within(period), unknown.within(period)
    excluded = excluded.within(period)
    lost = unknown.length() + excluded.length() - unknown.overlap(excluded)
    return period[1] - period[0] - lost, down.length() - down.overlap(excluded)
