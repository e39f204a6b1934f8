"""`maintenance` against real processes: a desk in its agent, and a desk by itself."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from scudo_agent.clock import SystemClock
from scudo_agent.instant import to_datetime
from support.patience import wait_until
from support.programs import call, data
from support.real_agent import RealAgent
from support.remote_desk import prepare_remote, running_desk

LIMIT_S = 60.0
CONTRACT = """\
id: prova
title: Prova
year_start: 2026-01-01
service_hours: {weekly: {mon-fri: ["09:00-18:00"]}}
"""


def night(days: int) -> tuple[str, ...]:
    """`--start` and `--end` of a night that lies so many days ahead in Rome."""
    rome = ZoneInfo("Europe/Rome")
    today = to_datetime(SystemClock().wall()).astimezone(rome)
    begin = today.replace(hour=22, minute=0, second=0, microsecond=0)
    begin += timedelta(days=days)
    # Four hours that pass, also in the night in which the clock is changed.
    end = (begin.astimezone(UTC) + timedelta(hours=4)).astimezone(rome)
    return "--start", begin.isoformat(), "--end", end.isoformat()


def mails(folder: Path) -> list[str]:
    """Subjects of the mails in a Maildir."""
    found = sorted(folder.glob("**/new/*"))
    return [
        str(message_from_bytes(path.read_bytes(), policy=default)["Subject"])
        for path in found
    ]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RealAgent]:
    """An agent with its desk and a contract."""
    with closing(RealAgent(tmp_path)) as made:
        text = made.site.read_text()
        made.site.write_text(
            text.replace("desk: embedded", "desk: embedded\ncontract: contract.yaml")
        )
        (tmp_path / "contract.yaml").write_text(CONTRACT)
        yield made


def test_a_window_lives_at_the_desk_of_a_running_agent(
    agent: RealAgent, tmp_path: Path
) -> None:
    words = ("--kind", "ordinary", "--services", "erp", "--reason", "Aggiornamento")
    site = str(agent.site)
    stopped = call("maintenance", "add", site, *words, *night(10), "--yes")
    assert stopped.returncode == 1
    assert "start it with 'scudo-agent run'" in stopped.stderr
    agent.start()
    done = call("maintenance", "add", site, *words, *night(10), "--yes")
    assert done.returncode == 0, done.stderr
    assert "excluded  4 h: announced 10 calendar days ahead, 2 needed" in done.stdout
    [window] = data("maintenance", "list", site)["windows"]
    name = window["id"]
    assert window["services"] == ["erp"]
    moved = call("maintenance", "move", name, site, *night(12), "--yes")
    assert moved.returncode == 0, moved.stderr
    # What was announced outlives an agent that is killed.
    agent.running.kill()
    agent.running.wait()
    agent.start()
    [window] = data("maintenance", "list", site)["windows"]
    assert len(window["announcements"]) == 2
    told = data("maintenance", "explain", name, site)
    assert told["excluded_seconds"] == 4 * 3600
    gone = call("maintenance", "cancel", name, site, "--reason", "rinviato", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert data("maintenance", "list", site)["windows"] == []
    [event] = Calendar.from_ical(call("maintenance", "export", site).stdout).events
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 2)
    agent.until(lambda: len(mails(agent.state)) == 3, "three mails", limit_s=LIMIT_S)
    assert all(f"[{name}]" in subject for subject in mails(agent.state))
    assert agent.end() == 0


def test_a_series_is_announced_at_a_desk_elsewhere(tmp_path: Path) -> None:
    demo = prepare_remote(tmp_path)
    site = str(demo.site_path)
    until = date.fromisoformat(night(70)[1][:10])
    words = (
        *("--kind", "extraordinary", "--services", "*", "--reason", "Copie"),
        *("--every", "every saturday 22:00-02:00", "--until", until.isoformat()),
    )
    with running_desk(demo):
        done = call("maintenance", "add", site, *words, "--yes", "--json")
        assert done.returncode == 0, done.stderr
        windows = json.loads(done.stdout)["windows"]
        assert 9 <= len(windows) <= 11
        series = windows[0]["series"]
        listed = data("maintenance", "list", site)
        assert listed["windows"] == windows
        gone = call("maintenance", "cancel", series, site, "--reason", "x", "--yes")
        assert gone.returncode == 0, gone.stderr
        assert f"{series}  cancelled: {len(windows)} windows" in gone.stdout
        folder = demo.folder
        assert wait_until(lambda: len(mails(folder)) == 2, limit_s=LIMIT_S)
    assert all(f"[{series}]" in subject for subject in mails(folder))
