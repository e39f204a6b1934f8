"""What the judge says beside a replay's output: stages, probes, windows."""

from typing import Any

from scudo_agent.incident import Rule
from scudo_agent.instant import SECOND
from scudo_agent.judge.batch import Change, Isolation, Withdrawal
from scudo_agent.judge.engine import ReopenSet
from scudo_agent.model import Kind, State
from support.judging_runs import Run, at, hold

ONE: dict[str, Any] = {"targets": {"sw": {"checks": {"ping": {}}}}}
PAIR: dict[str, Any] = {
    "targets": {"a": {"checks": {"ping": {}}}, "b": {"checks": {"ping": {}}}},
    "services": {
        "net": {
            "contracted": True,
            "checks": ["a/ping", "b/ping"],
            "need": "any",
        }
    },
}
CHAIN: dict[str, Any] = {
    "vantage": ["gw/ping"],
    "targets": {
        "gw": {"checks": {"ping": {}}},
        "sw": {"depends_on": ["gw/ping"], "checks": {"ping": {}}},
        "web": {"depends_on": ["sw/ping"], "checks": {"http": {}}},
        "far": {"checks": {"ping": {}}},
    },
    "services": {"erp": {"contracted": True, "checks": ["web/http"], "need": "all"}},
}


def test_a_bad_check_that_nobody_needs_is_medium_by_rule_s3() -> None:
    run = Run(ONE)
    run.see(1, "sw/ping", "g")

    batch = run.fail(60, "sw/ping")

    [stage] = batch.stages
    assert (stage.kind, stage.subject) == (Kind.OPEN, "check:sw/ping")
    assert (stage.severity, stage.rule) == (2, Rule.S3)
    assert (stage.at, stage.since) == (at(80), at(60))
    assert [(m.check, m.state, m.since) for m in stage.members] == [
        ("sw/ping", State.DOWN, at(60))
    ]
    assert stage.affected == ()


def test_lost_redundancy_is_s2_and_the_last_one_raises_it_to_s1() -> None:
    run = Run(PAIR)
    run.see(1, "a/ping", "g")
    run.see(2, "b/ping", "g")

    [opened] = run.fail(60, "a/ping").stages
    assert (opened.subject, opened.severity, opened.rule) == ("service:net", 2, Rule.S2)
    assert opened.affected == ("net",)
    run.see(85, "b/ping", "g")
    joined, raised = run.fail(90, "b/ping").stages

    assert (joined.kind, joined.joined) == (Kind.JOIN, "b/ping")
    assert (raised.kind, raised.severity, raised.rule) == (Kind.RAISE, 1, Rule.S1)
    assert [member.check for member in raised.members] == ["a/ping", "b/ping"]


def test_a_recovery_names_who_recovered_and_is_dated_back() -> None:
    run = Run(PAIR)
    run.fail(60, "a/ping", "b/ping")
    run.see(100, "a/ping", "g")
    run.see(105, "b/ping", "g")
    run.see(110, "a/ping", "g")

    batch = run.see(115, "b/ping", "g")

    [stage] = batch.stages
    assert stage.kind is Kind.RECOVER
    assert (stage.at, stage.until) == (at(115), at(105))
    assert [(m.check, m.state) for m in stage.members] == [
        ("a/ping", State.UP),
        ("b/ping", State.UP),
    ]
    assert run.judge.open_incidents() == ()


def test_a_desks_new_contract_decides_what_is_a_relapse() -> None:
    for reopen_s, kind in ((3600, "open"), (3 * 3600, "reopen")):
        run = Run(ONE)
        run.fail(0, "sw/ping")
        for second in (60, 70):
            run.see(second, "sw/ping", "g")
        run.heard.take(run.judge.feed([ReopenSet(at(100), reopen_s * SECOND)]))
        run.fail(2 * 3600, "sw/ping")
        assert [told for told, _ in run.kinds()] == ["open", "recover", kind]


def test_a_relapse_reopens_and_a_late_one_follows() -> None:
    run = Run(ONE)
    run.fail(0, "sw/ping")
    for second in (60, 70):
        run.see(second, "sw/ping", "g")
    run.fail(4 * 3600 + 59, "sw/ping")
    for second in (15_000, 15_010):
        run.see(second, "sw/ping", "g")
    batch = run.fail(15_000 + 4 * 3600, "sw/ping")

    assert [kind for kind, _ in run.kinds()] == [
        "open", "recover", "reopen", "recover", "open",
    ]  # fmt: skip
    [stage] = batch.stages
    assert stage.previous == run.heard.stages[0].incident != stage.incident


