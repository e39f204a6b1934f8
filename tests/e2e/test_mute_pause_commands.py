"""`mute`, `pause`, their ends and `why`, told to a real agent."""

import json
import os
import pwd
import re
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from scudo_agent.agent.control import SOCKET, address
from scudo_agent.clock import SystemClock
from scudo_agent.instant import HOUR, Instant, format_instant
from support.json_page import MUTES, WHY, validator
from support.programs import call
from support.real_agent import RealAgent

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RealAgent]:
    # Longer than a socket's name may be.
    folder = tmp_path / ("deep" * 25)
    folder.mkdir()
    with closing(RealAgent(folder)) as agent:
        agent.start()
        agent.until_state("up")
        yield agent


def tell(agent: RealAgent, *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command about the agent's site."""
    site = (
        (str(agent.site),) if words[0] == "maintenance" else ("--site", str(agent.site))
    )
    where = (*site, "--state", str(agent.state))
    done = call(*words, *where)
    return done.returncode, done.stdout, done.stderr


def said(agent: RealAgent, *words: str) -> str:
    """The output of a command that must succeed."""
    code, out, err = tell(agent, *words)
    assert code == 0, err
    return out


def document(agent: RealAgent) -> dict[str, Any]:
    found = agent.status()
    assert found is not None
    return found


def until_page(agent: RealAgent, holds: Callable[[str], bool]) -> None:
    """Wait until it holds of the desk's list of tickets, read by a person."""
    done = call("desk", "login", str(agent.site))
    assert done.returncode == 0, done.stderr
    link = httpx.URL(done.stdout.strip())
    with httpx.Client(follow_redirects=True, trust_env=False) as client:
        assert client.get(link).status_code == 200
        agent.until(lambda: holds(client.get(link.join("/")).text), "the page is so")


def test_a_mute_holds_the_ticket_over_a_kill_until_it_is_ended(
    agent: RealAgent,
) -> None:
    told = said(agent, "mute", "erp", "2h", "--reason", "changing the disk")
    assert f"by {ME}: changing the disk" in told
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d, by", told)
    agent.erp.close()
    agent.until_state("down")
    assert agent.check()["held"] != []
    assert agent.tickets() == []
    assert "erp is muted until" in said(agent, "status")
    assert "its ticket waits for the end of the mute" in said(agent, "why", "erp")
    until_page(agent, lambda text: "changing the disk" in text)

    agent.end(signal.SIGKILL)
    assert (agent.state / SOCKET).exists(), "left behind, and no harm"
    agent.start()
    agent.until_state("down")
    assert agent.tickets() == []
    [mute] = document(agent)["mutes"]
    assert (mute["name"], mute["actor"]) == ("erp", ME)

    said(agent, "unmute", "erp")
    until_page(agent, lambda text: "changing the disk" not in text)
    ticket = agent.until_ticket("bad")
    told = json.dumps(ticket["history"])
    assert "Its tickets were muted until now: changing the disk" in told
    why = json.loads(said(agent, "why", "erp", "--json"))
    validator(WHY).validate(why)
    [incident] = why["incidents"]
    assert incident["ticket"] == ticket["ref"]
    assert incident["stages"][0]["kind"] == "open"
    assert why["checks"][0]["first_bad"] == ticket["since"]


def test_an_open_ticket_is_kept_and_told_of_the_mute(agent: RealAgent) -> None:
    agent.erp.close()
    agent.until_ticket("bad")

    told = json.loads(
        said(agent, "mute", "erp/db", "1h", "--reason", "known", "--json")
    )

    validator(MUTES).validate(told)
    assert told["tickets"] == [agent.tickets()[0]["ref"]]
    # A second one, for longer, says it in words.
    words = said(agent, "mute", "erp/db", "2h", "--reason", "known")
    assert f"keeps its ticket: {agent.tickets()[0]['ref']}" in words
    agent.until(
        lambda: f"{ME} muted erp/db" in json.dumps(agent.ticket()["history"]),
        "the ticket knows of the mute",
    )


def test_a_pause_stops_probing_and_resume_goes_on(agent: RealAgent) -> None:
    told = said(agent, "pause", "crm/db", "1h", "--reason", "moved")
    assert "not probed meanwhile, hence unknown: crm/db" in told
    agent.until_state("unknown", "crm/db")
    agent.crm.close()
    last = agent.check("crm/db")["last"]
    agent.erp.close()
    agent.until_state("down")  # several runs later
    paused = agent.check("crm/db")
    assert (paused["state"], paused["last"]) == ("unknown", last)
    assert "crm/db is paused until" in said(agent, "status")

    agent.crm.open()
    ended = json.loads(said(agent, "resume", "crm/db", "--json"))
    validator(MUTES).validate(ended)
    assert ended["orders"][0]["kind"] == "pause"
    agent.until_state("up", "crm/db")
    assert document(agent)["pauses"] == []


NONSENSE = (
    (("mute", "erq", "2h", "--reason", "x"), "did you mean 'erp'?"),
    (("mute", "erp", "2 moons", "--reason", "x"), "is not a duration"),
    (("mute", "erp", "31d", "--reason", "x"), "from 1 s to 30 days"),
    (("mute", "erp", "2h", "--reason", " "), "a reason is needed"),
    (("mute", "erp", "2h", "--reason", "x" * 301), "longer than 300 characters"),
    (("unmute", "erp"), "'erp' is not muted"),
    (("resume", "erp"), "'erp' is not paused"),
    (("why", "erq"), "'erq' is no service of acme-milano; it has erp"),
)


def test_what_cannot_be_meant_is_one_line(agent: RealAgent) -> None:
    for words, what in NONSENSE:
        code, out, err = tell(agent, *words)
        assert (code, out) == (2, ""), words
        assert what in err
        assert len(err.splitlines()) == 1


def test_the_socket_is_the_owners_alone_and_takes_no_nonsense(
    agent: RealAgent,
) -> None:
    mode = (agent.state / SOCKET).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600

    for line, error in (
        (b"mute everything\n", "no JSON"),
        (b"[1]\n", "no JSON object"),
        (b'{"do": "reboot"}\n', "'reboot' is nothing"),
        (b'{"do": "mute", "what": 3}\n', "'what' of the request is no text"),
        (b'{"do": "mute", "what": "erp", "for_us": true}\n', "no whole number"),
        (b"x" * 70_000 + b"\n", "too long"),
    ):
        with socket.socket(socket.AF_UNIX) as one, address(agent.state) as name:
            one.connect(name)
            one.sendall(line)
            answer = json.loads(one.makefile().readline())
        assert answer["ok"] is False
        assert error in answer["error"]
    assert document(agent)["mutes"] == []


def test_without_an_agent_it_says_so(tmp_path: Path) -> None:
    with closing(RealAgent(tmp_path)) as agent:
        agent.start()
        agent.until_state("up")
        said(agent, "mute", "erp", "1h", "--reason", "night")
        assert agent.end() == 0
        assert not (agent.state / SOCKET).exists()

        code, _, err = tell(agent, "pause", "erp", "1h", "--reason", "x")
        assert code == 1
        assert "no agent runs on" in err
        for command in ("status", "tickets", "uptime", "doctor"):
            assert "night" in tell(agent, command)[1], command
        assert "as it was when the agent stopped" in said(agent, "why", "erp")


def test_a_window_that_begins_now_holds_the_ticket_at_once(agent: RealAgent) -> None:
    """The command has the agent ask its desk, and not only in half a minute."""
    now = SystemClock().wall()
    code, _, err = tell(
        agent,
        *("maintenance", "add", "--kind", "extraordinary", "--services", "erp"),
        *("--start", format_instant(now), "--end", format_instant(Instant(now + HOUR))),
        *("--reason", "urgent", "--yes"),
    )
    assert code == 0, err
    agent.until(lambda: document(agent)["windows"] != [], "it knows the window")
    agent.erp.close()
    agent.until_state("down")
    assert agent.tickets() == []
    [held] = agent.check()["held"]
    [window] = document(agent)["windows"]
    validator(WHY).validate(json.loads(said(agent, "why", "erp", "--json")))
    assert held == f"window:{window['window']}"
    assert f"window {window['window']}" in said(agent, "status")
    assert "window" in tell(agent, "doctor")[1]
