"""The excluded time of a contract year: windows that overlap, credited once each.

The credit goes to ordinary, then extraordinary, upgrade, occasional (`domain.md` 4);
within a kind to the window announced first, then to the smaller id, so that the
order of entry changes nothing and the parts add up to the whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise

from scudo_agent.contract.model import Announcement, Window, WindowKind
from scudo_agent.contract.spans import Spans, merge
from scudo_agent.contract.windows import Assessment, WindowRules
from scudo_agent.instant import Instant
from scudo_agent.intervals import Interval

KINDS = tuple(WindowKind)
"""In the order in which they take the credit."""

_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A span of excluded time and whose it is."""

    window: Window
    announcement: Announcement
    span: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """The excluded time of a service: credits in order of time, none overlapping."""

    credits: tuple[Credit, ...]
    assessments: tuple[Assessment, ...]
    kinds: Mapping[WindowKind, Spans]
    total: Spans


class Maintenance:
    """All windows of a contract year `[A, B)`, as known at `at`."""

    def __init__(
        self,
        rules: WindowRules,
        windows: Iterable[Window],
        *,
        year: Interval,
        at: Instant,
    ) -> None:
        assessed = (rules.assess(one, at=at, within=year) for one in windows)
        self.assessments = tuple(
            one for one in assessed if one is not None and (one.granted or one.refused)
        )
        self._made: dict[tuple[bool, ...], Exclusion] = {}

    def of(self, service: str) -> Exclusion:
        """The excluded time of one service; worked out once for services alike."""
        covered = tuple(one.window.covers(service) for one in self.assessments)
        found = self._made.get(covered)
        if found is None:
            mine = [a for a, on in zip(self.assessments, covered, strict=True) if on]
            found = self._made[covered] = exclusion(mine)
        return found


def exclusion(assessments: Sequence[Assessment]) -> Exclusion:
    """Credit the granted parts of windows that cover one service."""
    credits = tuple(_credit(assessments))
    by_kind: dict[WindowKind, list[Interval]] = {kind: [] for kind in KINDS}
    for one in credits:
        by_kind[one.window.kind].append(one.span)
    return Exclusion(
        credits=credits,
        assessments=tuple(
            sorted(assessments, key=lambda a: (a.now.start, a.window.id))
        ),
        kinds={kind: merge(spans) for kind, spans in by_kind.items()},
        total=merge(one.span for one in credits),
    )


def _credit(assessments: Iterable[Assessment]) -> list[Credit]:
    """One sweep over the granted parts; the best of those that are open has it."""
    parts = [
        (one.window, part.announcement, part.span)
        for one in assessments
        for part in one.granted
    ]
    parts.sort(key=lambda part: part[2][0])
    order = {
        i: (_RANK[w.kind], a.announced, w.id, i) for i, (w, a, _) in enumerate(parts)
    }
    points = sorted({point for _, _, span in parts for point in span})
    opened: list[tuple[int, Instant, str, int]] = []
    out: list[Credit] = []
    coming = 0
    for start, end in pairwise(points):
        while coming < len(parts) and parts[coming][2][0] <= start:
            heappush(opened, order[coming])
            coming += 1
        while opened and parts[opened[0][-1]][2][1] <= start:
            heappop(opened)
        if not opened:
            continue
        window, announcement, _ = parts[opened[0][-1]]
        last = out[-1] if out else None
        if (
            last is not None
            and last.span[1] == start
            and last.window is window
            and (last.announcement is announcement)
        ):
            start = out.pop().span[0]
        out.append(Credit(window=window, announcement=announcement, span=(start, end)))
    return out
