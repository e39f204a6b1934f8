"""The main job with the desk as a process of its own, killed in the middle."""

import email
import email.policy
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from email.message import Message
from pathlib import Path

import pytest

from scudo_agent.demo.servers import Servers, break_web, mend_web
from scudo_agent.demo.site import DemoSite
from support.patience import wait_until
from support.programs import Program, call, data
from support.remote_desk import LIMIT_S, get, prepare_remote, running_desk


@pytest.fixture
def demo(tmp_path: Path) -> DemoSite:
    return prepare_remote(tmp_path / "demo")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _state(demo: DemoSite) -> str | None:
    document = get(f"http://127.0.0.1:{demo.ports.metrics}/status")
    states = {one["check"]: one["state"] for one in (document or {}).get("checks", ())}
    return states.get("web/http")


def _promised(demo: DemoSite) -> float | None:
    """The share that the agent takes for promised: its desk's contract says it."""
    document = get(f"http://127.0.0.1:{demo.ports.metrics}/status") or {}
    promises = [one["promise"] for one in document.get("services", ())]
    shares = [one["values"]["target"]["ratio"] for one in promises if one]
    return next(iter(shares), None)


def _mails(demo: DemoSite) -> list[Message]:
    """Mails about the service, oldest first."""
    files = sorted(
        (demo.maildir / "new").glob("*"), key=lambda file: file.stat().st_mtime_ns
    )
    parsed = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        for file in files
    ]
    return [mail for mail in parsed if "Sito demo" in mail["Subject"]]


@pytest.mark.chaos
def test_a_desk_that_is_away_gets_the_recovery_later(
    demo: DemoSite, stack: ExitStack
) -> None:
    desk = stack.enter_context(running_desk(demo))
    stack.enter_context(Servers(demo).start())
    metrics = f"127.0.0.1:{demo.ports.metrics}"
    agent = stack.enter_context(
        closing(Program("run", str(demo.site_path), "--metrics", metrics))
    )
    assert wait_until(lambda: _state(demo) == "up", limit_s=LIMIT_S), agent.text()
    assert wait_until(lambda: _promised(demo) == 0.99, limit_s=LIMIT_S), agent.text()
    findings = data("doctor", "--site", str(demo.site_path))
    assert ("contract", "demo, revision 1") in [
        (one["about"], one["seen"]) for one in findings
    ]

    break_web(demo)
    assert wait_until(lambda: len(_mails(demo)) == 1, limit_s=LIMIT_S), agent.text()
    desk.end(signal.SIGKILL)
    mend_web(demo)
    assert wait_until(lambda: _state(demo) == "up", limit_s=LIMIT_S), agent.text()
    assert len(_mails(demo)) == 1

    contract = demo.folder / "contracts" / "demo.yaml"
    text = contract.read_text()
    contract.write_text(text.replace("target: 99.0", "target: 99.5"))
    desk = stack.enter_context(running_desk(demo))
    assert wait_until(lambda: _promised(demo) == 0.995, limit_s=LIMIT_S), agent.text()
    assert wait_until(lambda: len(_mails(demo)) == 2, limit_s=LIMIT_S), desk.text()
    opening, recovery = _mails(demo)
    assert recovery["In-Reply-To"] == opening["Message-ID"]
    tickets = data("tickets", "--site", str(demo.site_path))
    (ticket,) = [one for one in tickets if one["subject"] == "service:sito"]
    assert (ticket["severity"], ticket["condition"]) == (1, "recovered")
    assert agent.end(signal.SIGTERM) == 0
    assert desk.end(signal.SIGTERM) == 0


def test_a_desk_that_does_not_know_the_agent_gets_no_ticket(
    demo: DemoSite, stack: ExitStack
) -> None:
    (demo.folder / "agent.key").write_text("not-the-key\n")
    stack.enter_context(running_desk(demo))
    refused = call("tickets", "--site", str(demo.site_path))
    assert refused.returncode == 1
    (line,) = refused.stderr.strip().splitlines()
    assert line.endswith("the desk does not accept this agent's key (401)")
