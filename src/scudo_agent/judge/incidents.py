"""An incident as the judge knows it (`judging.md` 4)."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable

from scudo_agent.incident import AGENT, Rule, split_subject
from scudo_agent.instant import Instant
from scudo_agent.judge.check import CheckState


class Incident:
    """One incident, open or recovered.

    `number` counts incidents in the order in which they opened; `started` is the
    instant of the last opening or re-opening. `members` are the present ones,
    each with the instant at which it became pending, `ordered` the same in file
    order; `were` all since `started`.
    `held` are the windows and mutes that put the opening off. `tied` are adopted
    incidents without members that end with this one, which is their `tied_to`.
    `latest_up` is the latest date at which a member went up. `under` counts, for
    each contracted service, the present members that it needs, itself or below.
    """

    __slots__ = (
        "held", "id", "kind", "latest_up", "linked", "members", "number", "opened",
        "ordered",
        "previous", "recovered", "retired", "rule", "severity", "since", "started",
        "subject", "tied", "tied_to", "under", "were",
    )  # fmt: skip

    def __init__(
        self, identity: str, subject: str, *, since: Instant, at: Instant, number: int
    ) -> None:
        self.id = identity
        self.subject = subject
        self.kind = split_subject(subject)[0]
        self.since = since
        self.opened = self.started = at
        self.number = number
        self.severity: int | None = None
        self.rule: Rule | None = None
        self.recovered: Instant | None = None
        self.retired = False
        self.held: tuple[str, ...] = ()
        self.latest_up: Instant | None = None
        self.members: dict[CheckState, Instant] = {}
        self.were: dict[CheckState, None] = {}
        self.ordered: list[CheckState] = []
        self.under: Counter[str] = Counter()
        self.previous: str | None = None
        self.linked: dict[str, None] = {}
        self.tied: tuple[Incident, ...] = ()
        self.tied_to: str | None = None

    @property
    def rated(self) -> bool:
        """Whether it has members whose fall decides its severity."""
        return self.kind not in (AGENT, "warn", "forecast")

    def take(self, check: CheckState, pending: Instant, under: Iterable[str]) -> None:
        """The check becomes a member; it became pending at `pending`."""
        self.members[check] = pending
        insort(self.ordered, check, key=_order)
        self.were[check] = None
        self.under.update(under)

    def release(self, check: CheckState, under: Iterable[str]) -> None:
        """The check is a member no longer."""
        del self.members[check]
        del self.ordered[bisect_left(self.ordered, check.order, key=_order)]
        self.under.subtract(under)

    def untie(self) -> "tuple[Incident, ...]":
        """Those that end with this one: what was bad in it was so in them."""
        ending, self.tied = self.tied, ()
        for other in ending:
            other.were = dict(self.were)
        return ending

    def restart(self, at: Instant) -> None:
        """It re-opens: severity and the list of members begin anew."""
        self.started = at
        self.recovered = None
        self.severity = None
        self.rule = None
        self.held = ()
        self.were = {}


def _order(check: CheckState) -> int:
    return check.order
