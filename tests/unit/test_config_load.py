"""What a loaded site says: profiles, timing, services, the contract, the desk."""

from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from scudo_agent.instant import HOUR, SECOND
from support.config_files import HEAD, TARGETS, faults, loaded
from support.config_kinds import Http, Icmp, Snmp

EXAMPLE = Path(__file__).parent / "site_files" / "issue.yaml"
FOLDER = EXAMPLE.parent


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNMP_AUTH", "authentication")
    monkeypatch.setenv("SNMP_PRIV", "privacy-key")


def example(tmp_path: Path) -> str:
    """The example with what is planned left out, and its contract beside it."""
    contracts = tmp_path / "contracts"
    contracts.mkdir(exist_ok=True)
    terms = (FOLDER / "contracts" / "altec-scudo-360.yaml").read_text("utf-8")
    (contracts / "altec-scudo-360.yaml").write_text(terms, "utf-8")
    text = EXAMPLE.read_text("utf-8")
    text = text.replace(
        "each: IF-MIB::ifOperStatus, where: {IF-MIB::ifAlias: uplink*}",
        "get: IF-MIB::ifOperStatus.2",
    )
    return "".join(
        line for line in text.splitlines(keepends=True) if "heartbeat" not in line
    )


def test_what_is_planned_is_refused_and_all_else_of_the_example_taken(
    tmp_path: Path,
) -> None:
    contracts = FOLDER / "contracts"
    (tmp_path / "contracts").symlink_to(contracts)
    assert faults(tmp_path, EXAMPLE.read_text("utf-8")) == [
        "17:24: 'each … where' is planned, not built",
        "31:44: a heartbeat is planned, not built",
    ]


def test_the_example_without_what_is_planned(tmp_path: Path) -> None:
    site = loaded(tmp_path, example(tmp_path))
    assert site.id == "acme-milano"
    assert (site.customer.id, site.customer.language) == ("acme", "it")
    assert site.timezone == "Europe/Rome"
    assert list(site.checks) == [
        "here/disk",
        "gateway/ping",
        "resolver/answer",
        "core-switch/ping",
        "core-switch/uplinks",
        "isp-a/ping",
        "isp-b/ping",
        "erp/web",
        "erp/db",
    ]
    assert site.vantage == ("gateway/ping", "resolver/answer")
    assert site.targets["erp"].depends_on == ("core-switch/ping",)
    assert site.targets["here"].local
    assert site.targets["here"].address is None
    assert site.networks is not None
    assert site.networks[1] == ip_network("192.0.2.53/32")
    ping = site.checks["core-switch/ping"]
    assert isinstance(ping.settings, Icmp)
    assert ping.settings.degraded is not None
    assert (ping.settings.degraded.loss, ping.settings.degraded.rtt) == (0.2, 0.2)
    assert (ping.interval_us, ping.timeout_us) == (60 * SECOND, 5 * SECOND)
    assert (ping.confirm, ping.recover, ping.reprobe_us) == (3, 2, 10 * SECOND)
    credential = site.targets["core-switch"].credential
    assert credential is not None
    assert (credential.version, credential.user) == (3, "monitor")
    internet = site.services["internet"]
    assert internet.title == {"it": "Connettività", "en": "Internet"}
    assert (internet.need, internet.need_words, internet.contracted) == (1, "any", True)
    assert (site.services["erp"].need, site.services["erp"].need_words) == (2, "all")
    assert site.desk.url is None


def test_the_contract_gives_its_terms_and_its_target_to_the_last_digit(
    tmp_path: Path,
) -> None:
    site = loaded(tmp_path, example(tmp_path))
    assert site.contract is not None
    assert site.contract_id == site.contract.id == "altec-scudo-360"
    assert str(site.contract.uptime.target) == "99.90"
    assert site.contract.uptime.target == Decimal("99.9")
    assert site.contract.tickets.reopen_us == 4 * HOUR
    assert site.contract.tickets.close_after_us == 72 * HOUR


def test_with_a_remote_desk_the_contract_is_an_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "agent-key")
    text = HEAD + "contract: altec-360\ndesk: {url: %s, key: env:KEY}\n" + TARGETS
    site = loaded(tmp_path, text % "https://desk.example/")
    assert (site.contract, site.contract_id) == (None, "altec-360")
    assert site.desk.url == "https://desk.example"
    for url in ("http://127.0.0.1:8080", "http://localhost:1", "'http://[::1]:80'"):
        assert loaded(tmp_path, text % url).desk.url == url.strip("'")


