"""One check against a second, slow implementation that shares no code.

The oracle keeps every observation and reads section 1 of `judging.md` backwards
from the newest one, again and again.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.instant import SECOND, Instant
from scudo_agent.judge.batch import Change
from scudo_agent.judge.engine import AgentStart, AgentStop, Event
from scudo_agent.judge.site import CheckRule, JudgeSite
from scudo_agent.model import Observation, Result
from support.judging_events import BEGIN, instants, judged

Seen = list[tuple[int, str]]
GAPS = [0, 1, 10, 30, 74, 75, 76, 200]
INTERVAL = 30


def trailing(seen: Seen, words: str) -> Seen:
    """The newest observations that are all of these kinds."""
    out: Seen = []
    for at, word in reversed(seen):
        if word not in words.split():
            break
        out.insert(0, (at, word))
    return out


class SlowCheck:
    """A check with a wait for nobody: bad, it is a member until it is up."""

    def __init__(self, confirm: int, recover: int) -> None:
        self.confirm, self.recover = confirm, recover
        self.changes: list[tuple[str, int, int]] = []
        self.seen: Seen = []
        self.last: int | None = None
        self.running = False

    @property
    def state(self) -> str:
        return self.changes[-1][0] if self.changes else "unknown"

    def was(self) -> str | None:
        """What it was before it became unknown, if its incident is open."""
        known = [state for state, _, _ in self.changes if state != "unknown"]
        return known[-1] if known and known[-1] != "up" else None

    def become(self, state: str, since: int, decided: int) -> None:
        if self.state != state:
            earliest = self.changes[-1][1] if self.changes else since
            self.changes.append((state, max(since, earliest), decided))

    def pass_time(self, now: int) -> None:
        if self.running and self.last is not None:
            stale = self.last + 5 * INTERVAL * SECOND // 2
            if stale <= now:
                self.become("unknown", stale, stale)
                self.seen, self.last = [], None

    def start(self, now: int) -> None:
        self.pass_time(now)
        self.running = True
        self.last = now if self.state != "unknown" else None

    def stop(self, now: int) -> None:
        self.pass_time(now)
        if self.running:
            self.become("unknown", now, now)
            self.seen, self.last, self.running = [], None, False

    def observe(self, now: int, word: str) -> None:
        self.pass_time(now)
        if not self.running:
            return
        self.last = now
        if word != "unknown":
            self.seen.append((now, word))
            state, since = self.verdict(now, word)
            self.become(state, since, now)

    def verdict(self, now: int, word: str) -> tuple[str, int]:
        failed = trailing(self.seen, "failed")
        weak = trailing(self.seen, "failed degraded")
        good = trailing(self.seen, "good")
        if len(failed) >= self.confirm:
            return "down", failed[0][0]
        if self.state == "unknown" and (was := self.was()):
            if len(good) >= self.recover:
                return "up", good[0][0]
            if word != "good":
                return (was if word == "failed" else "degraded"), now
        elif self.state == "unknown" and word == "good":
            return "up", now
        elif self.state in ("unknown", "up"):
            if len(weak) >= self.confirm:
                return "degraded", weak[0][0]
        else:
            return self.better(now)
        return self.state, now

    def better(self, now: int) -> tuple[str, int]:
        """A check that is down or degraded, whose newest one is no last straw."""
        good = trailing(self.seen, "good")
        if len(good) >= self.recover:
            return "up", good[0][0]
        answers = trailing(self.seen, "good degraded")
        mixed = any(word == "degraded" for _, word in answers)
        if self.state == "down" and mixed and len(answers) >= self.recover:
            return "degraded", answers[0][0]
        return self.state, now


ROWS = st.lists(
    st.tuples(
        st.sampled_from(GAPS),
        st.sampled_from([*Result, *Result, *Result, "stop", "start"]),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(ROWS, st.integers(1, 4), st.integers(1, 4))
def test_a_check_agrees_with_the_slow_one(
    rows: list[tuple[int, str]], confirm: int, recover: int
) -> None:
    rule = CheckRule(
        path="sw/ping",
        target="sw",
        interval_us=INTERVAL * SECOND,
        confirm=confirm,
        recover=recover,
        local=True,
    )
    slow = SlowCheck(confirm, recover)
    slow.start(BEGIN)
    events: list[Event] = [AgentStart(BEGIN)]
    at = BEGIN
    for gap, word in rows:
        at = Instant(at + gap * SECOND)
        if word == "start":
            events.append(AgentStart(at))
            slow.start(at)
        elif word == "stop":
            events.append(AgentStop(at))
            slow.stop(at)
        else:
            events.append(Observation(check="sw/ping", at=at, result=Result(word)))
            slow.observe(at, word)

    _, heard = judged(JudgeSite(checks={"sw/ping": rule}), instants(events))

    got = [
        (entry.state.value, entry.since, entry.decided)
        for entry in heard.entries.get("sw/ping", ())
        if isinstance(entry, Change)
    ]
    assert got == slow.changes
