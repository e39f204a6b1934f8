"""Another version of the site file for a real agent, with an open incident."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from support.programs import environment
from support.real_agent import RealAgent

MORE = "  {name}: {{address: 127.0.0.1, checks: {{db: {{tcp: {{port: {port}}}}}}}}}\n"
RELOADED = "the site file was reloaded"
REFUSED = "the site file is not taken"


class Reloading(RealAgent):
    """An agent with seven targets: one can go without a yes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.first = self.site.read_text()
        for number in range(5):
            self.first = self.with_target(f"t{number}", self.crm.number)
        self.site.write_text(self.first)

    def with_target(self, name: str, port: int) -> str:
        """The file with one more target."""
        line = MORE.format(name=name, port=port)
        return self.first.replace("services:\n", f"{line}services:\n")

    def fall(self) -> str:
        """The ERP falls, and there is its ticket; which."""
        self.until_state("up")
        self.until_state("up", "crm/db")
        self.erp.close()
        ref: str = self.until_ticket("bad")["ref"]
        return ref

    def hup(self, text: str, says: str = RELOADED) -> None:
        """Write the file anew, send SIGHUP, wait until the agent has done it."""
        before = self.log.read_text().count(says)
        self.site.write_text(text)
        self.send(signal.SIGHUP)
        self.until(lambda: self.log.read_text().count(says) > before, says)

    def reload(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """`scudo-agent reload`."""
        return subprocess.run(
            [
                *(sys.executable, "-m", "scudo_agent", "reload"),
                *("--site", str(self.site), "--state", str(self.told_state), *words),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment(),
        )

    def reads(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command that only reads."""
        return subprocess.run(
            [
                *(sys.executable, "-m", "scudo_agent", *words),
                *("--site", str(self.site), "--state", str(self.told_state)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment(),
        )

    def metric(self, name: str) -> float:
        """The value of a metric without labels of its own."""
        with urlopen(f"{self.url()}/metrics", timeout=60) as reply:
            lines = reply.read().decode().splitlines()
        return next(float(x.split()[-1]) for x in lines if x.startswith(name + "{"))

    def web(self, method: str, origin: str | None = None) -> tuple[int, str]:
        """`/-/reload`, with a method."""
        request = Request(f"{self.url()}/-/reload", method=method)
        if origin:
            request.add_header("Origin", origin)
        try:
            with urlopen(request, timeout=60) as reply:
                return reply.status, reply.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Reloading]:
    one = Reloading(tmp_path)
    yield one
    one.close()


def checks(agent: RealAgent) -> list[dict[str, Any]]:
    status = agent.status()
    assert status is not None
    found: list[dict[str, Any]] = status["checks"]
    return found


def test_a_new_check_is_watched_and_the_open_incident_goes_on(
    agent: Reloading,
) -> None:
    agent.start()
    ref = agent.fall()
    down = agent.check()

    agent.hup(agent.with_target("shop", agent.crm.number))

    agent.until_state("up", "shop/db")
    now = agent.check()
    assert (now["state"], now["since"]) == ("down", down["since"])
    agent.erp.open()
    assert agent.until_ticket("recovered")["ref"] == ref


def test_a_changed_check_is_confirmed_anew_in_the_same_incident(
    agent: Reloading,
) -> None:
    agent.start()
    ref = agent.fall()

    here = f"port: {agent.erp.number}"
    agent.hup(agent.first.replace(here, f"port: {agent.crm.number}", 1))

    # One good answer says that it is up, at the address that it has now.
    assert agent.until_ticket("recovered")["ref"] == ref
    agent.until_state("up")


def test_a_changed_check_that_is_still_down_stays_in_its_incident(
    agent: Reloading,
) -> None:
    agent.start()
    ref = agent.fall()
    before = agent.check()["since"]

    agent.hup(agent.first.replace("timeout: 900ms", "timeout: 800ms"))

    agent.until(
        lambda: agent.check()["state"] == "down" and agent.check()["since"] != before,
        "it is down again",
    )
    assert agent.until_ticket("bad")["ref"] == ref


def test_a_removed_check_is_retired_and_its_ticket_stays(agent: Reloading) -> None:
    agent.start()
    ref = agent.fall()

    gone = agent.first.replace("  erp: {title: {it: Gestionale, en: ERP}", "  #", 1)
    lines = [x for x in gone.splitlines() if not x.startswith(("  erp:", "  #"))]
    text = "\n".join(lines).replace("services:", "services: {}")
    agent.hup(text + "\n")

    ticket = agent.until_ticket("not_measured")
    assert ticket["ref"] == ref
    assert "erp/db" not in [one["check"] for one in checks(agent)]
    # Once it is back it is another story, from nothing on.
    agent.erp.open()
    agent.hup(agent.first)
    agent.until_state("up")
    assert [one["ref"] for one in agent.tickets()] == [ref]


def test_a_bad_file_leaves_the_old_one_running_and_says_so(agent: Reloading) -> None:
    agent.start()
    ref = agent.fall()
    taken = agent.metric("scudo_config_last_reload_success_timestamp_seconds")
    assert agent.metric("scudo_config_last_reload_successful") == 1

    agent.hup(agent.first.replace("tcp:", "tpc:", 1), REFUSED)

    assert "tpc" in agent.tail()
    assert agent.metric("scudo_config_last_reload_successful") == 0
    status = agent.status()
    assert status is not None
    assert "tpc" in status["site_file"]["why"][0]
    assert "Traceback" not in agent.log.read_text()
    code, said = agent.web("POST")
    assert (code, "tpc" in said) == (422, True)
    refused = agent.reload()
    assert refused.returncode == 2
    assert "tpc" in refused.stderr
    assert "goes on as before" in refused.stderr

    agent.erp.open()
    assert agent.until_ticket("recovered")["ref"] == ref
    agent.site.write_text(agent.first)
    assert agent.web("PUT") == (200, "reloaded\n")
    assert agent.metric("scudo_config_last_reload_successful") == 1
    again = agent.metric("scudo_config_last_reload_success_timestamp_seconds")
    assert again > taken


def test_commands_that_read_go_by_what_the_agent_has(agent: Reloading) -> None:
    agent.start()
    agent.until_state("up")
    agent.hup(agent.with_target("t9", agent.crm.number))
    agent.site.write_text(agent.first.replace("tcp:", "tpc:", 1))

    for words in (("status",), ("tickets",), ("why", "erp"), ("uptime",)):
        said = agent.reads(*words)
        assert said.returncode == 0, said.stderr
        assert "'tpc'" in said.stderr
        assert said.stderr.count("goes on with the version that it had") == 1
        assert said.stdout
    assert "t9/db" in agent.reads("status").stdout

    agent.end()
    said = agent.reads("status")
    assert (said.returncode, said.stdout) == (2, "")
    assert "'tpc'" in said.stderr


def test_many_removed_checks_need_a_yes(agent: Reloading) -> None:
    agent.start()
    ref = agent.fall()
    kept = [x for x in agent.first.splitlines() if not x.startswith(("  t1", "  t2"))]
    text = "\n".join(kept) + "\n"

    agent.hup(text, REFUSED)
    assert len(checks(agent)) == 7
    code, said = agent.web("POST")
    assert (code, "2 of 7" in said) == (422, True)
    unsaid = agent.reload()
    assert unsaid.returncode == 2
    assert "scudo-agent reload --yes" in unsaid.stderr
    assert len(checks(agent)) == 7

    done = agent.reload("--yes", "--json")
    assert done.returncode == 0
    counts = json.loads(done.stdout)["differences"]["counts"]
    assert counts["checks"] == {"removed": 2}
    assert len(checks(agent)) == 5
    assert agent.until_ticket("bad")["ref"] == ref


def test_what_needs_a_restart_is_refused_as_a_whole(agent: Reloading) -> None:
    agent.start()
    text = agent.with_target("shop", agent.crm.number)

    agent.site.write_text(text.replace("site: acme-milano", "site: acme-torino"))
    refused = agent.reload()

    assert refused.returncode == 1
    assert "needs a restart: site" in refused.stderr
    assert "checks new (1): shop/db" in refused.stdout
    assert len(checks(agent)) == 7
    agent.site.write_text(agent.first)
    same = agent.reload()
    assert (same.returncode, same.stdout) == (0, "nothing is different\nreloaded\n")


def test_no_page_of_another_site_reloads_it(agent: Reloading) -> None:
    agent.start()

    assert agent.web("POST", origin="http://evil.example")[0] == 403
    assert agent.web("GET")[0] == 405


def test_the_desk_has_what_the_new_file_says(agent: Reloading) -> None:
    agent.start()
    text = agent.first.replace("name: ACME S.p.A.", "name: ACME S.r.l.")
    text = text.replace("en: ERP", "en: Accounting")

    agent.site.write_text(text)
    done = agent.reload()

    assert done.returncode == 0
    assert "services changed (1): erp" in done.stdout
    assert "also: customer" in done.stdout
    status = agent.status()
    assert status is not None
    assert status["customer"] == "ACME S.r.l."
    agent.until_state("up")
    agent.erp.close()
    assert agent.until_ticket("bad")["customer"] == "ACME S.r.l."
