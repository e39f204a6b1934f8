"""What an outcome means for its check (`domain.md` 2)."""

from scudo_agent.config.probe import ProbeSettings
from scudo_agent.config.site import Check
from scudo_agent.instant import Instant
from scudo_agent.model import Observation, Outcome, Result
from scudo_agent.text import T

DISOWNED = Outcome(answered=None, seen=T("the agent was suspended meanwhile"))
"""The outcome of a run over which the agent slept: nobody knows."""


def graded(settings: ProbeSettings, outcome: Outcome) -> tuple[Result, bool | None]:
    """Hold an outcome against a check's limits (`domain.md` 2).

    No answer is failed, the agent's own fault unknown; an answer is degraded
    when a limit under `degraded` is crossed, else good. Whether a `warn` limit
    is crossed (the second value) can be told from answers only.
    """
    if outcome.answered is None:
        return Result.UNKNOWN, None
    if not outcome.answered:
        return Result.FAILED, None
    values = outcome.values
    crossed = any(limit.crossed(values) for limit in settings.degraded_limits())
    limits = settings.warn_limits()
    warned = any(limit.crossed(values) for limit in limits) if limits else None
    return Result.DEGRADED if crossed else Result.GOOD, warned


def grade(
    check: Check, outcome: Outcome, at: Instant, *, predicted: bool | None = None
) -> Observation:
    """The observation that an outcome is, at the instant when the agent had it."""
    result, warned = graded(check.settings, outcome)
    return Observation(
        check=check.path,
        at=at,
        result=result,
        warned=warned,
        predicted=predicted,
        outcome=outcome,
    )