def test_a_window_holds_the_opening_and_nothing_else() -> None:
    run = Run(ONE, hold(0, 220, "sw/ping"))
    batch = run.fail(60, "sw/ping")

    assert batch.stages == ()
    assert run.judge.state("sw/ping").state is State.DOWN
    assert run.wait(200).stages == ()
    run.see(201, "sw/ping", "f")
    [stage] = run.wait(230).stages
    assert (stage.kind, stage.at, stage.since) == (Kind.OPEN, at(220), at(60))


def test_what_a_window_held_is_dropped_by_a_stop() -> None:
    run = Run(ONE, hold(0, 900, "sw/ping"))
    run.fail(60, "sw/ping")

    assert run.stop(100).stages == ()
    assert run.judge.state("sw/ping").pending is None


def test_first_failure_asks_ancestors_and_vantage_at_once() -> None:
    run = Run(CHAIN)
    for number, path in enumerate(run.site.checks):
        run.see(number, path, "g")

    assert set(run.see(60, "web/http", "f").probe) == {"gw/ping", "sw/ping"}
    assert run.see(70, "web/http", "f").probe == ()
    assert set(run.see(80, "web/http", "f").probe) == {"gw/ping", "sw/ping"}


def test_the_last_vantage_check_that_falls_asks_all_others() -> None:
    run = Run(CHAIN)
    for number, path in enumerate(run.site.checks):
        run.see(number, path, "g")

    batch = run.fail(60, "gw/ping")

    assert set(batch.probe) == {"sw/ping", "web/http", "far/ping"}
    assert set(run.see(81, "far/ping", "f").probe) >= {"sw/ping", "web/http"}


def test_isolation_withdraws_and_says_so() -> None:
    run = Run(CHAIN)
    for number, path in enumerate(run.site.checks):
        run.see(number, path, "g")
    run.fail(60, "far/ping", "gw/ping")
    run.see(82, "sw/ping", "f")

    batch = run.see(83, "web/http", "f")

    assert batch.isolation == (Isolation(since=at(60), until=None),)
    assert run.judge.isolated == at(60)
    far = [entry for entry in batch.changes if entry.check == "far/ping"]
    assert far == [
        Withdrawal(check="far/ping", since=at(60), decided=at(83)),
        Change(check="far/ping", state=State.UNKNOWN, since=at(60), decided=at(83)),
    ]
    [stage] = batch.stages
    assert (stage.subject, stage.severity, stage.rule) == ("agent", None, None)
    assert [member.check for member in stage.members] == ["gw/ping"]
    back = run.see(100, "far/ping", "g")
    assert back.isolation == (Isolation(since=at(60), until=at(100)),)
    assert run.judge.isolated is None


def test_a_gateway_that_has_long_been_blocked_proves_nothing() -> None:
    run = Run(CHAIN)
    for number, path in enumerate(run.site.checks):
        run.see(number, path, "g")
    run.fail(60, "gw/ping")
    run.see(81, "far/ping", "g")
    assert run.kinds() == [("open", "check:gw/ping")]
    run.see(85, "gw/ping", "f")

    run.fail(90, "far/ping")

    assert run.wait(169).stages == ()
    [stage] = run.wait(170).stages
    assert (stage.subject, stage.at) == ("check:far/ping", at(170))
    assert run.judge.isolated is None


def test_a_vantage_check_on_its_way_down_is_waited_for_until_it_is_stale() -> None:
    run = Run(CHAIN)
    for number, path in enumerate(run.site.checks):
        run.see(number, path, "g")
    run.see(60, "gw/ping", "f")

    run.fail(61, "far/ping")

    assert run.wait(209).stages == ()
    [stage] = run.wait(220).stages
    assert (stage.subject, stage.at) == ("check:far/ping", at(210))


