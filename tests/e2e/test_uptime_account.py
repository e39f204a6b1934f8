"""`uptime` of an agent that really ran: what anyone can compute again, to the digit."""

import csv
import io
import json
import mailbox
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from support.programs import environment
from support.real_agent import RealAgent

CONTRACT = """\
id: acme-2026
title: ACME
year_start: 2026-01-01
uptime: {target: 99.9}
service_hours: {weekly: {mon-fri: ["09:00-18:00"]}}
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RealAgent]:
    found = RealAgent(tmp_path)
    text = found.site.read_text()
    text = text.replace("customer: {", "contract: contract.yaml\ncustomer: {")
    text = text.replace("contracted: false", "contracted: true")
    text += "  crm: {contracted: false, checks: [crm/db]}\n"
    found.site.write_text(text)
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    yield found
    found.close()


def call(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "scudo_agent", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment()},
    )
    assert done.returncode == 0, done.stderr
    return done


def exact(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def an_outage_and_a_kill(agent: RealAgent) -> None:
    """Up, down, up; killed; up again; stopped."""
    agent.start()
    agent.until_state("up")
    agent.erp.close()
    agent.until_state("down")
    agent.erp.open()
    agent.until_state("up")
    agent.end(signal.SIGKILL)
    agent.start()
    agent.until_state("up")
    assert agent.end() == 0


def test_the_account_is_the_one_of_the_exported_files(agent: RealAgent) -> None:
    an_outage_and_a_kill(agent)
    folder = agent.folder
    where = ("--site", str(agent.site))
    files = {
        "--history-jsonl": folder / "h.jsonl",
        "--windows-jsonl": folder / "w.jsonl",
        "--statement": folder / "s.json",
        "--html": folder / "s.html",
    }
    asked = [word for option, path in files.items() for word in (option, str(path))]
    shown = exact(call("uptime", *where, "--json", *asked).stdout)
    erp, crm = shown
    assert (erp["service"], erp["contracted"]) == ("erp", True)
    assert (crm["service"], crm["contracted"]) == ("crm", False)
    assert erp["seconds"]["down"] > 0
    assert erp["seconds"]["unknown"] > 0
    assert "coverage" in crm
    assert "availability" not in crm

    again = call(
        *("contract", "uptime", str(folder / "contract.yaml"), "--at", erp["at"]),
        *("--history", str(folder / "h.jsonl"), "--windows", str(folder / "w.jsonl")),
        "--json",
    )
    (computed,) = exact(again.stdout)
    assert {key: erp[key] for key in computed} == computed

    call("contract", "uptime", "--verify", str(folder / "s.json"))
    page = (folder / "s.html").read_text("utf-8")
    assert "<script" not in page
    assert " style=" not in page
    assert "erp" in page


def test_the_account_on_the_screen_and_as_csv(agent: RealAgent) -> None:
    an_outage_and_a_kill(agent)
    where = ("--site", str(agent.site))
    said = call("uptime", *where).stdout
    assert "you may still be down " in said
    assert "an unannounced stop of 4 h now would leave " in " ".join(said.split())
    assert "measured from " in said  # what is not contracted
    month = exact(call("uptime", *where, "--json").stdout)[0]["at"][:7]
    (row, other) = csv.DictReader(
        io.StringIO(call("uptime", *where, "--csv", "--month", month).stdout)
    )
    assert row["service"] == "erp"
    assert Decimal(row["seconds_down_counted"]) > 0
    assert row["month_month"] == month
    assert row["month_seconds_down_counted"] == row["seconds_down_counted"]
    assert other["availability"] == ""


def test_without_a_contract_there_is_no_account(tmp_path: Path) -> None:
    agent = RealAgent(tmp_path)
    try:
        agent.start()
        agent.until_state("up")
        assert agent.end() == 0
        done = subprocess.run(
            [
                *(sys.executable, "-m", "scudo_agent", "uptime"),
                *("--site", str(agent.site), "--html", str(tmp_path / "s.html")),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment()},
        )
    finally:
        agent.close()
    assert done.returncode == 2
    assert "has no contract here" in done.stderr
    assert not (tmp_path / "s.html").exists()


def test_a_running_agent_tells_what_is_left(agent: RealAgent) -> None:
    agent.start()
    agent.until_state("up")
    agent.until(lambda: budget(agent) is not None, "it has accounted")
    agent.erp.close()
    agent.until_ticket("bad")
    agent.erp.open()
    agent.until_ticket("recovered")
    # Whoever asks has the figures of that instant, and nobody waits half a minute.
    document = agent.status()
    assert document is not None
    found = budget(agent)
    assert found is not None
    assert found["at"] >= document["at"]
    assert found["used"] > 0
    assert found["remaining"] == pytest.approx(found["allowed"] - found["used"])
    with urlopen(f"{agent.url()}/metrics", timeout=60) as reply:
        text = reply.read().decode()
    lost = [one for one in text.splitlines() if 'class="down_counted"' in one]
    assert float(lost[0].split()[-1]) == pytest.approx(found["used"])
    mails = agent.folder / "state" / "mail"
    agent.until(lambda: "Costo" in recovery(mails), "the recovery says what it cost")
    assert "del monte annuo: restano 8 h" in recovery(mails)
    shown = call("status", "--site", str(agent.site)).stdout
    assert re.search(r"promised 99\.9\s?%: 8 h .* left", shown), shown


def budget(agent: RealAgent) -> dict[str, Any] | None:
    services = (agent.status() or {"services": ()})["services"]
    return next((one["budget"] for one in services if one["service"] == "erp"), None)


def recovery(folder: Path) -> str:
    """The text of the recovery's mail; empty before it is there."""
    message: Any
    for message in mailbox.Maildir(folder):
        if ".recover" in str(message["Message-ID"]):
            body = message.get_payload()[0].get_payload(decode=True).decode()
            return " ".join(body.split())
    return ""
