"""What windows exclude: the hand-worked table, and each rule by itself."""

from fractions import Fraction
from typing import Any

import pytest

from scudo_agent.config.window_file import windows_of_data
from scudo_agent.contract.account import AccountYear
from scudo_agent.contract.exclusion import KINDS
from scudo_agent.contract.explain import explain
from scudo_agent.contract.window_words import warnings
from scudo_agent.contract.windows import Refusal, WindowRules
from scudo_agent.instant import DAY, SECOND, parse_instant
from scudo_agent.locale import translator
from scudo_agent.model import State
from support.contract_data import contract
from support.uptime_data import year_of
from support.uptime_files import window

AT = "2026-12-31T00:00:00+01:00"


def year(*windows: dict[str, Any], at: str = AT, **keys: Any) -> AccountYear:
    body = {
        "id": "c",
        "title": "C",
        "year_start": "2026-01-01",
        "service_hours": {"weekly": {"mon-fri": ["09:00-18:00"]}},
        **keys,
    }
    return year_of({"contract": body, "windows": list(windows), "at": at})


def excluded(*windows: dict[str, Any], at: str = AT, **keys: Any) -> dict[str, int]:
    """Seconds by kind, without zeroes."""
    found = year(*windows, at=at, **keys).maintenance.of("erp")
    lengths = {kind.value: found.kinds[kind].length() // SECOND for kind in KINDS}
    return {kind: length for kind, length in lengths.items() if length}


def refusals(one: dict[str, Any], *, at: str = AT) -> list[tuple[Refusal | None, int]]:
    parts = year(one, at=at).maintenance.assessments[0].refused
    return [(p.refusal, (p.span[1] - p.span[0]) // SECOND) for p in parts]


ORDINARY = window(
    "w1", "ordinary", "2026-06-03T00:30:00+02:00", "2026-06-03T04:30:00+02:00",
    announced="2026-06-01T23:30:00+02:00",
)  # fmt: skip
SHORT = window(
    "w1", "ordinary", "2026-06-02T23:30:00+02:00", "2026-06-03T04:30:00+02:00",
    announced="2026-06-01T00:30:00+02:00",
)  # fmt: skip
CANCELLED = window(
    "w1", "ordinary", "2026-08-03T20:00:00+02:00", "2026-08-04T00:00:00+02:00",
    announced="2026-06-01T10:00:00+02:00", cancelled="2026-07-02T10:00:00+02:00",
)  # fmt: skip
UPGRADE = window(
    "w1", "upgrade", "2026-06-07T10:00:00+02:00", "2026-06-07T14:00:00+02:00",
    announced="2026-06-01T10:00:00+02:00", peak_notice="2026-05-20T10:00:00+02:00",
)  # fmt: skip
OCCASIONAL = window(
    "w2", "occasional", "2026-06-07T10:30:00+02:00", "2026-06-07T12:00:00+02:00",
    announced="2026-06-01T10:00:00+02:00",
)  # fmt: skip


def test_an_ordinary_window_two_calendar_days_ahead() -> None:
    assert excluded(ORDINARY) == {"ordinary": 14_400}


def test_an_ordinary_window_one_calendar_day_ahead_excludes_nothing() -> None:
    assert excluded(SHORT) == {}
    assert refusals(SHORT) == [(Refusal.SHORT_NOTICE, 18_000)]


@pytest.mark.parametrize(
    ("at", "allowed"),
    [("2026-07-01T12:00:00+02:00", 315_216), ("2026-07-03T12:00:00+02:00", 315_360)],
)
def test_what_is_planned_counts_until_it_is_cancelled(at: str, allowed: int) -> None:
    account = year(CANCELLED, at=at).account("erp", ())
    assert account.budget.allowed == allowed * SECOND


def test_an_hour_of_upgrade_and_the_rest_occasional() -> None:
    assert excluded(UPGRADE, OCCASIONAL) == {"upgrade": 3600, "occasional": 3600}


def test_exactly_what_is_allowed_breaches_nothing() -> None:
    one = year(uptime={"target": 99.9})
    down = one.period[0], parse_instant("2026-01-01T08:45:36+01:00")
    history = [(State.DOWN, down[0]), (State.UP, down[1])]
    account = one.account("erp", history)
    assert account.budget.used == 31_536 * SECOND
    assert account.breached is False
    assert account.budget.remaining == 0
    longer = [history[0], (State.UP, down[1] + 1)]
    assert one.account("erp", longer).breached is True  # type: ignore[arg-type]


def test_what_ended_as_the_year_began_left_nothing_in_it() -> None:
    one = year()
    start = one.period[0]
    before = parse_instant("2025-12-01T00:00:00Z")
    account = one.account("erp", [(State.DOWN, before), (State.UP, start)])
    assert list(account.states[State.DOWN]) == []
    assert account.availability == 1


def test_with_target_100_the_burn_rate_is_0_and_then_nothing() -> None:
    one = year(uptime={"target": 100})
    start = one.period[0]
    good = one.account("erp", [(State.UP, start)])
    assert good.budget.allowed == good.budget.burn_rate == 0
    assert good.met is True
    bad = one.account("erp", [(State.DOWN, start)])
    assert (bad.budget.burn_rate, bad.breached, bad.met) == (None, True, False)


def test_an_extraordinary_window_from_the_moment_it_was_told() -> None:
    one = window(
        "w", "extraordinary", "2026-06-03T10:00:00Z", "2026-06-03T12:00:00Z",
        announced="2026-06-03T10:30:00Z",
    )  # fmt: skip
    assert excluded(one) == {"extraordinary": 5400}
    assert refusals(one) == [(Refusal.BEFORE_TOLD, 1800)]


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("2026-06-10T00:00:00+02:00", "2026-06-10T08:00:00+02:00", 6 * 3600),  # summer
        ("2026-02-03T00:00:00+01:00", "2026-02-03T08:00:00+01:00", 6 * 3600),
        ("2026-06-02T00:00:00+02:00", "2026-06-03T03:00:00+02:00", 26 * 3600),  # 2 June
        (
            "2026-06-06T05:00:00+02:00",
            "2026-06-06T10:00:00+02:00",
            2 * 3600,
        ),  # Saturday
        ("2026-10-04T10:00:00+02:00", "2026-10-04T12:00:00+02:00", 2 * 3600),
        ("2026-12-07T10:00:00+01:00", "2026-12-07T12:00:00+01:00", 0),  # in Milan only
    ],
)
def test_occasional_interruptions_in_the_permitted_hours(
    start: str, end: str, seconds: int
) -> None:
    one = window("w", "occasional", start, end, announced="2026-01-10T00:00:00Z")
    assert sum(excluded(one).values()) == seconds


def test_the_first_hour_is_of_what_the_window_is_now() -> None:
    moved = {**UPGRADE, "announcements": [
        *UPGRADE["announcements"],
        {"announced": "2026-06-07T11:00:00+02:00",
         "start": "2026-06-07T10:30:00+02:00", "end": "2026-06-07T14:00:00+02:00"},
    ]}  # fmt: skip
    # The hour from 10:30 on; the first announcement entitles to all of it.
    found = year(moved).maintenance.of("erp").total
    assert list(found) == [
        (
            parse_instant("2026-06-07T10:30:00+02:00"),
            parse_instant("2026-06-07T11:30:00+02:00"),
        )
    ]


@pytest.mark.parametrize(
    ("peak", "seconds", "why"),
    [
        (None, 0, Refusal.NO_PEAK_NOTICE),
        ("2026-06-07T10:00:00+02:00", 3600, None),
        ("2026-06-07T10:00:01+02:00", 0, Refusal.PEAK_NOTICE_LATER),
    ],
)
def test_an_upgrade_needs_a_peak_notice(
    peak: str | None, seconds: int, why: Refusal | None
) -> None:
    one = {**UPGRADE, "peak_notice": peak}
    assert sum(excluded(one).values()) == seconds
    if why is not None:
        assert refusals(one) == [(why, 14_400)]


def test_a_peak_notice_that_is_not_known_yet_counts_for_nothing() -> None:
    one = {**UPGRADE, "peak_notice": "2026-06-05T10:00:00+02:00"}
    assert excluded(one, at="2026-06-05T09:59:59+02:00") == {}
    assert excluded(one, at="2026-06-05T10:00:00+02:00") == {"upgrade": 3600}


@pytest.mark.parametrize(
    ("peak", "days"),
    [
        # Sunday 7 June: 1, 3, 4 and 5 June are working days, the 2nd is a holiday.
        ("2026-05-31T10:00:00+02:00", None),
        ("2026-06-01T10:00:00+02:00", 3),
        ("2026-06-07T09:00:00+02:00", 0),
    ],
)
def test_a_late_peak_notice_is_shown_and_the_hour_excluded(
    peak: str, days: int | None
) -> None:
    found = year({**UPGRADE, "peak_notice": peak})
    one = found.maintenance.assessments[0].window
    assert found.rules.late_notice(one, at=parse_instant(AT)) == days
    assert found.maintenance.of("erp").total.length() == 3600 * SECOND
    assert len(warnings([one], found.rules, at=parse_instant(AT))) == (days is not None)


def test_a_part_dropped_and_taken_back_keeps_the_first_notice() -> None:
    def told(announced: str, end: str) -> dict[str, str]:
        return {"announced": announced, "start": "2026-06-10T10:00:00Z", "end": end}

    one = {**ORDINARY, "announcements": [
        told("2026-06-01T00:00:00Z", "2026-06-10T14:00:00Z"),
        told("2026-06-09T00:00:00Z", "2026-06-10T11:00:00Z"),
        told("2026-06-10T10:30:00Z", "2026-06-10T15:00:00Z"),
    ]}  # fmt: skip
    assert excluded(one) == {"ordinary": 4 * 3600}
    (part,) = year(one).maintenance.assessments[0].granted
    assert part.announcement.announced == parse_instant("2026-06-01T00:00:00Z")
    assert refusals(one) == [(Refusal.SHORT_NOTICE, 3600)]
    assert excluded(one, at="2026-06-10T10:29:59Z") == {"ordinary": 3600}


def test_each_part_is_of_the_first_announcement_that_entitles_to_it() -> None:
    def told(announced: str, end: str) -> dict[str, str]:
        return {"announced": announced, "start": "2026-06-10T10:00:00Z", "end": end}

    one = {**ORDINARY, "announcements": [
        told("2026-06-05T00:00:00Z", "2026-06-10T15:00:00Z"),
        told("2026-06-01T00:00:00Z", "2026-06-10T14:00:00Z"),
    ]}  # fmt: skip
    parts = year(one).maintenance.assessments[0].granted
    ends = [part.span[1] - part.span[0] for part in parts]
    days = [part.announcement.announced for part in parts]
    assert [end // SECOND for end in ends] == [4 * 3600, 3600]
    assert days == [
        parse_instant("2026-06-01T00:00:00Z"), parse_instant("2026-06-05T00:00:00Z")
    ]  # fmt: skip


def test_equal_announcements_go_by_their_place() -> None:
    def told(end: str) -> dict[str, str]:
        start = "2026-06-10T10:00:00Z"
        return {"announced": "2026-06-01T00:00:00Z", "start": start, "end": end}

    both = [told("2026-06-10T12:00:00Z"), told("2026-06-10T11:00:00Z")]
    one = {**ORDINARY, "announcements": both}
    other = {**ORDINARY, "announcements": both[::-1]}
    assert excluded(one) == {"ordinary": 3600}
    assert excluded(other) == {"ordinary": 7200}


def test_a_cancellation_in_the_middle_keeps_what_was_before() -> None:
    one = {**ORDINARY, "cancelled": "2026-06-03T01:30:00+02:00"}
    assert excluded(one) == {"ordinary": 3600}
    assert refusals(one) == [(Refusal.CANCELLED, 3 * 3600)]


def test_a_kind_left_out_excludes_nothing_and_a_null_neither() -> None:
    keys: list[dict[str, Any]] = [
        {"upgrade": {}}, {"ordinary": None, "upgrade": {}}
    ]  # fmt: skip
    for exclusions in keys:
        assert excluded(ORDINARY, uptime={"exclusions": exclusions}) == {}
    assert excluded(ORDINARY, uptime={"exclusions": {"ordinary": {}}}) != {}


def test_overlapping_windows_are_credited_once() -> None:
    extraordinary = {**ORDINARY, "id": "w0", "kind": "extraordinary"}
    longer = {**extraordinary, "id": "w9", "announcements": [
        {"announced": "2026-05-01T00:00:00Z", "start": "2026-06-02T22:00:00Z",
         "end": "2026-06-03T03:00:00Z"}
    ]}  # fmt: skip
    found = excluded(ORDINARY, extraordinary, longer)
    assert found == {"ordinary": 14_400, "extraordinary": 3600}


def test_within_a_kind_the_credit_goes_to_what_was_announced_first() -> None:
    def credited(*windows: dict[str, Any]) -> list[tuple[str, int]]:
        file = [windows_of_data([one], name="w")[0].windows[0] for one in windows]
        known = year()
        found = AccountYear(known.contract, file, at=parse_instant(AT))
        return [
            (one.window.id, (one.span[1] - one.span[0]) // SECOND)
            for one in found.maintenance.of("erp").credits
        ]

    first = window(
        "w2", "ordinary", "2026-06-03T03:30:00+02:00", "2026-06-03T05:30:00+02:00",
        announced="2026-05-01T00:00:00Z",
    )  # fmt: skip
    wanted = [("w1", 3 * 3600), ("w2", 2 * 3600)]
    assert credited(ORDINARY, first) == credited(first, ORDINARY) == wanted
    equal = {**first, "announcements": [{**first["announcements"][0],
             "announced": ORDINARY["announcements"][0]["announced"]}]}  # fmt: skip
    wanted = [("w1", 4 * 3600), ("w2", 3600)]
    assert credited(ORDINARY, equal) == credited(equal, ORDINARY) == wanted


def test_windows_of_other_services_exclude_nothing() -> None:
    assert excluded({**ORDINARY, "services": ["other"]}) == {}
    assert excluded({**ORDINARY, "services": ["other", "erp"]}) != {}


def test_a_window_over_the_end_of_a_year_counts_in_each_for_its_part() -> None:
    one = window(
        "w", "ordinary", "2026-12-31T23:00:00+01:00", "2027-01-01T02:00:00+01:00",
        announced="2026-12-01T00:00:00Z",
    )  # fmt: skip
    body = {"contract": {}, "windows": [one], "at": "2027-06-01T00:00:00Z"}
    lengths = []
    for named in (2026, 2027):
        body["contract"] = {
            "id": "c", "title": "C", "year_start": "2026-01-01",
            "service_hours": {"weekly": {"mon": ["09:00-10:00"]}},
        }  # fmt: skip
        found = year_of({**body, "year": named}).maintenance.of("erp").total
        lengths.append(found.length() // SECOND)
    assert lengths == [3600, 7200]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            {**ORDINARY, "announcements": [{
                "announced": "2026-06-01T00:00:00Z", "start": "2026-06-04T00:00:00Z",
                "end": "2026-06-04T00:00:00Z"}]},
            "does not end after its start",
        ),
        (
            {**ORDINARY, "announcements": [*ORDINARY["announcements"], {
                "announced": "2026-06-03T04:30:00+02:00",
                "start": "2026-06-09T00:00:00Z", "end": "2026-06-09T01:00:00Z"}]},
            "came when it was over",
        ),
        (
            {**CANCELLED, "announcements": [*CANCELLED["announcements"], {
                "announced": "2026-07-03T00:00:00Z",
                "start": "2026-08-09T00:00:00Z", "end": "2026-08-09T01:00:00Z"}]},
            "came after the cancellation",
        ),
        ({**UPGRADE, "peak_notice": None}, "no peak notice"),
        ({**UPGRADE, "peak_notice": "2026-06-08T00:00:00Z"}, "came after the start"),
        ({**UPGRADE, "peak_notice": "2026-06-06T00:00:00Z"}, "late: 0 working days"),
    ],
)  # fmt: skip
def test_what_the_desk_would_have_refused_is_computed_with_a_warning(
    one: dict[str, Any], said: str
) -> None:
    found = year(one)
    file, faults = windows_of_data([one], name="w")
    assert not faults
    texts = warnings(file.windows, found.rules, at=parse_instant(AT))
    shown = [translator("en").render(text) for text in texts]
    assert len(shown) == 1
    assert shown[0].startswith("window w1: ")
    assert said in shown[0]


def test_nothing_is_said_of_what_is_not_known_yet() -> None:
    one = {**UPGRADE, "peak_notice": None}
    found = year(one, at="2026-05-01T00:00:00Z")
    assert found.maintenance.assessments == ()
    assert list(found.maintenance.of("erp").total) == []


def test_the_explanation_says_one_day_two_needed() -> None:
    found = year(SHORT)
    start, end = (
        parse_instant(SHORT["announcements"][0][key]) for key in ("start", "end")
    )
    account = found.account("erp", [(State.UP, found.period[0]), (State.DOWN, start),
                                    (State.UP, end)])  # fmt: skip
    told = explain(account, WindowRules(account.contract)).refused
    assert [share.down for share in told] == [18_000 * SECOND]
    said = [translator("en").render(share.why) for share in told]
    assert said == ["announced 1 calendar day ahead, 2 needed"]
    said = [translator("it").render(share.why) for share in told]
    assert said == ["annunciata con 1 giorno di calendario di anticipo, ne servono 2"]


def test_a_year_of_excluded_time_has_no_ratios() -> None:
    one = window(
        "w", "ordinary", "2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00",
        announced="2025-12-01T00:00:00Z",
    )  # fmt: skip
    account = year(one).account("erp", ())
    assert (account.availability, account.worst_case, account.met) == (None, None, None)
    assert account.coverage == 1
    assert account.budget.burn_rate == 0
    calendar = year(one, uptime={"basis": "calendar"}).account("erp", ())
    assert calendar.coverage == Fraction(1)
    assert calendar.counted == 364 * DAY


def test_the_rules_need_no_window_to_know_their_contract() -> None:
    assert WindowRules(contract()).contract.id == "a-contract"
