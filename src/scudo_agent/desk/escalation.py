"""Who is called about a ticket that nobody takes, when, and by which way; pure.

An alarm goes from step to step until somebody acknowledges it or takes the ticket. A
step's time counts from when the step before was made, and never from the clock alone:
a desk that was away for an hour does not make all the calls of that hour at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scudo_agent.instant import DAY, Instant

LINK_US = DAY
"""A link to acknowledge works for so long from when its mail leaves."""


class Way(StrEnum):
    """How somebody is called."""

    QUEUE = "queue"
    """A mail to the provider's address, which several people may read."""
    MAIL = "mail"
    """A mail to who is on call."""
    CHANNELS = "channels"
    """All other channels of who is on call."""


class End(StrEnum):
    """How an alarm ended."""

    ACKNOWLEDGED = "acknowledged"
    TAKEN = "taken"
    RECOVERED = "recovered"


BY_PERSON = (End.ACKNOWLEDGED, End.TAKEN)
"""Somebody knows of it: what hangs together with it calls nobody again."""


class Hours(StrEnum):
    """At what hours somebody is called."""

    ALWAYS = "always"
    SERVICE = "service"
    """In the service hours of the ticket's contract; a contract without one: always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step `after_us` from the alarm's begin: whom (`level`: place in line), how."""

    after_us: int
    level: int
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which tickets call somebody: those of `severity` or graver; and how.

    After the last step it is repeated `repeats` times, each `repeat_us` later and to
    the next one in line.
    """

    severity: int
    hours: Hours
    steps: tuple[Step, ...]
    repeat_us: int
    repeats: int


def step_of(policy: Policy, number: int) -> Step | None:
    """The step of that number, from 0; None after the last."""
    if number < len(policy.steps):
        return policy.steps[number]
    again = number - len(policy.steps) + 1
    if again > policy.repeats:
        return None
    last = policy.steps[-1]
    return Step(
        after_us=last.after_us + again * policy.repeat_us,
        level=last.level + again,
        ways=last.ways,
    )


def next_step(policy: Policy, number: int, made: Instant) -> Instant | None:
    """When the step after `number`, which was made at `made`, is due."""
    this, following = step_of(policy, number), step_of(policy, number + 1)
    if this is None or following is None:
        return None
    return Instant(made + following.after_us - this.after_us)


def called(line: Sequence[int], level: int) -> int | None:
    """Who is called at a level of the line; behind its end it begins again."""
    return line[(level - 1) % len(line)] if line else None
