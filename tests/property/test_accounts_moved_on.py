"""Accounts that are moved on, against accounts made from the whole history."""

from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from scudo_agent.agent.accounts import Accounts
from scudo_agent.config.contract_file import contract_of_data
from scudo_agent.contract.account import AccountYear, classes
from scudo_agent.contract.model import Announcement, Contract, Window, WindowKind
from scudo_agent.instant import HOUR, MINUTE, Instant, parse_instant
from scudo_agent.intervals import enter
from scudo_agent.judge.batch import Change, Withdrawal
from scudo_agent.judge.service import Timeline, check_timeline, service_timeline
from scudo_agent.model import State
from scudo_agent.telemetry.metric import SLA_CLASSES
from support.uptime_files import STANDARD

START = parse_instant("2026-01-01T00:00:00+01:00")
CHECKS = ("a/x", "a/y", "b/x")
SERVICES = {
    "one": SimpleNamespace(id="one", contracted=True, checks=("a/x", "a/y"), need=2),
    "two": SimpleNamespace(id="two", contracted=True, checks=("b/x",), need=1),
    "none": SimpleNamespace(id="none", contracted=False, checks=("a/x",), need=1),
}


class Ledger:
    """What a store has of checks' changes, to be read and to be written."""

    def __init__(self) -> None:
        self.entries: dict[str, list[Change | Withdrawal]] = {}

    def add(self, entry: Change | Withdrawal) -> None:
        self.entries.setdefault(entry.check, []).append(entry)

    def timelines(self, _since: Instant, until: Instant) -> Any:
        return {
            check: [one for one in found if one.since < until]
            for check, found in self.entries.items()
        }


def contract(unknown: str, basis: str, target: str) -> Contract:
    promise = {"target": target, "unknown": unknown, "basis": basis}
    return contract_of_data({**STANDARD, "uptime": promise}, name="standard")


def window(name: int, start: int, length: int, service: str) -> Window:
    told = Announcement(
        announced=Instant(START - HOUR),
        start=Instant(START + start),
        end=Instant(START + start + length),
    )
    return Window(
        id=f"w{name}",
        kind=list(WindowKind)[name % 4],
        services=(service,),
        announcements=(told,),
        peak_notice=Instant(START - HOUR),
    )


