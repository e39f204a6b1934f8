"""The commands about a site, as a person types them; bad input is one clear line."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import call
from support.sites import DESK, SITE, write_site

LOCAL = SITE.replace("192.0.2.10", "127.0.0.1").replace("192.0.2.", "127.0.0.")
LOCAL = LOCAL.replace("198.51.100.1", "127.0.0.1")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path, LOCAL)


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def test_version_is_said_without_loading_anything_heavy() -> None:
    code = (
        "import sys; from scudo_agent.cli.main import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "print(len([m for m in sys.modules if m.split('.')[0] in "
        "('sqlalchemy','pydantic','httpx','rich','pysnmp','fastapi','asyncio')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert lines(done.stdout)[-1] == "0"


def test_without_a_command_the_help_and_exit_2() -> None:
    done = call()
    assert done.returncode == 2
    assert "COMMAND" in done.stdout


def test_status_of_an_agent_that_never_ran(site: Path) -> None:
    done = call("status", "--site", str(site))
    assert done.returncode == 1
    assert len(lines(done.stderr)) == 1
    assert "Traceback" not in done.stderr


def test_uptime_names_the_services_there_are(site: Path) -> None:
    done = call("uptime", "--site", str(site), "--service", "erpp")
    assert done.returncode == 2
    assert "'erpp' is no service of prova; it has erp, rete" in done.stderr


@pytest.mark.parametrize("at", ["yesterday", "2026-03-01T10:00:00"])
def test_an_instant_without_an_offset_is_wrong_input(site: Path, at: str) -> None:
    done = call("uptime", "--site", str(site), "--at", at)
    assert done.returncode == 2
    assert "is not an instant with an offset" in done.stderr


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_probe_without_a_site_file(listener: int) -> None:
    done = call("probe", "tcp", f"127.0.0.1:{listener}")
    assert done.returncode == 0, done.stderr
    assert "judged  good" in done.stdout


def test_probe_of_a_check_says_what_it_saw_and_how_it_is_judged(site: Path) -> None:
    done = call("probe", "here/disk", "--site", str(site), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["result"] in {"good", "degraded"}
    assert 0 < said["values"]["used"] < 1
    done = call("probe", "here/disk", "--site", str(site))
    assert "down after 3 failed in a row, up after 2 good" in done.stdout


def test_probe_that_fails_exits_1(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, not listening: refused
        taken.bind(("127.0.0.1", 0))
        done = call("probe", "tcp", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 1
    assert "connection refused" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("probe", "here/dsk"), "did you mean 'here/disk'?"),
        (("probe", "telnet", "127.0.0.1"), "neither a check (target/check) nor a kind"),
        (("probe", "tcp", "127.0.0.1"), "tcp: port: "),
        (("probe", "icmp"), "icmp needs an address"),
        (("run", "--metrics", "9464"), "is no HOST:PORT"),
        (("run", "no/such.yaml"), "cannot be read: No such file"),
        (("status", "--site", "no/such.yaml"), "cannot be read: No such file"),
    ],
)
def test_wrong_words_are_one_line_and_exit_2(
    site: Path, words: tuple[str, ...], said: str
) -> None:
    extra = () if "--site" in words or "no/such.yaml" in words else ("--site",)
    if words[0] == "run" and extra:
        command = [*words, str(site)]
    else:
        command = [*words, *extra, *([str(site)] if extra else [])]
    done = call(*command)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_metrics_port_in_use_is_one_line_and_nothing_is_half_started(
    site: Path, listener: int
) -> None:
    done = call("run", str(site), "--metrics", f"127.0.0.1:{listener}")
    assert done.returncode == 1
    assert str(listener) in lines(done.stderr)[-1]
    assert "Traceback" not in done.stderr
    assert not (site.parent / "state" / "agent.json").exists()


def test_a_desks_port_in_use_is_one_line(site: Path, listener: int) -> None:
    desk = site.parent / "desk.yaml"
    desk.write_text(DESK.replace("port: 0", f"port: {listener}"), "utf-8")
    done = call("run", str(site), "--metrics", "127.0.0.1:0")
    assert done.returncode == 1
    assert "the desk cannot listen on" in lines(done.stderr)[-1]
    assert "Traceback" not in done.stderr


def test_a_foreign_store_is_refused_and_left_as_it_is(site: Path) -> None:
    state = site.parent / "state"
    state.mkdir()
    (state / "agent.db").write_bytes(b"not a database, and precious" * 200)
    before = (state / "agent.db").read_bytes()
    done = call("run", str(site), "--metrics", "127.0.0.1:0")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (state / "agent.db").read_bytes() == before


def test_doctor_looks_at_each_thing_and_says_what_to_do(site: Path) -> None:
    done = call("doctor", "--site", str(site), "--json")
    found = {one["about"]: one for one in json.loads(done.stdout)}
    assert set(found) == {"rights", "clock", "disk", "store", "names", "desk", "mail"}
    assert found["mail"]["level"] == "warning"
    assert "mail.smtp" in found["mail"]["remedy"]
    assert done.returncode == (
        1 if any(f["level"] == "fault" for f in found.values()) else 0
    )


def test_doctor_names_a_name_that_has_no_address(tmp_path: Path) -> None:
    path = write_site(
        tmp_path, LOCAL.replace("address: 127.0.0.2", "address: no.such.invalid")
    )
    done = call("doctor", "--site", str(path))
    assert done.returncode == 1
    assert "'no.such.invalid' has no address" in done.stdout


def test_the_site_file_is_found_by_the_environment(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCUDO_SITE", str(site))
    done = call("probe", "here/disk")
    assert done.returncode == 0, done.stderr


def test_the_first_site_of_the_readme_is_in_order() -> None:
    root = Path(__file__).parents[2]
    assert call("check", str(root / "configs" / "first-site.yaml")).returncode == 0


def test_a_state_folder_of_another_site_is_not_shown_as_this_ones(
    site: Path, tmp_path: Path
) -> None:
    from scudo_agent.clock import SystemClock
    from scudo_agent.store.agent_store import AgentStore

    state = site.parent / "state"
    AgentStore.open(state, site="another", clock=SystemClock(), inline=True).close()
    for command in ("status", "uptime", "tickets"):
        done = call(command, "--site", str(site))
        assert done.returncode == 1
        assert "is the state of site 'another'" in done.stderr
        assert done.stdout == ""


def test_a_port_by_itself_goes_with_an_address(listener: int) -> None:
    done = call("probe", "tcp", str(listener), "--address", "127.0.0.1")
    assert done.returncode == 0, done.stderr


def test_a_login_link_is_refused_where_no_desk_has_run(site: Path) -> None:
    done = call("desk", "login", str(site))
    assert done.returncode == 2
    assert "no desk has run here" in done.stderr
    assert not (site.parent / "state" / "desk.db").exists()
