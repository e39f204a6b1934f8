"""What one version of a site file changes against another."""

from pathlib import Path

import pytest

from scudo_agent import config
from scudo_agent.config.differences import Changes, Differences, differences
from scudo_agent.config.site import Site
from scudo_agent.probes.registry import SETTINGS

SITE = """\
version: 1
site: acme-milano
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example}
timezone: Europe/Rome
desk: embedded
credentials:
  reader: {snmp: {version: 2c, community: "file:community"}}
targets:
  gw: {address: 192.0.2.1, checks: {ping: icmp}}
  erp: {address: 192.0.2.2, depends_on: [gw/ping], checks: {db: {tcp: 5432}}}
  ups: {address: 192.0.2.3, use: ~, checks: {ping: icmp}}
  crm: {address: 192.0.2.4, checks: {db: {tcp: 5432}}}
  web: {address: 192.0.2.5, checks: {db: {tcp: 80}}}
services:
  erp: {title: {it: Gestionale}, contracted: false, checks: [erp/db]}
""".replace(", use: ~", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "community").write_text("public\n")
    return tmp_path


def loaded(folder: Path, text: str) -> Site:
    path = folder / "site.yaml"
    path.write_text(text)
    return config.load(path, SETTINGS)


def between(folder: Path, *edits: tuple[str, str]) -> Differences:
    old, text = loaded(folder, SITE), SITE
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    return differences(old, loaded(folder, text))


def test_the_same_file_is_no_difference(folder: Path) -> None:
    found = between(folder)

    assert not found
    assert not found.removes_many
    assert found.checks_before == 5


def test_words_that_mean_the_same_are_no_difference(folder: Path) -> None:
    assert not between(
        folder, ("{tcp: 80}", "{tcp: {port: 80}}"), ("desk:", "# \ndesk:")
    )


def test_checks_are_new_changed_or_gone(folder: Path) -> None:
    found = between(
        folder,
        ("  crm: {address: 192.0.2.4", "  crp: {address: 192.0.2.4"),
        ("192.0.2.5", "192.0.2.6"),
    )

    assert found.checks == Changes(
        new=("crp/db",), changed=("web/db",), deleted=("crm/db",)
    )
    assert not found.services
    assert found.other == ()
    assert not found.removes_many


def test_a_service_that_is_only_called_otherwise_touches_no_check(
    folder: Path,
) -> None:
    found = between(folder, ("Gestionale", "ERP"))

    assert not found.checks
    assert found.services == Changes(changed=("erp",))


def test_more_than_a_fifth_of_the_checks_is_many(folder: Path) -> None:
    one = between(
        folder, ("  web: {address: 192.0.2.5, checks: {db: {tcp: 80}}}\n", "")
    )
    two = between(
        folder,
        ("  web: {address: 192.0.2.5, checks: {db: {tcp: 80}}}\n", ""),
        ("  crm: {address: 192.0.2.4, checks: {db: {tcp: 5432}}}\n", ""),
    )

    assert not one.removes_many
    assert two.removes_many


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("acme-milano", "acme-torino", "site"),
        ("id: acme", "id: acme2", "customer.id"),
        ("Europe/Rome", "Europe/Paris", "timezone"),
        (
            "desk: embedded",
            'desk: {url: "https://desk.example", key: "file:community"}',
            "desk",
        ),
    ],
)
def test_some_things_need_a_restart(
    folder: Path, before: str, after: str, name: str
) -> None:
    assert name in between(folder, (before, after)).restart


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("it@acme.example", "ict@acme.example", "customer"),
        ("desk: embedded", "desk: embedded\nnetworks: [192.0.2.0/24]", "networks"),
        ("desk: embedded", "desk: embedded\nvantage: [gw/ping]", "vantage"),
        (", depends_on: [gw/ping]", "", "depends_on"),
        ("desk: embedded", "desk: embedded\nscreenshots: false", "screenshots"),
        ("targets:", "defaults: {reprobe: 5s}\ntargets:", "reprobe"),
    ],
)
def test_other_things_hold_at_once(
    folder: Path, before: str, after: str, name: str
) -> None:
    found = between(folder, (before, after))

    assert found.other == (name,)
    assert not found.restart
    assert not found.checks


def test_the_order_is_told_since_it_decides_between_equals(folder: Path) -> None:
    lines = SITE.splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if line.startswith("  crm"))
    lines[place], lines[place + 1] = lines[place + 1], lines[place]

    found = differences(loaded(folder, SITE), loaded(folder, "".join(lines)))

    assert found.other == ("order",)


def test_a_secret_with_another_value_is_told_without_it(folder: Path) -> None:
    text = SITE.replace(
        "192.0.2.3, checks",
        "192.0.2.3, credentials: reader, checks",
    ).replace(
        "{ping: icmp}}\n  crm", '{name: {snmp: {get: "1.3.6.1.2.1.1.5.0"}}}}\n  crm'
    )
    old = loaded(folder, text)
    (folder / "community").write_text("other\n")

    found = differences(old, loaded(folder, text))

    assert found.other == ("credentials",)
    assert not found.checks
    assert "other" not in repr(found).replace("other=", "")
