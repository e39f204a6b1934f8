"""The main job, from the first command to the mail of the recovery.

One demo on this machine, driven as a person would: start, break, kill, start
again, mend, Ctrl-C; then what is left in the store is asked and replayed. Once
with the desk in the agent's process, once with a desk of its own.
"""

import email
import email.policy
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.demo.site import prepare
from support.patience import patient
from support.programs import Program, call, data
from support.remote_desk import prepare_remote, running_desk

_FIRST_STATES_S = 10.0
_TICKET_S = 30.0
_STATED = re.compile(r"^\s+(\S+/\S+)\s+(?:\S )?(up|degraded|down|unknown)\b")


class Story:
    """One demo folder and the programs that were started for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events = folder.parent / "events.jsonl"
        self._started: list[Program] = []

    def start(self) -> Program:
        """`scudo-agent demo` in the folder, recording its events."""
        program = Program(
            *("demo", "--folder", str(self.folder), "--no-table"),
            *("--record", str(self.events)),
        )
        self._started.append(program)
        return program

    def order(self, *words: str) -> None:
        """`scudo-agent demo break web` and the like."""
        done = call("demo", "--folder", str(self.folder), *words)
        assert done.returncode == 0, done.stderr

    def site(self, *words: str) -> Any:
        """The JSON of a command about the demo's site."""
        return data(*words, "--site", str(self.folder / "site.yaml"))

    def ticket(self, subject: str) -> dict[str, Any]:
        """The only ticket of a subject."""
        (found,) = [t for t in self.site("tickets") if t["subject"] == subject]
        ticket: dict[str, Any] = found
        return ticket

    def mails(self, ref: str) -> list[Message]:
        """The mails of a ticket, oldest first."""
        files = sorted(
            (self.folder / "mail" / "new").glob("*"), key=lambda f: f.stat().st_mtime_ns
        )
        parsed = [
            email.message_from_bytes(f.read_bytes(), policy=email.policy.default)
            for f in files
        ]
        return [mail for mail in parsed if ref in mail["Subject"]]

    def close(self) -> None:
        """End what a failed test left."""
        for program in self._started:
            program.close()


@pytest.fixture
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    """A demo with an embedded desk, or with a `remote` one in another process."""
    with ExitStack() as stack:
        one = stack.enter_context(closing(Story(tmp_path / "demo")))
        if getattr(request, "param", "embedded") == "remote":
            stack.enter_context(running_desk(prepare_remote(one.folder)))
        yield one


def _has(*parts: str) -> Callable[[str], bool]:
    return lambda line: all(part in line for part in parts)


def _states(program: Program) -> dict[str, str]:
    found = (_STATED.match(line) for line in program.lines)
    return {match[1]: match[2] for match in found if match}


@pytest.mark.chaos
@pytest.mark.parametrize("story", ["embedded", "remote"], indirect=True)
def test_break_kill_start_again_mend_stop(story: Story) -> None:
    began = time.monotonic()
    demo = story.start()
    demo.until(_has("try ", "break web"), limit_s=30)
    assert time.monotonic() - began <= patient(_FIRST_STATES_S)
    states = _states(demo)
    assert states.pop("desk/answer", "up") == "up"  # watched where it is remote
    assert states == {
        "web/http": "up",
        "web/tls": "up",
        "gateway/ping": "up",
        "switch/uplink": "up",
        "here/disk": states["here/disk"],  # as full as this machine is
    }
    assert "(stand-in: as asked for)" in demo.text()
    demo.until(_has("web/tls", "severity 3"), limit_s=_TICKET_S)

    story.order("break", "web")
    broken = time.monotonic()
    demo.until(_has("web/http", "DOWN"), limit_s=_TICKET_S)
    demo.until(_has("severity 1", "(rule S1)"), limit_s=_TICKET_S)
    demo.until(_has("mail accepted: it@demo.example"), limit_s=_TICKET_S)
    assert time.monotonic() - broken <= patient(_TICKET_S)
    ticket = story.ticket("service:sito")
    assert (ticket["severity"], ticket["rule"]) == (1, "S1")

    assert demo.end(signal.SIGKILL) == -signal.SIGKILL
    demo = story.start()
    gap = demo.until(_has(" s not measured"), limit_s=30)
    gap_s = int(gap.split(" s not measured")[0].split()[-1])
    assert 0 < gap_s < patient(60)
    demo.until(_has("try ", "mend web"), limit_s=30)
    assert _states(demo)["web/http"] == "down"
    assert story.ticket("service:sito")["ref"] == ticket["ref"]

    story.order("mend", "web")
    demo.until(_has("web/http", " up "), limit_s=_TICKET_S)
    demo.until(_has(ticket["ref"], "mail accepted"), limit_s=_TICKET_S)
    assert demo.end(signal.SIGINT) == 0
    assert "stopped cleanly" in demo.lines[-1]

    after = story.ticket("service:sito")
    assert (after["ref"], after["condition"]) == (ticket["ref"], "recovered")
    opening, recovery = story.mails(ticket["ref"])
    assert recovery["In-Reply-To"] == opening["Message-ID"]
    assert story.ticket("warn:web/tls")["severity"] == 3
    _replayed_gives_the_same(story, after)
    assert _exposed(story.folder) == []


def _exposed(folder: Path) -> list[str]:
    """Files of state and mails, and their folders, that others may look into."""
    roots = [*folder.glob("*state"), folder / "mail"]
    found = [file for root in roots for file in (root, *root.rglob("*"))]
    return [str(file) for file in found if file.stat().st_mode & 0o077]


def _replayed_gives_the_same(story: Story, ticket: dict[str, Any]) -> None:
    """The recorded demo, judged again, has the incident that it had."""
    site = story.folder / "site.yaml"
    done = call("replay", str(site), str(story.events), "--json")
    assert done.returncode == 0, done.stderr
    (incident,) = json.loads(done.stdout)["incidents"]
    assert {name: incident[name] for name in ("subject", "severity", "since")} == {
        name: ticket[name] for name in ("subject", "severity", "since")
    }
    assert incident["recovered"] == ticket["recovered"]


def test_a_fault_in_the_changed_file_starts_nothing(story: Story) -> None:
    written = prepare(
        story.folder, clock=SystemClock(), wanted_gateway="stand-in"
    ).site_path
    written.write_text(written.read_text().replace("interval:", "intervall:"))
    refused = call("demo", "--folder", str(story.folder), "--no-table")
    assert refused.returncode == 2
    assert re.search(
        r"site\.yaml:\d+:\d+: .*did you mean 'interval'", refused.stderr
    ), refused.stderr
    assert refused.stdout == ""
    assert not (story.folder / "run" / "web.json").exists()
    assert not (story.folder / "state").exists()


def test_a_store_in_use_is_one_clear_line(story: Story) -> None:
    demo = story.start()
    demo.until(_has("try ", "break web"), limit_s=30)
    second = call("run", str(story.folder / "site.yaml"), "--metrics", "127.0.0.1:0")
    assert second.returncode == 1
    assert len(second.stderr.strip().splitlines()) == 1
    assert "Traceback" not in second.stderr
    assert demo.end(signal.SIGINT) == 0
