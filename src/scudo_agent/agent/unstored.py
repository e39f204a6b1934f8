"""What the desk is told while the agent's store takes nothing, or lives on its reserve.

It is no event: it has no number and no row, and promises nothing (`reliability.md` 2,
A4 and A5). What is open in memory is named, so that the provider can look after it.
"""

from scudo_agent.agent.runtime import Runtime
from scudo_agent.instant import MINUTE, Instant
from scudo_agent.text import T, Text

_STEP_US = 30 * MINUTE
"""The sentence changes so often, so that the provider's ticket stays open."""
_NAMED = 20
_REASON = 200


class Unstored:
    """Says what cannot be stored, as long as that lasts; used in the loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._since: Instant | None = None

    def said(self) -> Text | None:
        """The sentence for the provider; None while everything is stored."""
        runtime = self._runtime
        error, used = runtime.pipeline.commit_error, runtime.store.reserve_used
        if error is None and not used:
            self._since = None
            return None
        now = runtime.timeline.now()
        if self._since is None:
            self._since = now
        steps = (now - self._since) // _STEP_US
        until = Instant(self._since + steps * _STEP_US)
        if error is None:
            return T(
                "Seen on {at}, and still on {until}: the disk is full, and the store "
                "lives on the space that was kept for this. Everything is stored so "
                "far.",
                at={"instant": self._since},
                until={"instant": until},
            )
        subjects = sorted(one.subject for one in runtime.judge.open_incidents())
        more = "" if len(subjects) <= _NAMED else " …"
        return T(
            "Seen on {at}, and still on {until}: nothing can be stored ({reason}). "
            "The agent goes on measuring; bad in its memory, and perhaps told by no "
            "ticket: {names}.",
            at={"instant": self._since},
            until={"instant": until},
            reason=str(error.__cause__ or error)[:_REASON],
            names=(", ".join(subjects[:_NAMED]) or "–") + more,
        )
