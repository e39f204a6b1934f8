"""One site under judgement: what an event does, and what follows from it.

Everything that `judging.md` says happens after each event, in its order:
checks' states, isolation, pending checks dropped, openings, members that leave
and recoveries. When, and in which order of events, is `judge.engine`'s affair.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from scudo_agent.incident import Rule
from scudo_agent.instant import Instant
from scudo_agent.judge.adoption import Adoption, Foundling
from scudo_agent.judge.batch import Isolation, Withdrawal
from scudo_agent.judge.book import Book
from scudo_agent.judge.check import CheckState
from scudo_agent.judge.drafts import Drafts
from scudo_agent.judge.holds import Hold, Holds
from scudo_agent.judge.opening import Opening
from scudo_agent.judge.service import ServiceTally
from scudo_agent.judge.site import JudgeSite
from scudo_agent.judge.topology import Topology
from scudo_agent.judge.vantage import Vantage
from scudo_agent.judge.waiting import Waiting
from scudo_agent.judge.warn import Warnings
from scudo_agent.model import Observation, Result, State


class Scene:
    """Checks, services, the line, what waits and the book of incidents."""

    def __init__(
        self,
        site: JudgeSite,
        *,
        new_id: Callable[[Instant], str],
        holds: Iterable[Hold],
    ) -> None:
        self.topology = topology = Topology(site)
        self.checks = {
            path: CheckState(rule, topology.order[path])
            for path, rule in site.checks.items()
        }
        self.services = {id_: ServiceTally(r) for id_, r in site.services.items()}
        self.vantage = Vantage(topology, self.checks)
        self.drafts = Drafts()
        self.book = Book(
            topology, self.checks, self.services, drafts=self.drafts, new_id=new_id
        )
        self.holds = Holds(topology)
        self.holds.set(holds)
        self.waiting = Waiting(topology, self.checks, self.vantage, self.holds)
        self.warnings = Warnings(self.book, self.holds, Rule.S4)
        self.forecasts = Warnings(self.book, self.holds, Rule.S5)
        self.running = False
        self.paused: frozenset[str] = frozenset()
        self._opening = Opening(topology, self.book, self.waiting)
        notices = (self.warnings, self.forecasts)
        self._adoption = Adoption(self.book, self.waiting, notices)
        self._stale: list[tuple[int, int, CheckState]] = []
        self._risen: list[CheckState] = []

    def next_due(self) -> Instant | None:
        """No later than the next instant at which something is due by itself."""
        wait = self.waiting.next_due()
        if not self._stale:
            return wait
        stale = Instant(self._stale[0][0])
        return stale if wait is None else min(wait, stale)

    def start(self, at: Instant) -> None:
        """The agent starts: nothing has been observed yet."""
        self.running = True
        self.vantage.start()
        self.waiting.restored = False
        self._stale.clear()
        for check in self.checks.values():
            check.failing = check.stale = check.queued = False
            check.observed = None
            if check.state is not State.UNKNOWN:
                check.observed = at
                self._queue(check, at)

    def stop(self, at: Instant) -> None:
        """The agent stops: open what only an ancestor holds, then know nothing."""
        if not self.running:
            return
        with self.book.rated_at_once(at):
            self._opening.open_all(self.waiting.held_by_ancestors_alone(at), at)
        if self.vantage.isolated is not None:
            self._end_isolation(at)
        for check in self.waiting.clear():
            self.drafts.touch(check)
        for check in self.checks.values():
            if check.state is not State.UNKNOWN:
                self._change(check, State.UNKNOWN, since=at, at=at)
            check.clear_runs()
        self.warnings.clear_all()
        self.forecasts.clear_all()
        self._stale.clear()
        self.running = False

    def hold(self, holds: Iterable[Hold], at: Instant) -> None:
        """Windows and mutes are these from now on: some waits may be over."""
        self.holds.set(holds)
        self.waiting.look_at_muted()
        if self.running:
            self.settle(at)

    def adopt(self, found: Iterable[Foundling], at: Instant) -> None:
        """The desk has these incidents open, of an agent that remembers nothing."""
        for one in found:
            self._adoption.take(one, at)

    def pause(self, paths: frozenset[str], at: Instant) -> None:
        """Nobody asks these checks any more, and all others again."""
        before, self.paused = self.paused, paths
        checks = [self.checks[path] for path in paths if path in self.checks]
        self.vantage.leave_out(checks)
        for check in checks:
            if check.path not in before:
                self.forget(check, at)
        if self.running:
            self.settle(at)

    def observe(self, seen: Observation) -> None:
        """Take one observation and all that follows from it."""
        if not self.running or seen.check in self.paused:
            return
        check = self.checks[seen.check]
        at, result = seen.at, seen.result
        if check.line and self._ignored(check, at, result):
            return
        check.observed = at
        check.failing = result is Result.FAILED
        check.stale = False
        if not check.queued:
            self._queue(check, at)
        change = check.observe(at, result)
        if change is not None:
            self._change(check, change[0], since=change[1], at=at)
        if result.answer:
            self._answered(check)
        elif result is Result.FAILED:
            self._ask(check)
        if seen.warned is not None:
            self.warnings.observe(check, at, seen.warned)
        if seen.predicted is not None:
            self.forecasts.observe(check, at, seen.predicted)
        self.settle(at)

    def _ignored(self, check: CheckState, at: Instant, result: Result) -> bool:
        """Note what the line saw; failures of O count for nothing while isolated."""
        if self.vantage.isolated is not None:
            if result.answer:
                self._end_isolation(at)
            elif check.outside:
                return True
        self.vantage.observe(check, at, result)
        return False

    def _answered(self, check: CheckState) -> None:
        if check.path in self.topology.above:
            self.waiting.poke(check)
            if check.path in self.book.awaited:
                self.book.awaited.discard(check.path)
                self.drafts.touch(check)
        if check.line:
            for freed in self.waiting.answered(check):
                self.drafts.touch(freed)

    def _ask(self, check: CheckState) -> None:
        """Ask for probes at once when a check starts to fail."""
        if check.bad.n == 1:
            self._ask_around(check)
        if check.outside and self.vantage.all_down and not self.vantage.isolated:
            self.drafts.probe |= dict.fromkeys(self.topology.outside)

    def _ask_around(self, check: CheckState) -> None:
        wanted = dict.fromkeys(self.topology.ancestors[check.path])
        if check.line:
            wanted |= dict.fromkeys(self.topology.vantage)
        wanted.pop(check.path, None)
        self.drafts.probe |= wanted

    def run_due(self, at: Instant) -> None:
        """What is due by itself at `at`: staleness first, then ends of waits."""
        gone = []
        while self._stale and self._stale[0][0] <= at:
            check = heappop(self._stale)[2]
            seen = check.observed
            if seen is not None and seen + check.span > at:
                # It has been observed since it was put here.
                heappush(self._stale, (seen + check.span, check.order, check))
            else:
                check.queued = False
                gone.append(check)
        for check in gone:
            self.forget(check, at)
        if self.waiting.run_due(at) or gone:
            self.settle(at)

    def forget(self, check: CheckState, at: Instant) -> None:
        """Nothing is known of the check any more: it is too old, or not asked."""
        check.stale = True
        check.clear_runs()
        self.warnings.clear(check)
        self.forecasts.clear(check)
        if check.state is not State.UNKNOWN:
            self._change(check, State.UNKNOWN, since=at, at=at)

    def _queue(self, check: CheckState, at: Instant) -> None:
        check.queued = True
        heappush(self._stale, (at + check.span, check.order, check))

    # Another site file

    def unwatch(self, topology: Topology, at: Instant) -> None:
        """Who cannot tell whether it is cut off is not isolated any more."""
        able = topology.vantage and topology.outside
        if self.vantage.isolated is not None and not able:
            self._end_isolation(at)

    def use(self, topology: Topology, *, left: Iterable[CheckState]) -> None:
        """Go by another site's topology; nobody has seen the checks in `left`."""
        self.topology = topology
        self.book.use(topology)
        self.holds.use(topology)
        self.vantage.use(topology, self.checks, left=left)
        self.waiting.use(topology)
        self._opening.use(topology)
        self.paused &= self.checks.keys()
        self._stale = [
            (check.observed + check.span, check.order, check)
            for check in self.checks.values()
            if check.queued and check.observed is not None
        ]
        heapify(self._stale)

    # What follows

    def _change(
        self, check: CheckState, state: State, *, since: Instant, at: Instant
    ) -> None:
        old = check.state
        check.enter(state, since, at)
        self.drafts.change(check, state, since=since, at=at)
        self._count(check, old, state)
        if state.bad:
            self.waiting.poke(check)
            if check.pending is None and not check.member:
                self.waiting.add(check, at)
                self._ask_around(check)
            return
        if check.pending is not None:
            self.waiting.drop(check)
        if state is State.UP and check.incident is not None:
            self._risen.append(check)

    def _count(self, check: CheckState, old: State, new: State) -> None:
        for id_ in self.topology.services_of.get(check.path, ()):
            tally = self.services[id_]
            was = tally.state
            tally.move(old, new)
            if tally.rule.contracted and tally.state is State.DOWN is not was:
                self.book.fell(id_)
        if check.vantage and old is not new:
            self.vantage.down += (new is State.DOWN) - (old is State.DOWN)
            if new is State.DOWN and self.vantage.all_down:
                self.drafts.probe |= dict.fromkeys(self.topology.outside)

    def settle(self, at: Instant) -> None:
        """What the states bring about, in the order of `judging.md`."""
        if self.vantage.all_seen and self.vantage.becomes_isolated():
            self._isolate(at)
        released = self.waiting.release(at)
        if released:
            self._opening.open_all(released, at)
        if self._risen:
            risen, self._risen = self._risen, []
            for check in risen:
                if check.state is State.UP:
                    self.book.leave(check, at)

    def _isolate(self, at: Instant) -> None:
        since = self.vantage.lost
        if since is None:
            return
        self.vantage.isolated = since
        self.drafts.isolation.append(Isolation(since=since, until=None))
        for check in self.vantage.outside:
            self._blind(check, since, at)
        self.book.agent_isolated(self.vantage.vantage, since, at)
        for check in self.vantage.vantage:
            if check.pending is not None:
                self.waiting.drop(check)
                self.drafts.touch(check)

    def _blind(self, check: CheckState, since: Instant, at: Instant) -> None:
        withdrawn = check.withdraw(since)
        if withdrawn:
            self.drafts.changes.append(
                Withdrawal(check=check.path, since=since, decided=at)
            )
        if withdrawn or check.state is not State.UNKNOWN:
            self._change(check, State.UNKNOWN, since=since, at=at)
        check.clear_runs()
        self.warnings.clear(check)
        self.forecasts.clear(check)

    def _end_isolation(self, at: Instant) -> None:
        since = self.vantage.isolated
        if since is None:
            return
        self.vantage.isolated = None
        self.drafts.isolation.append(Isolation(since=since, until=at))
        self.book.agent_back(at)
        for check in self.vantage.vantage:
            if check.state is State.DOWN:
                self._change(check, State.UNKNOWN, since=at, at=at)
                check.clear_runs()
