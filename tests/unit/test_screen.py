"""The terminal's table and lines, from a status document."""

from typing import Any

import pytest

from scudo_agent.cli.screen import Screen, plain, span
from scudo_agent.instant import DAY, HOUR, MINUTE, SECOND
from scudo_agent.text import T

AT = "2026-03-02T09:04:18Z"


def check(path: str, **more: Any) -> dict[str, Any]:
    known = {
        "check": path,
        "kind": "tcp",
        "state": "up",
        "since": "2026-03-02T09:04:12Z",
        "failing": 0,
        "confirm": 3,
        "last": "2026-03-02T09:04:17Z",
        "result": "good",
        "seen": T("it answers").to_json(),
        "warned": None,
        "last_good": None,
    }
    return known | more


def document(**more: Any) -> dict[str, Any]:
    known = {
        "site": "prova",
        "customer": "ACME S.p.A.",
        "zone": "Europe/Rome",
        "live": True,
        "at": AT,
        "isolated_since": None,
        "clock": {"offset_us": 0},
        "store_error": None,
        "services": [
            {
                "service": "erp",
                "title": {"it": "Gestionale", "en": "ERP"},
                "state": "up",
                "since": "2026-03-02T08:04:12Z",
                "contracted": True,
                "need": "any",
                "promise": None,
                "checks": ["erp/web", "erp/db"],
            }
        ],
        "checks": [check("erp/web"), check("erp/db"), check("here/disk")],
        "incidents": [],
        "desk": {"error": None, "waiting": 0},
        "events": [],
    }
    return known | more


def table(doc: dict[str, Any]) -> str:
    return "\n".join(plain(Screen("Europe/Rome").rows(doc)))


def test_services_come_with_their_checks_and_the_rest_below() -> None:
    names = [row.name for row in Screen("Europe/Rome").rows(document())]
    assert names == ["ERP", "  erp/web", "  erp/db", "in no service", "  here/disk"]


def test_a_row_tells_state_by_shape_and_word_and_how_long() -> None:
    line = table(document()).splitlines()[2]
    assert line.split() == ["erp/web", "●", "up", "0:06", "1", "s", "it", "answers"]


def test_a_failure_that_is_being_confirmed_is_counted() -> None:
    failing = check("erp/web", failing=2, seen=T("connection refused").to_json())
    doc = document(checks=[failing, check("erp/db"), check("here/disk")])
    assert "failing 2 of 3: connection refused" in table(doc)


def test_an_open_incident_stands_beside_its_subject_with_its_ticket() -> None:
    incidents = [
        {"subject": "service:erp", "severity": 1, "ticket": "SC-7F3K-9QZ2"},
        {"subject": "warn:here/disk", "severity": 3, "ticket": None},
        {"subject": "agent", "severity": None, "ticket": None},
    ]
    lines = table(document(incidents=incidents)).splitlines()
    assert lines[1].endswith("severity 1 SC-7F3K-9QZ2")
    assert lines[-1].endswith("warning, severity 3")


def test_a_forecast_says_when_the_limit_is_reached() -> None:
    # Half an hour past midnight in Rome.
    foreseen = {"likely": "2026-04-16T22:30:00Z", "early": "", "late": None}
    disk = check("here/disk", forecast=foreseen)
    incident = {"subject": "forecast:here/disk", "severity": 3, "ticket": "SC-1"}
    doc = document(checks=[check("erp/web"), check("erp/db"), disk])
    line = table(doc | {"incidents": [incident]}).splitlines()[-1]
    assert "it answers; limit reached 2026-04-17" in line
    assert line.endswith("forecast, severity 3 SC-1")


def test_the_head_says_what_is_wrong_with_the_agent_itself() -> None:
    doc = document(
        isolated_since="2026-03-02T09:00:00Z",
        clock={"offset_us": -3600 * SECOND},
        store_error="database or disk is full",
        desk={"error": T("no answer").to_json(), "waiting": 4},
    )
    head = "\n".join(Screen("Europe/Rome").head(doc))
    for said in (
        "isolated since 10:00:00",
        "-3600.0 s off",
        "nothing is stored: database or disk is full",
        "4 events wait (no answer)",
    ):
        assert said in head


def test_a_stopped_agents_status_says_how_old_it_is() -> None:
    doc = document(live=False, stopped="not cleanly", read_at="2026-03-02T09:24:18Z")
    (head,) = Screen("Europe/Rome").head(doc)
    assert "stopped (not cleanly)" in head
    assert "as it was at 10:04:18, 20:00 ago" in head
    assert head.startswith("prova · ACME S.p.A. · Europe/Rome · ")


def test_an_agent_that_runs_and_is_silent_is_not_called_stopped() -> None:
    doc = document(
        live=False, stopped="not cleanly", read_at="2026-03-02T09:24:18Z", silent_pid=7
    )
    (head,) = Screen("Europe/Rome").head(doc)
    assert "the agent runs (pid 7), but is silent: as it was" in head
    assert "stopped" not in head


def test_a_line_of_what_happened_is_dated_back() -> None:
    line = {
        "n": 1,
        "at": 1_772_442_262 * SECOND,
        "since": 1_772_442_252 * SECOND,
        "name": "erp/web",
        "word": "DOWN",
        "detail": T("connection refused").to_json(),
    }
    (text,) = Screen("Europe/Rome").events([line])
    assert text.split() == [
        *("10:04:22", "erp/web", "DOWN", "since", "10:04:12;"),
        *("connection", "refused"),
    ]


@pytest.mark.parametrize(
    ("us", "said"),
    [
        (6 * SECOND, "0:06"),
        (12 * MINUTE + 41 * SECOND, "12:41"),
        (HOUR - 1, "59:59"),
        (3 * HOUR + 5 * MINUTE, "3 h 05"),
        (2 * DAY + 4 * HOUR, "2 d 4 h"),
    ],
)
def test_spans_are_short(us: int, said: str) -> None:
    assert span(us) == said


def test_nothing_a_device_says_breaks_the_line() -> None:
    seen = T("{said}", said="a\nb\x1b[31mc").to_json()
    doc = document(checks=[check("erp/web", seen=seen), check("erp/db")], services=[])
    lines = table(doc).splitlines()
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("renews_itself", [True, False])
def test_a_key_that_only_people_can_renew_is_told_once_it_is_due(
    renews_itself: bool,
) -> None:
    key = {
        "in": "env:SCUDO_KEY",
        "since": "2026-02-20T09:04:18Z",
        "due": True,
        "renews_itself": renews_itself,
    }
    doc = document(desk={"error": None, "waiting": 0, "key": key})
    head = "\n".join(Screen("Europe/Rome").head(doc))
    said = "the key in env:SCUDO_KEY is 10 d 0 h old, and the agent cannot renew it"
    assert (said in head) != renews_itself
    key["due"] = False
    assert "cannot renew" not in "\n".join(Screen("Europe/Rome").head(doc))


def test_a_mode_of_a_later_desk_is_told() -> None:
    head = Screen("Europe/Rome").head(
        document(desk={"error": None, "waiting": 0, "mode": "read-only"})
    )
    assert "the desk is in a mode 'read-only'" in "\n".join(head)
