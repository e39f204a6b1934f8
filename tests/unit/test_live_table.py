"""The live table on terminals of all widths."""

from typing import Any

import pytest
from rich.console import Console

from scudo_agent.cli.foreground import _picture
from scudo_agent.cli.screen import Screen

AT = "2026-11-23T09:41:50Z"


def document() -> dict[str, Any]:
    """A site in an outage, with a ticket."""
    check = {
        "check": "erp/db",
        "state": "degraded",
        "since": "2026-11-22T01:00:00Z",
        "failing": 0,
        "confirm": 3,
        "last": AT,
        "seen": {"id": "{where} is slow", "values": {"where": "192.0.2.10:5432"}},
        "warned": None,
    }
    return {
        "site": "acme-milano",
        "customer": "ACME S.p.A.",
        "at": AT,
        "live": True,
        "isolated_since": None,
        "clock": {"offset_us": 0},
        "store_error": None,
        "desk": {"error": None, "waiting": 0},
        "services": [],
        "checks": [check],
        "incidents": [
            {"subject": "check:erp/db", "severity": 2, "ticket": "SC-7F3K-9QZ2"}
        ],
        "events": [],
    }


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_state_is_never_cut(width: int) -> None:
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(_picture(Screen("Europe/Rome"), document(), ()))
    text = capture.get()
    assert "◐ degraded" in text
    assert "1 d 8 h" in text
    assert all(len(line) <= width for line in text.splitlines())


@pytest.mark.parametrize("width", [60, 80])
def test_a_login_link_is_never_cut(width: int) -> None:
    link = "http://127.0.0.1:8080/in/K7QM2-P4DVX"
    foot = (f"desk     http://127.0.0.1:8080   first login {link} (once)",)
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(_picture(Screen("Europe/Rome"), document(), foot))
    assert link in capture.get().replace("\n", "")
