"""The desk's disk is full: a desk by itself, as a process on a small disk."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from scudo_agent.clock import SystemClock
from scudo_agent.desk.auth import fingerprint
from scudo_agent.desk.store.agents import Enrolment
from scudo_agent.desk.store.desk_store import DeskStore
from scudo_agent.desk.store.post import Posting
from scudo_agent.wire import Stage
from support.desking import site, stage
from support.patience import patient, wait_until
from support.ports import free_port
from support.programs import environment

pytestmark = pytest.mark.chaos

LIMIT_S = 60.0
MB = 2**20
SELF = "/v1/agents/self"
KEY = "the agent's key"


def enrolled(state: Path) -> None:
    """A desk's database that knows one agent."""
    posting = Posting(message_host="desk.example", provider_mail="noc@provider.example")
    store = DeskStore(state, clock=SystemClock(), posting=posting)
    try:
        store.agents.enrol(Enrolment.of(site()), key_sha256=fingerprint(KEY))
    finally:
        store.close()


class SmallDesk:
    """`scudo-agent desk run` whose state is on a disk of 8 MB."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        told = folder / "desk-state"
        enrolled(told)
        settings = folder / "desk.yaml"
        settings.write_text(f"listen: {{port: {self.port}}}\nstate: desk-state\n")
        shutil.copytree(told, folder / "kept")
        mount = (
            f"mount -t tmpfs -o size=8m,mode=700 tmpfs {told}"
            f' && cp {folder}/kept/desk.* {told} && exec "$0" "$@"'
        )
        self.log = folder / "desk.log"
        program = (sys.executable, "-m", "scudo_agent", "desk", "run")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ("unshare", "-m", "sh", "-c", mount, *program, "--settings", settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
            )
        self.state = Path(f"/proc/{self.process.pid}/root{told}")
        self.headers = {"Authorization": f"Bearer {KEY}"}
        self.seq = 0
        self.until(lambda: self.ask("GET", "/windows") == 200, "it answers")

    def until(self, holds: Any, what: str) -> None:
        """Wait until something holds; fails with the log."""
        came = wait_until(holds, limit_s=LIMIT_S)
        assert came, f"not within {LIMIT_S} s: {what}\n{self.log.read_text()[-4000:]}"

    def ask(self, method: str, path: str, body: Any = None) -> int:
        """Ask as the agent; the status, 0 for no answer."""
        url = f"http://127.0.0.1:{self.port}{SELF}{path}"
        with suppress(httpx.HTTPError):
            return httpx.request(
                method, url, json=body, headers=self.headers, timeout=60
            ).status_code
        return 0

    def say(self) -> int:
        """Tell the next stage, or the same one again if it was not taken."""
        number = self.seq + 1
        told: Stage = stage(number, number, "open" if number == 1 else "note")
        batch = {"epoch": 1, "first_seq": number}
        batch["events"] = [told.model_dump(mode="json")]  # type: ignore[assignment]
        status = self.ask("POST", "/streams/I/events", batch)
        self.seq += status == 200
        return status

    def metric(self, name: str) -> float:
        """One of its own metrics."""
        page = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=60).text
        (line,) = (one for one in page.splitlines() if one.startswith(f"{name} "))
        return float(line.split()[1])

    def close(self) -> None:
        """End it if a failed test left it running."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def fill_up(path: Path) -> None:
    """Write until nothing more goes in."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SmallDesk]:
    with closing(SmallDesk(tmp_path)) as made:
        yield made


def test_incidents_go_on_at_a_desk_whose_disk_is_full(desk: SmallDesk) -> None:
    reserve = desk.state / "desk.reserve"
    kept = os.stat(reserve)
    assert MB <= kept.st_blocks * 512 <= 2 * MB, "a quarter of what is free"
    assert desk.metric("scudo_desk_reserve_used") == 0
    hello = {
        "epoch": None,
        "store_id": "s",
        "mono_us": 1,
        "boot_id": "b",
        "head_seq": {"I": 0},
        "acked_seq": {"I": 0},
        "wall": "2026-11-23T09:41:50Z",
    }
    assert desk.ask("POST", "/hello", hello) == 200
    assert desk.say() == 200
    fill_up(desk.state / "fill")
    seen: list[int] = []

    def let_go() -> bool:
        seen.append(desk.say())
        return not reserve.exists()

    desk.until(let_go, "the reserve is let go of")
    assert set(seen) <= {200, 503}
    before = desk.seq
    for _ in range(5):
        assert desk.say() == 200, "the events live on the reserve"
    assert desk.seq == before + 5
    assert desk.metric("scudo_desk_reserve_used") == 1

    fill_up(desk.state / "more")  # now there is nothing left
    desk.until(lambda: desk.say() == 503, "it says so")
    told = desk.seq
    for name in ("fill", "more"):
        (desk.state / name).unlink()
    desk.until(lambda: desk.say() == 200, "it takes the same again")
    assert desk.seq == told + 1
    desk.until(reserve.exists, "space is kept again")
    assert desk.metric("scudo_desk_reserve_used") == 0
    log = desk.log.read_text()
    assert "the disk is full: the reserve of" in log
    assert "there is space again" in log
    assert "Traceback" not in log
    state = os.open(desk.state, os.O_DIRECTORY)
    try:
        desk.process.send_signal(signal.SIGTERM)
        assert desk.process.wait(timeout=patient(LIMIT_S)) == 0, desk.log.read_text()
        assert "desk.reserve" not in os.listdir(state)
    finally:
        os.close(state)
