"""A second, slow clock of a ticket: it walks from minute to minute; no shared code."""

from dataclasses import dataclass, replace
from typing import Any

from support.slow_calendar import SlowCalendar

Step = tuple[int, str, int | None]
"""Second, what happened, and the severity that it changed to."""


@dataclass(frozen=True)
class Seen:
    """What a clock shows; instants are seconds, `over` is when its time was up."""

    elapsed: int = 0
    ended: int | None = None
    over: int | None = None
    paused: bool = False
    resolved: bool = False
    limit: int = 0
    applies: bool = True

    @property
    def standing(self) -> str:
        """One word for it."""
        if self.ended is not None:
            return "stopped"
        if not self.applies:
            return "unjudged"
        return "paused" if self.paused else "running"

    @property
    def breached(self) -> int | None:
        """When its time was up, if it had not ended by then."""
        last = self.limit if self.ended is None else self.ended
        return self.over if self.over is not None and self.over < last else None


class SlowClock:
    """One clock of hours."""

    def __init__(self, slow: SlowCalendar, rule: dict[str, Any]) -> None:
        self.slow = slow
        self.until = rule["until"]
        self.allowed = rule["within"] * 3600
        self.wanted = rule.get("when", {}).get("severity")

    def watch(
        self, received: int, severity: int, steps: list[Step], at: int
    ) -> Seen | None:
        """What it shows at `at`; None if it never applied."""
        now = Seen(limit=received)
        shown: Seen | None = None
        for second in range(received, at + 60, 60):
            for step in steps:
                if step[0] == second:
                    now = self._happens(now, second, step[1])
                    severity = step[2] if step[1] == "changed" and step[2] else severity
            now = replace(now, limit=second)
            if self.wanted is None or severity in self.wanted:
                shown = now
            elif shown is not None and shown.applies:
                shown = replace(now, applies=False)
            if second < at:
                now = self._passes(now, second, severity)
        return shown

    def later(self, seen: Seen, at: int, severity: int) -> int:
        """When its time will be up if nothing else happens."""
        while seen.over is None:
            seen = self._passes(seen, at, severity)
            at += 60
        return seen.over

    def _passes(self, now: Seen, second: int, severity: int) -> Seen:
        counts = now.ended is None and not now.paused and not now.resolved
        if not counts or not self.slow.serves(second, severity):
            return now
        elapsed = now.elapsed + 60
        over = second + 60 if elapsed == self.allowed else now.over
        return replace(now, elapsed=elapsed, over=over)

    def _happens(self, now: Seen, second: int, what: str) -> Seen:
        if what == "paused":
            now = replace(now, paused=True)
        if what in ("resumed", "resolved", "reopened"):
            now = replace(now, paused=False)
        ends = what == self.until or (self.until, what) == ("processed", "resolved")
        if ends and now.ended is None:
            now = replace(now, ended=second, resolved=self.until == "resolved")
        if what == "reopened" and self.until == "resolved":
            now = replace(now, ended=None, resolved=False)
        return now
