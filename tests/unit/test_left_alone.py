"""What is muted, paused or in a window stands in the table and in the metrics."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scudo_agent.cli.left_alone import LeftAlone
from scudo_agent.cli.screen import Screen
from scudo_agent.instant import parse_instant
from scudo_agent.model import State
from scudo_agent.telemetry.metrics import Metrics, ServiceSnapshot
from support.snapshots import snapshot

LEFT = ("scudo_service_muted", "scudo_service_paused", "scudo_window_open")
AT = "2026-03-02T09:04:18Z"


def order(kind: str, scope: str, name: str, *checks: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "scope": scope,
        "name": name,
        "until": "2026-03-02T11:30:00Z",
        "reason": "disk",
        "actor": "anna",
        "checks": list(checks),
    }


def table(**left: Any) -> tuple[dict[str, str], list[str]]:
    """Remarks by name, and the lines above the table."""
    services = [
        {
            "service": name,
            "title": {"en": name.upper()},
            "state": "up",
            "since": AT,
            "need": "all",
            "promise": None,
            "checks": checks,
        }
        for name, checks in (("erp", ["erp/web", "erp/db"]), ("crm", ["crm/web"]))
    ]
    checks = [
        {
            "check": path,
            "state": "up",
            "since": AT,
            "failing": 0,
            "confirm": 3,
            "last": None,
            "seen": None,
        }
        for path in ("erp/web", "erp/db", "crm/web")
    ]
    document = {
        "site": "prova",
        "customer": "ACME",
        "at": AT,
        "live": True,
        "isolated_since": None,
        "clock": {"offset_us": 0},
        "store_error": None,
        "desk": {"error": None, "waiting": 0},
        "services": services,
        "checks": checks,
        "incidents": [
            {"subject": "service:erp", "severity": 1, "ticket": "SC-1"},
        ],
        "mutes": [],
        "pauses": [],
        "windows": [],
    } | left
    screen = Screen("Europe/Rome")
    rows = {row.name.strip(): row.remark for row in screen.rows(document)}
    return rows, list(screen.head(document))[1:]


@pytest.mark.parametrize(
    ("left", "remarks"),
    [
        (
            {"mutes": [order("mute", "service", "erp", "erp/web", "erp/db")]},
            {"ERP": "severity 1 SC-1, muted"},
        ),
        (
            {"mutes": [order("mute", "check", "erp/db", "erp/db")]},
            {"ERP": "severity 1 SC-1, partly muted", "erp/db": "muted"},
        ),
        (
            {"pauses": [order("pause", "service", "crm", "crm/web")]},
            {"CRM": "paused", "crm/web": "paused", "ERP": "severity 1 SC-1"},
        ),
        (
            {
                "windows": [
                    {
                        "window": "w1",
                        "kind": "ordinary",
                        "services": ["*"],
                        "until": AT,
                        "reason": "",
                    }
                ]
            },
            {"ERP": "severity 1 SC-1, window w1", "CRM": "window w1"},
        ),
    ],
)
def test_the_table_marks_them(left: dict[str, Any], remarks: dict[str, str]) -> None:
    rows, _ = table(**left)
    marked = {name: said for name, said in rows.items() if said}
    assert marked == {"ERP": "severity 1 SC-1"} | remarks


def test_the_lines_say_until_when_by_whom_and_why() -> None:
    window = {
        "window": "w1",
        "kind": "upgrade",
        "services": ["*"],
        "until": "2026-03-05T11:30:00Z",
        "reason": "new disks",
    }
    _, lines = table(
        mutes=[order("mute", "service", "erp")],
        pauses=[order("pause", "check", "crm/web", "crm/web")],
        windows=[window],
    )
    assert lines == [
        "erp is muted until 12:30, by anna: disk",
        "crm/web is paused until 12:30, by anna: disk",
        "upgrade window w1 until 05 Mar 12:30, everything: new disks",
    ]


PLANNED = {
    "window": "w2",
    "kind": "ordinary",
    "services": ["erp"],
    "start": "2026-03-05T21:00:00Z",
    "end": "2026-03-06T01:00:00Z",
    "reason": "new disks",
    "excluded": 14_400,
}


def test_the_next_planned_window_says_what_it_covers_and_takes() -> None:
    later = PLANNED | {"window": "w3"}
    _, lines = table(planned=[PLANNED])
    assert lines == [
        "ordinary window w2 is planned, 05 Mar 22:00 – 06 Mar 02:00, erp: new disks; "
        "4 h of it will be excluded"
    ]
    _, lines = table(planned=[PLANNED | {"excluded": 0}, later])
    assert lines[0].endswith("nothing of it will be excluded")
    assert lines[1:] == ["one more window is planned"]


def test_an_open_window_says_what_of_it_is_excluded() -> None:
    window = {
        "window": "w1",
        "kind": "ordinary",
        "services": ["*"],
        "until": "2026-03-02T11:30:00Z",
        "reason": "",
        "excluded": 5_400,
    }
    _, lines = table(windows=[window, window | {"excluded": 0}])
    assert lines == [
        "ordinary window w1 until 12:30, everything; 1 h 30 min of it is excluded",
        "ordinary window w1 until 12:30, everything; nothing of it is excluded",
    ]


def test_the_lines_in_italian_have_no_english_left() -> None:
    window = PLANNED | {"until": "2026-03-05T11:30:00Z", "services": ["*"]}
    document = {
        "mutes": [order("mute", "service", "erp")],
        "pauses": [order("pause", "check", "crm/web", "crm/web")],
        "windows": [window],
        "planned": [PLANNED, PLANNED],
    }
    lines = LeftAlone("Europe/Rome", "it").lines(document, parse_instant(AT))
    assert list(lines) == [
        "erp: ticket sospesi fino alle 12:30, da anna: disk",
        "crm/web: controlli fermi fino alle 12:30, da anna: disk",
        "finestra ordinaria w2 fino al 05 mar alle 12:30, tutto: new disks; "
        "tempo escluso: 4 h",
        "finestra ordinaria w2 prevista, 05 mar 22:00 – 06 mar 02:00, erp: "
        "new disks; tempo che sarà escluso: 4 h",
        "un’altra finestra è prevista",
    ]


def test_a_document_of_an_older_agent_has_none() -> None:
    rows, lines = table(mutes=(), pauses=(), windows=())
    assert (rows["CRM"], lines) == ("", [])


def test_the_metrics_have_one_series_for_each_service_and_kind() -> None:
    since = parse_instant(AT)
    services = [
        ServiceSnapshot(
            id="erp",
            contracted=True,
            state=State.DOWN,
            since=since,
            muted=True,
            windows=frozenset({"upgrade"}),
        ),
        ServiceSnapshot(
            id="crm", contracted=False, state=State.UP, since=since, paused=True
        ),
    ]
    metrics = Metrics(customer="acme", site="prova", version="1")
    metrics.publish(snapshot(services=services))
    text = metrics.exposition()[0].decode()
    found = {
        (
            sample.name.removeprefix("scudo_"),
            sample.labels["service"],
            kind,
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in LEFT
        for kind in [sample.labels.get("kind", "")]
    }

    kinds = ("ordinary", "extraordinary", "upgrade", "occasional")
    open_ = {
        ("window_open", name, kind): 0 for name in ("erp", "crm") for kind in kinds
    }
    assert found == open_ | {
        ("window_open", "erp", "upgrade"): 1,
        ("service_muted", "erp", ""): 1,
        ("service_muted", "crm", ""): 0,
        ("service_paused", "erp", ""): 0,
        ("service_paused", "crm", ""): 1,
    }