def test_a_later_root_takes_no_incident_of_another_cause() -> None:
    both = ["x/ping", "y/ping"]
    targets: dict[str, Any] = {name: {"checks": {"ping": {}}} for name in "xym"}
    targets["m"]["depends_on"] = both
    run = Run({"targets": targets})
    for number, path in enumerate(run.site.checks):
        run.see(number, path, "g")
    run.fail(60, "y/ping", "m/ping")
    run.wait(111)
    assert run.kinds() == [("open", "check:y/ping"), ("join", "check:y/ping")]

    run.see(115, "x/ping", "f")
    run.see(116, "y/ping", "g")
    run.see(125, "x/ping", "f")
    run.see(126, "y/ping", "g")
    [stage] = run.see(135, "x/ping", "f").stages

    assert (stage.kind, stage.subject) == (Kind.OPEN, "check:x/ping")


def test_a_root_that_waits_itself_opens_with_what_it_took_along() -> None:
    run = Run(CHAIN)
    for number, path in enumerate(run.site.checks):
        run.see(number, path, "g")
    run.fail(60, "web/http")
    run.see(82, "gw/ping", "g")

    batch = run.fail(85, "sw/ping")

    [stage] = batch.stages
    assert (stage.kind, stage.subject, stage.at) == (
        Kind.OPEN,
        "check:sw/ping",
        at(105),
    )
    assert [member.check for member in stage.members] == ["sw/ping", "web/http"]
    assert (stage.since, stage.severity, stage.affected) == (at(60), 1, ("erp",))
    assert run.judge.state("sw/ping").pending is None


def test_a_stop_rates_what_it_opens_before_nothing_is_known() -> None:
    chain = {**CHAIN, "vantage": []}
    run = Run(chain)
    for number, path in enumerate(run.site.checks):
        run.see(number, path, "g")
    run.fail(60, "web/http")
    assert run.kinds() == []

    [stage] = run.stop(85).stages

    assert (stage.kind, stage.subject) == (Kind.OPEN, "service:erp")
    assert (stage.severity, stage.rule) == (1, Rule.S1)


def test_what_is_released_together_opens_after_all_its_ancestors() -> None:
    targets: dict[str, Any] = {name: {"checks": {"ping": {}}} for name in "mxy"}
    targets["m"]["depends_on"] = ["x/ping", "y/ping"]
    run = Run({"targets": targets}, hold(0, 90, "m/ping", "x/ping", "y/ping"))
    run.fail(60, "m/ping", "y/ping", "x/ping")

    run.wait(90)

    assert [(stage.kind, stage.subject) for stage in run.heard.stages] == [
        (Kind.OPEN, "check:x/ping"),
        (Kind.OPEN, "check:y/ping"),
        (Kind.JOIN, "check:x/ping"),
    ]


def test_after_isolation_a_vantage_check_confirms_anew() -> None:
    two = {
        "vantage": ["gw/ping", "dns/a"],
        "targets": {
            "gw": {"checks": {"ping": {}}},
            "dns": {"checks": {"a": {}}},
            "far": {"checks": {"ping": {}}},
        },
    }
    run = Run(two)
    run.fail(60, "gw/ping", "dns/a", "far/ping")
    assert run.judge.isolated == at(60)
    run.see(90, "far/ping", "g")

    run.see(91, "dns/a", "f")
    run.see(101, "dns/a", "f")
    assert run.judge.state("dns/a").state is State.UNKNOWN
    [change] = run.see(111, "dns/a", "f").changes

    assert (change.since, change.decided) == (at(91), at(111))


def test_views_show_what_is_being_confirmed() -> None:
    run = Run(PAIR)
    run.see(1, "a/ping", "g")
    run.see(60, "a/ping", "f")

    view = run.judge.state("a/ping")

    assert (view.state, view.run_failed, view.confirm) == (State.UP, 1, 3)
    assert (view.since, view.observed) == (at(1), at(60))
    assert run.judge.service("net") == (State.UP, at(1))
    assert run.judge.next_due() == at(1 + 150)


def test_a_check_that_was_not_looked_at_is_stale() -> None:
    run = Run(ONE)
    run.see(1, "sw/ping", "g")
    run.see(60, "sw/ping", "u")

    assert run.wait(209).changes == ()
    [change] = run.wait(500).changes
    assert (change.state, change.since) == (State.UNKNOWN, at(210))  # type: ignore[union-attr]