steps = st.lists(
    st.tuples(
        st.integers(0, 20),  # quarters of an hour until then
        st.sampled_from(CHECKS),
        st.sampled_from([*State, None]),  # None: the latest are withdrawn
        st.integers(0, 8),  # quarters of an hour dated back
        st.booleans(),  # whether somebody looks
    ),
    max_size=40,
)
spans = st.lists(
    st.tuples(
        st.integers(0, 300), st.integers(1, 40), st.sampled_from(["*", "one", "two"])
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(
    steps=steps,
    spans=spans,
    later=spans,
    unknown=st.sampled_from(["exclude", "up", "down"]),
    basis=st.sampled_from(["agreed", "calendar"]),
    target=st.sampled_from(["99.0", "99.95", "100"]),
    loaded=st.integers(0, 10),
)
def test_moved_on_is_as_made_anew(
    steps: list[Any],
    spans: list[Any],
    later: list[Any],
    unknown: str,
    basis: str,
    target: str,
    loaded: int,
) -> None:
    quarter = 15 * MINUTE
    ledger = Ledger()
    promise = contract(unknown, basis, target)
    site: Any = SimpleNamespace(contract=promise, services=SERVICES)
    made = [window(n, s * quarter, d * quarter, v) for n, (s, d, v) in enumerate(spans)]
    known = {"now": {one.id: one for one in made}}
    accounts = Accounts(
        cast(Any, ledger), site=lambda: site, windows=lambda: known["now"]
    )
    at = START
    for number, (wait, check, state, back, looks) in enumerate(steps):
        at = Instant(at + wait * quarter)
        since = Instant(at - min(back * quarter, at - START))
        entry: Change | Withdrawal = Withdrawal(check=check, since=since, decided=at)
        if state is not None:
            entry = Change(check=check, state=state, since=since, decided=at)
        ledger.add(entry)
        accounts.committed([entry])
        if number == loaded:
            more = [
                window(n + 10, s * quarter, d * quarter, v)
                for n, (s, d, v) in enumerate(later)
            ]
            known["now"] = {one.id: one for one in (*made, *more)}
        if looks:
            _same(accounts, ledger, promise, known["now"], at)
    _same(accounts, ledger, promise, known["now"], Instant(at + 3 * HOUR))


def _same(
    accounts: Accounts,
    ledger: Ledger,
    promise: Contract,
    windows: dict[str, Window],
    at: Instant,
) -> None:
    found = accounts.look(at)
    year = AccountYear(promise, windows.values(), at=at)
    assert list(found) == ["one", "two"]
    for name, shown in found.items():
        account = year.account(name, _history(ledger, name))
        whole = classes(account)
        assert dict(zip(SLA_CLASSES, shown.classes_us, strict=True)) == {
            key: whole[key] for key in SLA_CLASSES
        }
        assert sum(shown.classes_us) == account.elapsed
        budget = account.budget
        for one, other in (
            (shown.availability, account.availability),
            (shown.worst_case, account.worst_case),
            (shown.best_case, account.best_case),
            (shown.coverage, account.coverage),
            (shown.burn_rate, budget.burn_rate),
            (shown.allowed_us, budget.allowed),
            (shown.remaining_us, budget.remaining),
            (shown.used_us, budget.used),
        ):
            assert one == (None if other is None else float(other))


def _history(ledger: Ledger, name: str) -> Timeline:
    members = [check_timeline(ledger.entries.get(c, [])) for c in SERVICES[name].checks]
    return service_timeline(members, SERVICES[name].need)


def test_what_an_incident_cost() -> None:
    """Twice down: the second recovery tells of both, less what a window excludes."""
    promise = contract("exclude", "agreed", "99.0")
    site: Any = SimpleNamespace(contract=promise, services=SERVICES)
    told = {"w1": window(1, 10 * HOUR, HOUR, "*")}  # extraordinary
    ledger = Ledger()
    for state, hour in ((State.UP, 0), (State.DOWN, 4), (State.UP, 5)):
        since = Instant(START + hour * HOUR)
        ledger.add(Change(check="b/x", state=state, since=since, decided=since))
    accounts = Accounts(cast(Any, ledger), site=lambda: site, windows=lambda: told)
    timeline: Timeline = []
    enter(timeline, State.DOWN, Instant(START + 9 * HOUR))
    enter(timeline, State.UP, Instant(START + 12 * HOUR))
    span = Instant(START + 9 * HOUR), Instant(START + 12 * HOUR)
    assert accounts.cost({"two": timeline}, span) is None  # nobody looked yet
    accounts.look(Instant(START + 9 * HOUR))
    cost = accounts.cost({"two": timeline}, span)
    assert cost is not None
    assert (cost.cost_us, cost.used_us) == (2 * HOUR, 3 * HOUR)
    assert cost.allowed_us == (8760 * HOUR - HOUR) // 100
    assert cost.services == ["two"]
    assert accounts.cost({"none": timeline}, span) is None


def test_the_next_contract_year_begins_anew() -> None:
    site: Any = SimpleNamespace(
        contract=contract("exclude", "agreed", "99.0"), services=SERVICES
    )
    ledger = Ledger()
    for check in CHECKS:
        ledger.add(Change(check=check, state=State.UP, since=START, decided=START))
    accounts = Accounts(cast(Any, ledger), site=lambda: site, windows=dict)
    end = parse_instant("2027-01-01T00:00:00+01:00")
    assert accounts.look(Instant(end - HOUR))["one"].year_start == START
    found = accounts.look(Instant(end + HOUR))["one"]
    assert found.year_start == end
    assert found.classes_us[0] == HOUR


def test_before_the_contract_begins_and_without_one_there_is_nothing() -> None:
    site: Any = SimpleNamespace(
        contract=contract("exclude", "agreed", "99.0"), services=SERVICES
    )
    accounts = Accounts(cast(Any, Ledger()), site=lambda: site, windows=dict)
    assert accounts.look(Instant(START - HOUR)) == {}
    assert accounts.look(Instant(START + HOUR)) != {}
    site.contract = None
    other: Any = SimpleNamespace(contract=None, services=SERVICES)
    without = Accounts(cast(Any, Ledger()), site=lambda: other, windows=dict)
    assert without.look(START) == {}
