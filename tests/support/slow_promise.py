"""A second, slow reading of a ticket's clocks: minute by minute; no shared code."""

from dataclasses import dataclass, replace
from typing import Any

from support.slow_calendar import SlowCalendar

Act = tuple[int, str, int]
"""Second, what is done, and the severity for a triage."""

GOES = {
    "triage": "triaged",
    "diagnose": "diagnosing",
    "work": "in_progress",
    "wait": "waiting_customer",
    "resolve": "resolved",
    "close": "closed",
    "desk closes": "closed",
    "reopen": "reopened",
    "relapse": "reopened",
    "insist": "reopened",
}
ACTS = [*GOES, "assign", "unassign", "write", "remark", "customer writes"]


def entry(act: str, severity: int, status: str) -> tuple[str, str, dict[str, Any], str]:
    """Kind, actor and data of an act's entry, and the state after it."""
    person = "person:7"
    turn = {"status": {"from": status, "to": GOES.get(act, status)}}
    if act == "relapse":
        return "reopen", "agent:a/b/1", turn, "reopened"
    if act == "insist":
        return "insisted", "desk", {}, "reopened"
    if act == "desk closes":
        return "closed", "desk", {"reason": "quiet"}, "closed"
    if act == "close":
        return "closed", person, turn | {"words": "x", "public": True}, "closed"
    if act == "triage":
        moves = status == "new"
        data = {"severity": {"from": 1, "to": severity}, "words": "internal"}
        after = "triaged" if moves else status
        return "triaged", person, data | (turn if moves else {}), after
    if act in GOES:
        words = {"words": "x", "public": True} if act in ("wait", "resolve") else {}
        return "status", person, turn | words, GOES[act]
    return _word(act, status)


def _word(act: str, status: str) -> tuple[str, str, dict[str, Any], str]:
    """The same of what moves nothing by itself."""
    person = "person:7"
    if act == "assign":
        return "assigned", person, {"from": None, "to": 7}, status
    if act == "unassign":
        return "assigned", person, {"from": 7, "to": None}, status
    if act == "remark":
        return "remark", person, {"words": "x"}, status
    if act == "write":
        return "message", person, {"words": "x", "public": True}, status
    after = "in_progress" if status == "waiting_customer" else status
    data = {"words": "x", "public": True, "by_customer": True}
    if after != status:
        data["status"] = {"from": status, "to": after}
    return "message", "person:9", data, after


@dataclass(frozen=True)
class View:
    """What a reader sees of one clock; instants are seconds."""

    used: int = 0
    ended: int | None = None
    over: int | None = None
    applies: bool = True
    closed: bool = False
    waits: bool = False
    at: int = 0

    @property
    def mark(self) -> str:
        """How the promise stands."""
        last = self.at if self.ended is None else self.ended
        if self.over is not None and self.over < last:
            return "missed"
        if self.ended is not None:
            return "met"
        if not self.applies or self.closed:
            return "stopped"
        return "paused" if self.waits else "running"


class SlowPromise:
    """One clock of hours, watched from its receipt on."""

    def __init__(self, slow: SlowCalendar, rule: dict[str, Any]) -> None:
        self.slow = slow
        self.until = rule["until"]
        self.allowed = rule["within"] * 3600
        self.wanted = rule.get("when", {}).get("severity")

    def watch(
        self, received: int, severity: int, acts: list[Act], at: int
    ) -> View | None:
        """What is seen at `at`; None: it never applied."""
        now, status, shown = View(at=received), "new", None
        for second in range(received, at + 60, 60):
            for when, act, code in acts:
                if when == second:
                    before = status
                    status = entry(act, code, status)[3]
                    severity = code if act == "triage" else severity
                    now = self._done(now, second, act, before, status)
            now = replace(
                now,
                at=second,
                closed=status == "closed",
                waits=status == "waiting_customer",
            )
            if self.wanted is None or severity in self.wanted:
                shown = replace(now, applies=True)
            elif shown is not None and shown.applies:
                shown = replace(now, applies=False)
            still = status in ("waiting_customer", "closed")
            if second < at and now.ended is None and not still:
                now = self._passes(now, second, severity)
        return shown

    def _passes(self, now: View, second: int, severity: int) -> View:
        if not self.slow.serves(second, severity):
            return now
        used = now.used + 60
        return replace(
            now, used=used, over=second + 60 if used == self.allowed else now.over
        )

    def _done(self, now: View, second: int, act: str, before: str, after: str) -> View:
        ours = act not in ("desk closes", "relapse", "insist", "customer writes")
        moved = after != before
        happens = {
            "taken": ours and (act == "assign" or moved),
            "answered": act in ("write", "wait", "resolve", "close"),
            "processed": moved
            and after in ("in_progress", "waiting_customer", "resolved", "closed"),
            "resolved": moved and after in ("resolved", "closed"),
        }
        if happens[self.until] and now.ended is None:
            now = replace(now, ended=second)
        if self.until == "resolved" and moved and after == "reopened":
            now = replace(now, ended=None)
        return now
