"""Random sites and events for the judge, and what feeds them to it."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from hypothesis import strategies as st

from scudo_agent.instant import SECOND, Instant
from scudo_agent.judge.batch import (
    Batch,
    Change,
    CheckMemory,
    IncidentMemory,
    IncidentStage,
    Withdrawal,
)
from scudo_agent.judge.engine import AgentStart, AgentStop, Event, Judge
from scudo_agent.judge.site import CheckRule, JudgeSite, ServiceRule
from scudo_agent.model import Observation, Result

BEGIN = Instant(1_772_359_200 * SECOND)
"""2026-03-01T10:00:00Z."""


def numbered() -> Callable[[Instant], str]:
    """Ids that depend only on the instant and the turn within it."""
    turns: dict[Instant, int] = {}

    def new_id(at: Instant) -> str:
        turns[at] = turns.get(at, 0) + 1
        return f"{at}-{turns[at]}"

    return new_id


class World:
    """A small site at which things break, and an agent that looks at it.

    Targets break with all that stands behind them; the line breaks with V and O;
    the agent stops, forgets to look, and has faults of its own. Made from a seed,
    so that long stories cost little; a shorter one is the beginning of a longer.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.site = self._site()
        self.broken: dict[str, Instant] = {}
        self.bad_line = self.silent = BEGIN
        self.weak: dict[str, Instant] = {}

    def _site(self) -> JudgeSite:
        rng = self.rng
        checks: dict[str, CheckRule] = {}
        depends_on: dict[str, tuple[str, ...]] = {}
        for number in range(rng.randint(1, 6)):
            target = f"t{number}"
            local = rng.random() < 0.2
            above = [path for path, rule in checks.items() if rule.local or not local]
            if above and rng.random() < 0.7:
                some = rng.sample(above, min(len(above), rng.randint(1, 2)))
                depends_on[target] = tuple(some)
            for name in ("ping", "web")[: rng.randint(1, 2)]:
                path = f"{target}/{name}"
                checks[path] = CheckRule(
                    path=path,
                    target=target,
                    interval_us=rng.choice([30, 60, 60]) * SECOND,
                    confirm=rng.randint(1, 3),
                    recover=rng.randint(1, 3),
                    local=local,
                )
        paths = list(checks)
        services = {}
        for number in range(rng.randint(0, 3)):
            members = tuple(rng.sample(paths, min(len(paths), rng.randint(1, 3))))
            services[f"s{number}"] = ServiceRule(
                id=f"s{number}",
                checks=members,
                need=rng.randint(1, len(members)),
                contracted=rng.random() < 0.7,
            )
        return JudgeSite(
            checks=checks,
            depends_on=depends_on,
            vantage=tuple(rng.sample(paths, rng.choice([0, 1, 1, 2]) % len(paths))),
            services=services,
        )

    def events(self, length: int) -> list[Event]:
        """The first `length` events."""
        rng, at = self.rng, BEGIN
        out: list[Event] = [AgentStart(at)]
        due = {path: at + rng.randint(0, 9) * SECOND for path in self.site.checks}
        while len(out) < length:
            path = min(due, key=lambda one: due[one])
            at = Instant(max(at, due[path]))
            self._happen(at)
            if rng.random() < 0.006:
                out.append(AgentStop(at))
                at = Instant(at + rng.choice([0, 5, 40, 400, 20_000]) * SECOND)
                out.append(AgentStart(at))
            result = self._look(path, at)
            if at >= self.silent:
                out.append(Observation(check=path, at=at, result=result))
            failing = result is Result.FAILED
            interval = self.site.checks[path].interval_us // SECOND
            pause = 10 if failing else interval
            due[path] = at + (pause + rng.randint(-2, 2)) * SECOND
        return out

    def _happen(self, at: Instant) -> None:
        rng = self.rng
        until = Instant(at + rng.choice([15, 40, 120, 300]) * SECOND)
        dice = rng.random()
        if dice < 0.02:
            self.bad_line = until
        elif dice < 0.03:
            self.silent = until
        elif dice < 0.08:
            self.broken[rng.choice(list(self.site.checks))] = until
        elif dice < 0.10:
            self.weak[rng.choice(list(self.site.checks))] = until

    def _look(self, path: str, at: Instant) -> Result:
        rng, site = self.rng, self.site
        line = path in site.vantage or not site.checks[path].local
        out = self.broken.get(path, at) > at or (line and self.bad_line > at)
        above = site.depends_on.get(site.checks[path].target, ())
        out = out or any(self.broken.get(parent, at) > at for parent in above)
        if rng.random() < 0.03:
            return Result.UNKNOWN
        if out or rng.random() < 0.02:
            return Result.FAILED
        weak = self.weak.get(path, at) > at and rng.random() < 0.7
        return Result.DEGRADED if weak else Result.GOOD


@dataclass(frozen=True)
class Story:
    """A site with events in order of time; several may share an instant.

    `site, events = story`. It prints as the seed that makes it.
    """

    seed: int
    length: int

    def __iter__(self) -> Iterator[Any]:
        world = World(self.seed)
        return iter((world.site, world.events(self.length)))


def stories(most: int = 300) -> st.SearchStrategy[Story]:
    """Any story."""
    return st.builds(Story, st.integers(0, 1 << 32), st.integers(most // 4, most))


def instants(events: Sequence[Event]) -> list[list[Event]]:
    """Events in groups, one for each instant."""
    return [list(group) for _, group in groupby(events, key=lambda one: one.at)]


@dataclass
class Heard:
    """Everything that batches said, and the memory that a store would have."""

    entries: dict[str, list[Change | Withdrawal]] = field(default_factory=dict)
    stages: list[IncidentStage] = field(default_factory=list)
    checks: dict[str, CheckMemory] = field(default_factory=dict)
    incidents: dict[str, IncidentMemory] = field(default_factory=dict)

    def take(self, batch: Batch) -> Batch:
        """Add a batch."""
        for entry in batch.changes:
            self.entries.setdefault(entry.check, []).append(entry)
        self.stages += batch.stages
        self.checks |= {memory.check: memory for memory in batch.checks}
        self.incidents |= {memory.incident: memory for memory in batch.incidents}
        return batch


def judged(site: JudgeSite, groups: Iterable[Sequence[Event]]) -> tuple[Judge, Heard]:
    """A judge that was fed the groups one by one, and what it said."""
    judge, heard = Judge(site, new_id=numbered()), Heard()
    for group in groups:
        heard.take(judge.feed(group))
    return judge, heard