def profile(own: str, *, target: str = "", shared: str = "") -> str:
    """A target `sw` with its own words over a profile's."""
    shared = shared or "{icmp: {count: 5, degraded: {loss: 20%, rtt: 1s}}, confirm: 4}"
    return (
        HEAD
        + f"profiles:\n  p: {{interval: 30s, checks: {{ping: {shared}}}}}\n"
        + f"targets:\n  sw: {{address: 192.0.2.1, use: p{target}, "
        + f"checks: {{{own}}}}}\n"
    )


@pytest.mark.parametrize(
    ("own", "count", "loss", "confirm"),
    [
        ("", 5, 0.2, 4),
        ("ping: ", 5, 0.2, 4),
        ("ping: {confirm: 2}", 5, 0.2, 2),
        ("ping: {icmp: {count: 7}}", 7, 0.2, 4),
        ("ping: {icmp: {degraded: {loss: 50%}}}", 5, 0.5, 4),
        ("ping: icmp", 3, None, 4),
        ("ping: {icmp: , confirm: 1}", 3, None, 1),
    ],
)
def test_what_the_target_says_itself_wins(
    tmp_path: Path, own: str, count: int, loss: float | None, confirm: int
) -> None:
    check = loaded(tmp_path, profile(own)).checks["sw/ping"]
    assert isinstance(check.settings, Icmp)
    limits = check.settings.degraded
    assert (check.settings.count, limits.loss if limits else None) == (count, loss)
    assert check.confirm == confirm
    assert check.interval_us == 30 * SECOND


def test_another_probe_on_the_target_replaces_that_of_the_profile(
    tmp_path: Path,
) -> None:
    check = loaded(tmp_path, profile("ping: {tcp: 80}")).checks["sw/ping"]
    assert (check.kind, check.confirm) == ("tcp", 4)


@pytest.mark.parametrize(
    ("own", "target", "seconds"),
    [
        ("ping: {interval: 11s}", ", interval: 12s", 11),
        ("", ", interval: 12s", 12),
        ("", "", 13),
    ],
)
def test_the_nearest_interval_holds(
    tmp_path: Path, own: str, target: str, seconds: int
) -> None:
    text = profile(own, target=target, shared="{icmp: {}, interval: 13s}")
    assert loaded(tmp_path, text).checks["sw/ping"].interval_us == seconds * SECOND


def test_profiles_give_credentials_and_dependencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMUNITY", "public")
    text = HEAD + (
        "credentials:\n"
        "  a: {snmp: {version: 2c, community: env:COMMUNITY}}\n"
        "  b: {snmp: {version: 1, community: env:COMMUNITY}}\n"
        "profiles:\n  p: {credentials: a, depends_on: [gw/ping], checks: "
        "{up: {snmp: {get: IF-MIB::ifOperStatus.1}}}}\n"
        "targets:\n  gw: {address: 192.0.2.1, checks: {ping: icmp}}\n"
        "  one: {address: 192.0.2.2, use: p}\n"
        "  two: {address: 192.0.2.3, use: p, credentials: b, depends_on: []}\n"
    )
    site = loaded(tmp_path, text)
    one, two = site.targets["one"], site.targets["two"]
    assert one.credential is not None
    assert two.credential is not None
    assert (one.credential.version, two.credential.version) == (2, 1)
    assert (one.depends_on, two.depends_on) == (("gw/ping",), ())
    assert isinstance(site.checks["one/up"].settings, Snmp)


def test_a_scalar_fills_the_one_setting_it_stands_for(tmp_path: Path) -> None:
    text = HEAD + "targets:\n  a: {checks: {web: {http: 'http://a.example/'}}}\n"
    settings = loaded(tmp_path, text).checks["a/web"].settings
    assert isinstance(settings, Http)
    assert settings.url == "http://a.example/"


