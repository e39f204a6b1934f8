"""Laws that every account keeps, whatever the history and the windows are."""

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scudo_agent.contract.account import Account, classes
from scudo_agent.contract.explain import explain
from scudo_agent.contract.model import WindowKind
from scudo_agent.contract.spans import merge, union
from scudo_agent.contract.windows import WindowRules, known
from scudo_agent.instant import parse_instant
from scudo_agent.model import State
from support.uptime_data import account_of, cases, year_of

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
MANY = settings(max_examples=150, deadline=None, suppress_health_check=SLOW)


@given(case=cases())
@MANY
def test_the_classes_add_up_to_the_year(case: dict[str, Any]) -> None:
    account = account_of(case)
    found = classes(account)
    assert min(found.values()) >= 0
    assert sum(found.values()) == account.year[1] - account.year[0]
    assert sum(account.lasted(state) for state in State) == account.elapsed
    assert found["down_counted"] == account.down_counted
    assert found["down_excluded"] == account.down_excluded
    assert sum(account.excluded(kind) for kind in WindowKind) == account.excluded()


@given(case=cases(), random=st.randoms())
@MANY
def test_the_order_of_entry_changes_nothing(case: dict[str, Any], random: Any) -> None:
    before = account_of(case)
    # Lines, and equal announcements apart, may stand in any order.
    history, windows = list(case["history"]), list(case["windows"])
    random.shuffle(history)
    random.shuffle(windows)
    after = account_of({**case, "history": history + history[:2], "windows": windows})
    assert before.budget == after.budget
    assert classes(before) == classes(after)
    explained = [explain(one, WindowRules(one.contract)) for one in (before, after)]
    assert explained[0] == explained[1]


@given(case=cases())
@MANY
def test_the_explanation_adds_up_to_the_account(case: dict[str, Any]) -> None:
    account = account_of(case)
    found = explain(account, WindowRules(account.contract))
    assert sum(one.down for one in found.excluded) == account.down_excluded
    assert sum(one.elapsed for one in found.excluded) == account.excluded()
    assert sum(one.counted for one in found.outages) == account.down_counted
    costs = [one.counted for one in found.outages]
    assert costs == sorted(costs, reverse=True)
    lengths = sum(one.length for one in found.outages)
    assert lengths == account.down_counted + account.down_excluded
    total = account.exclusion.total
    for share in found.refused:
        assert share.spans.overlap(total) == 0
        assert share.down <= account.down_counted
    for kind in WindowKind:
        of_kind = [one for one in found.excluded if one.window.kind is kind]
        assert sum(one.elapsed for one in of_kind) == account.excluded(kind)


@given(case=cases())
@MANY
def test_each_instant_of_a_window_is_excluded_or_refused(case: dict[str, Any]) -> None:
    year = year_of(case)
    for one in year.maintenance.assessments:
        parts = sorted(part.span for part in (*one.granted, *one.refused))
        assert all(a[1] <= b[0] for a, b in pairwise(parts))
        now = known(one.window, year.at)[-1]
        whole = merge([(now.start, now.end)]).within(year.year)
        assert list(merge(parts)) == list(whole)
        assert all(part.refusal is None for part in one.granted)
        assert all(part.refusal is not None for part in one.refused)


@given(case=cases())
@MANY
def test_what_is_known_for_certain_lies_between_the_cases(case: dict[str, Any]) -> None:
    account = account_of(case)
    assert 0 <= account.coverage <= 1
    if account.availability is None or account.worst_case is None:
        return
    assert account.best_case is not None
    assert account.worst_case <= account.availability <= account.best_case
    assert account.worst_case >= 0
    assert account.best_case <= 1


@given(case=cases())
@MANY
def test_time_that_was_down_instead_of_up_never_helps(case: dict[str, Any]) -> None:
    before = account_of(case)
    worse = [{**x, "state": "down" if x["state"] == "up" else x["state"]}
             for x in case["history"]]  # fmt: skip
    after = account_of({**case, "history": worse})
    assert after.down_counted >= before.down_counted
    assert after.counted == before.counted
    assert _low(after) <= _low(before)
    assert after.breached >= before.breached


@given(case=cases())
@MANY
def test_one_window_less_never_lowers_what_is_used(case: dict[str, Any]) -> None:
    if not case["windows"]:
        return
    before, after = (
        account_of(case),
        account_of({**case, "windows": case["windows"][1:]}),
    )
    assert after.down_counted >= before.down_counted
    assert after.excluded() <= before.excluded()
    assert after.budget.allowed >= before.budget.allowed


@given(case=cases())
@MANY
def test_what_is_said_later_changes_nothing_before(case: dict[str, Any]) -> None:
    at = parse_instant(case["at"])
    history = [one for one in case["history"] if parse_instant(one["t"]) <= at]
    windows = []
    for one in case["windows"]:
        told = [a for a in one["announcements"] if parse_instant(a["announced"]) <= at]
        if told:
            windows.append({**one, "announcements": told, **_known(one, at)})
    before = account_of(case)
    after = account_of({**case, "history": history, "windows": windows})
    assert classes(before) == classes(after)
    assert before.budget == after.budget


@given(case=cases())
@MANY
def test_states_do_not_overlap(case: dict[str, Any]) -> None:
    account = account_of(case)
    states = list(account.states.values())
    assert all(start < end for one in states for start, end in one)
    together = union(states)
    assert together.length() == sum(one.length() for one in states)
    assert list(together.within(account.period)) == list(together)


def _known(window: dict[str, Any], at: int) -> dict[str, Any]:
    keys = ("cancelled", "peak_notice")
    return {
        key: window[key] if window[key] and parse_instant(window[key]) <= at else None
        for key in keys
    }


def _low(account: Account) -> float:
    return -1 if account.availability is None else float(account.availability)
