"""The life of a ticket once more, written by hand and slowly: what may become of it.

Nothing here is taken from `desk.life`: it is the table of `domain.md` 5 as a person
would read it aloud, to hold the other against.
"""

from dataclasses import dataclass

STEPS = """
new              resolved closed
triaged          diagnosing in_progress resolved closed
diagnosing       in_progress resolved closed
in_progress      in_progress waiting_customer resolved closed
waiting_customer in_progress resolved closed
resolved         closed reopened
closed           reopened
reopened         diagnosing in_progress resolved closed
"""
"""From each state, where a person may take it."""

WORKERS = ("technician", "dispatcher", "manager", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A move as somebody asks for it, in plain words."""

    role: str
    status: str
    to: str
    down: bool
    provider: bool
    estimate: str
    """`none`, `past` or `future`."""
    mode: str
    """Empty: none was said."""
    thing: str
    tool: str
    words: str
    redundant: bool
    same_mode: bool
    """In progress to itself, in the very way it is done already."""


def verdict(move: Wanted) -> str:
    """`right`: it is not for this role; `refused`; else `done`."""
    if move.role not in WORKERS:
        return "right"
    for line in STEPS.strip().splitlines():
        state, *targets = line.split()
        if state == move.status and move.to not in targets:
            return "refused"
    return "done" if _has_what_it_needs(move) else "refused"


def _has_what_it_needs(move: Wanted) -> bool:
    says = bool(move.words.strip())
    if move.to == "diagnosing":
        return move.estimate == "future"
    if move.to == "in_progress":
        if move.mode == "":
            return False
        if move.mode == "remote" and (move.thing == "" or move.tool.strip() == ""):
            return False
        return not (move.status == "in_progress" and move.same_mode)
    if move.to == "waiting_customer":
        return says and not move.provider
    if move.to == "resolved":
        return says and (move.redundant or not move.down)
    return says


def mailed(move: Wanted) -> bool:
    """Whether the customer hears of a move that was done."""
    tells = ("diagnosing", "waiting_customer", "resolved", "closed")
    return move.to in tells and not move.provider