CHANGES: list[tuple[str, str, bool]] = [
    ("tcp: 5432", "tcp: 5433", True),
    ("{tcp: 5432}", "{tcp: 5432, confirm: 2}", True),
    ("{tcp: 5432}", "{tcp: 5432, interval: 2m}", True),
    ("erp.acme.example, ", "db.acme.example, ", True),
    ("{tcp: 5432}", "{dns: {name: a.example}}", True),
    ("{tcp: 5432}", "{tcp: {port: 5432}}", False),
    ("{tcp: 5432}", "{tcp: 5432, confirm: 3}", False),
    ("ACME S.p.A.", "ACME", False),
    ("192.0.2.1", "192.0.2.2", False),
]


@pytest.mark.parametrize(("old", "new", "changed"), CHANGES)
def test_a_definition_changes_with_what_the_check_means(
    tmp_path: Path, old: str, new: str, changed: bool
) -> None:
    before, after = (
        loaded(tmp_path, HEAD + TARGETS),
        loaded(tmp_path, (HEAD + TARGETS).replace(old, new)),
    )
    ours: Any = "erp/db"
    assert (before.checks[ours].definition != after.checks[ours].definition) is changed
    assert before.config_hash != after.config_hash


def test_names_and_networks_of_both_families(tmp_path: Path) -> None:
    text = HEAD + (
        "networks: ['2001:db8::/32', 192.0.2.0/24]\n"
        "targets:\n  a: {address: '2001:db8::1', checks: {ping: icmp}}\n"
        "  b: {address: 192.0.2.7, checks: {ping: icmp}}\n"
        "  c: {address: sw-1.example, checks: {ping: icmp}}\n"
        "  d: {local: true, address: 127.0.0.1, checks: {db: {tcp: 5432}}}\n"
        "  e: {address: '2001:db9::1', checks: {ping: icmp}}\n"
    )
    assert faults(tmp_path, text) == [
        "11:16: target 'e' has the address 2001:db9::1, which is in none of the "
        "networks that may be probed; add it to 'networks'"
    ]


def test_a_service_without_a_title_is_called_by_its_id(tmp_path: Path) -> None:
    text = HEAD + TARGETS + "services:\n  erp: {checks: [erp/db]}\n"
    assert loaded(tmp_path, text).services["erp"].title == {"it": "erp"}


def test_services_share_a_dependency_without_a_circle(tmp_path: Path) -> None:
    text = HEAD + (
        "targets:\n  a: {address: 192.0.2.1, checks: {ping: icmp}}\n"
        "  b: {address: 192.0.2.2, depends_on: [a/ping], checks: {ping: icmp}}\n"
        "  c: {address: 192.0.2.3, depends_on: [a/ping], checks: {ping: icmp}}\n"
        "  d: {address: 192.0.2.4, depends_on: [b/ping, c/ping], "
        "checks: {ping: icmp}}\n"
    )
    assert loaded(tmp_path, text).targets["d"].depends_on == ("b/ping", "c/ping")


def test_a_long_chain_of_dependencies_needs_no_deep_stack(tmp_path: Path) -> None:
    lines = ["  t0: {address: 192.0.2.1, checks: {ping: icmp}}\n"]
    lines += [
        f"  t{n}: {{address: 192.0.2.1, depends_on: [t{n - 1}/ping], "
        "checks: {ping: icmp}}\n"
        for n in range(1, 3000)
    ]
    text = HEAD + "targets:\n" + "".join(reversed(lines))
    assert len(loaded(tmp_path, text).checks) == 3000


def test_the_committed_example_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    from scudo_agent.config import load
    from scudo_agent.probes.registry import SETTINGS

    configs = Path(__file__).parents[2] / "configs"
    site = load(configs / "acme-milano.yaml", SETTINGS)
    assert len(site.checks) == 9
    assert site.contract is not None
    assert (site.contract.id, str(site.contract.uptime.target)) == (
        "altec-scudo-360",
        "99.0",
    )
    assert site.contract.tickets.close_after_us is None


def test_many_ways_to_one_dependency_are_gone_once(tmp_path: Path) -> None:
    """Two switches a layer, each behind both below: 2^60 ways from top to bottom."""
    lines = []
    for layer in reversed(range(60)):
        below = [f"{side}{layer - 1}/ping" for side in "ab"] if layer else []
        lines += [
            f"  {side}{layer}: {{address: 192.0.2.1, "
            f"depends_on: [{', '.join(below)}], checks: {{ping: icmp}}}}\n"
            for side in "ab"
        ]
    assert len(loaded(tmp_path, HEAD + "targets:\n" + "".join(lines)).checks) == 120
