"""The demo's files: written once, complete, and never overwritten."""

import os
import socket
import ssl
import stat
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from scudo_agent.demo import certificate, process, screen, site
from scudo_agent.errors import InputError, ScudoError
from scudo_agent.instant import DAY, HOUR, Instant, to_datetime
from support.demo_clock import StandingClock


@pytest.fixture
def demo(tmp_path: Path) -> site.DemoSite:
    return site.prepare(
        tmp_path / "demo", clock=StandingClock(), wanted_gateway="stand-in"
    )


def test_the_site_file_is_short_and_holds_what_the_servers_use(
    demo: site.DemoSite,
) -> None:
    data = yaml.safe_load(demo.site_path.read_text(encoding="utf-8"))
    web = data["targets"]["web"]["checks"]
    assert web["http"]["http"]["url"] == f"http://127.0.0.1:{demo.ports.http}/login"
    assert web["tls"]["tls"]["port"] == demo.ports.tls
    uplink = data["targets"]["switch"]["checks"]["uplink"]["snmp"]
    assert uplink["port"] == demo.ports.snmp
    assert data["targets"]["gateway"]["address"] == "127.0.0.1"
    assert {name: one["contracted"] for name, one in data["services"].items()} == {
        "sito": True,
        "rete": False,
    }
    assert 25 <= demo.lines <= 35
    assert demo.wrote


def test_the_desks_file_names_the_port_and_the_maildir(demo: site.DemoSite) -> None:
    data = yaml.safe_load(demo.desk_path.read_text(encoding="utf-8"))
    assert data["listen"] == {"host": "127.0.0.1", "port": demo.ports.desk}
    assert demo.folder / data["mail"]["maildir"] == demo.maildir


def test_secrets_are_for_the_owner_only(demo: site.DemoSite) -> None:
    for path in (
        demo.folder / "secrets" / "snmp-auth",
        demo.folder / "secrets" / "snmp-priv",
        demo.folder / "tls" / "web.pem",
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_second_start_keeps_what_the_user_changed(demo: site.DemoSite) -> None:
    demo.site_path.write_text("# mine\n", encoding="utf-8")
    again = site.prepare(demo.folder, clock=StandingClock())
    assert demo.site_path.read_text(encoding="utf-8") == "# mine\n"
    assert not again.wrote
    assert again.ports == demo.ports
    assert again.gateway == demo.gateway


def test_fresh_starts_over_and_leaves_foreign_files(demo: site.DemoSite) -> None:
    demo.site_path.write_text("# mine\n", encoding="utf-8")
    demo.state.mkdir()
    (demo.folder / "notes.txt").write_text("keep", encoding="utf-8")
    again = site.prepare(
        demo.folder, clock=StandingClock(), wanted_gateway="stand-in", fresh=True
    )
    assert again.wrote
    assert "version: 1" in demo.site_path.read_text(encoding="utf-8")
    assert not demo.state.exists()
    assert (demo.folder / "notes.txt").exists()


def test_fresh_is_refused_under_a_running_demo(demo: site.DemoSite) -> None:
    held = process.hold(demo.run)
    try:
        with pytest.raises(ScudoError, match="a demo is running in"):
            site.prepare(demo.folder, clock=StandingClock(), fresh=True)
    finally:
        os.close(held)
    assert demo.site_path.exists()


def test_a_lost_record_says_what_to_do(demo: site.DemoSite) -> None:
    (demo.run / "demo.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="--fresh' starts over"):
        site.existing(demo.folder)


def test_without_a_demo_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no demo here; '\./scudo demo' makes one"):
        site.existing(tmp_path)


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ScudoError, match=r"Not a directory"):
        site.prepare(
            tmp_path / "file" / "demo",
            clock=StandingClock(),
            wanted_gateway="stand-in",
        )


@pytest.mark.parametrize("udp", [False, True])
def test_a_taken_port_is_passed_over(udp: bool) -> None:
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if not udp:
            holder.listen()
        taken = holder.getsockname()[1]
        assert site.free_port(taken, udp=udp) > taken


def test_the_search_can_begin_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCUDO_DEMO_PORTS", "12000")
    made = site.prepare(tmp_path, clock=StandingClock(), wanted_gateway="stand-in")
    assert made.ports.http >= 20_081
    assert made.ports.snmp >= 28_161
    monkeypatch.setenv("SCUDO_DEMO_PORTS", "x")
    with pytest.raises(InputError, match=r"SCUDO_DEMO_PORTS=x: .* from 0 to 40000"):
        site.prepare(
            tmp_path / "other", clock=StandingClock(), wanted_gateway="stand-in"
        )


def test_a_port_given_away_already_is_passed_over() -> None:
    first = site.free_port(20_000)
    assert site.free_port(first, taken={first}) > first


def test_the_certificate_has_twelve_days_rounded_or_cut(tmp_path: Path) -> None:
    clock = StandingClock()
    assert certificate.renew(tmp_path, now=clock.at)
    until = x509.load_pem_x509_certificate((tmp_path / "web.pem").read_bytes())
    left = until.not_valid_after_utc - to_datetime(clock.at)
    assert left // timedelta(days=1) == round(left / timedelta(days=1)) == 12


@pytest.mark.parametrize(("later_us", "renewed"), [(9 * HOUR, False), (DAY, True)])
def test_the_certificate_is_renewed_before_it_shows_less(
    tmp_path: Path, later_us: int, renewed: bool
) -> None:
    clock = StandingClock()
    certificate.renew(tmp_path, now=clock.at)
    before = (tmp_path / "web.pem").read_bytes()
    assert certificate.renew(tmp_path, now=Instant(clock.at + later_us)) is renewed
    assert ((tmp_path / "web.pem").read_bytes() != before) is renewed
    ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))


def test_a_damaged_certificate_is_made_anew(tmp_path: Path) -> None:
    clock = StandingClock()
    certificate.renew(tmp_path, now=clock.at)
    (tmp_path / "web.pem").write_bytes(b"nonsense")
    assert certificate.renew(tmp_path, now=clock.at)


def test_the_screen_names_the_stand_in_the_file_and_the_places(
    demo: site.DemoSite,
) -> None:
    machine, file = screen.head(demo, snmp_version="5.9", icmp="raw socket")
    assert " 2/3 this machine: gateway 127.0.0.1 (stand-in: as asked for)" in machine
    assert machine.endswith(f"snmpd 5.9 on 127.0.0.1:{demo.ports.snmp}")
    assert f"wrote {demo.site_path} ({demo.lines} lines, yours to change)" in file
    assert file.endswith("ICMP: raw socket")
    lines = screen.foot(
        demo, desk="http://d", login="http://d/in/X", metrics="http://m"
    )
    assert lines[0] == "desk     http://d   first login http://d/in/X (once)"
    assert str(demo.maildir) in lines[1]
    assert "break web" in lines[2]
    assert "mend web" in lines[2]


def test_with_a_desk_of_somebody_else_there_is_no_login(demo: site.DemoSite) -> None:
    lines = screen.foot(demo, desk="https://d", login=None, metrics="http://m")
    assert lines[0] == "desk     https://d"
