"""Short stories for the judge, told in seconds after the agent's start."""

from typing import Any

from scudo_agent.instant import SECOND, Instant
from scudo_agent.judge.batch import Batch
from scudo_agent.judge.engine import (
    AgentStart,
    AgentStop,
    HoldsSet,
    Judge,
    PausesSet,
)
from scudo_agent.judge.holds import Hold
from scudo_agent.model import Observation, Result
from support.judging_events import BEGIN, Heard, numbered
from support.judging_sites import site_from

WORDS = {
    "g": Result.GOOD,
    "d": Result.DEGRADED,
    "f": Result.FAILED,
    "u": Result.UNKNOWN,
}


def at(second: int) -> Instant:
    """That many seconds after the agent's start."""
    return Instant(BEGIN + second * SECOND)


def hold(
    start: int, end: int, *checks: str, services: tuple[str, ...] = (), id_: str = "w1"
) -> Hold:
    """A window or a mute from one second to another."""
    return Hold(id=id_, start=at(start), end=at(end), checks=checks, services=services)


class Run:
    """A judge at work; `heard` is all that it said so far."""

    def __init__(self, site: dict[str, Any], *holds: Hold) -> None:
        self.site = site_from(site)
        self.judge = Judge(self.site, new_id=numbered(), holds=holds)
        self.heard = Heard()
        self.heard.take(self.judge.feed([AgentStart(BEGIN)]))

    def see(
        self,
        second: int,
        check: str,
        word: str,
        *,
        warned: bool | None = None,
        predicted: bool | None = None,
    ) -> Batch:
        """One observation: `g`ood, `d`egraded, `f`ailed, `u`nknown."""
        seen = Observation(
            check=check,
            at=at(second),
            result=WORDS[word],
            warned=warned,
            predicted=predicted,
        )
        return self.heard.take(self.judge.feed([seen]))

    def fail(self, second: int, *checks: str) -> Batch:
        """Three failures, 10 s apart, of each (a second between the checks).

        Returns the last batch.
        """
        batch = Batch()
        for turn in range(3):
            for number, check in enumerate(checks):
                batch = self.see(second + turn * 10 + number, check, "f")
        return batch

    def stop(self, second: int) -> Batch:
        """A clean stop."""
        return self.heard.take(self.judge.feed([AgentStop(at(second))]))

    def start(self, second: int) -> Batch:
        """The agent's start."""
        return self.heard.take(self.judge.feed([AgentStart(at(second))]))

    def hold(self, second: int, *holds: Hold) -> Batch:
        """These windows and mutes from now on, and no others."""
        return self.heard.take(self.judge.feed([HoldsSet(at(second), holds)]))

    def pause(self, second: int, *checks: str) -> Batch:
        """These checks are not probed from now on, and all others are."""
        paused = PausesSet(at(second), frozenset(checks))
        return self.heard.take(self.judge.feed([paused]))

    def reload(self, second: int, site: dict[str, Any]) -> Batch:
        """Another version of the site file from now on."""
        self.site = site_from(site)
        return self.heard.take(self.judge.reload(self.site, at(second)))

    def wait(self, second: int) -> Batch:
        """Nothing but time."""
        return self.heard.take(self.judge.advance(at(second)))

    def kinds(self) -> list[tuple[str, str]]:
        """What happened to incidents, in order: kind and subject."""
        return [(stage.kind.value, stage.subject) for stage in self.heard.stages]

    def again(self, site: dict[str, Any] | None = None, *holds: Hold) -> "Run":
        """A new judge with the memory of this one, perhaps of another site."""
        other = Run.__new__(Run)
        other.site = self.site if site is None else site_from(site)
        other.judge = Judge(other.site, new_id=numbered(), holds=holds)
        other.heard = Heard()
        memories = self.heard.checks.values(), self.heard.incidents.values()
        other.heard.take(other.judge.restore(*memories))
        return other
