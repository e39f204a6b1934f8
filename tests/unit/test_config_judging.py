"""What judging reads: reduced site files, whole ones, and that both agree."""

import json
from pathlib import Path

import pytest

from scudo_agent.config.judging import judging_site, load_judging
from scudo_agent.errors import ConfigError
from scudo_agent.instant import HOUR, MINUTE, SECOND
from scudo_agent.judge.site import JudgeSite
from support.config_files import HEAD, TARGETS, loaded, write

FOLDER = Path(__file__).parent / "site_files"


def reduced(folder: Path, text: str) -> JudgeSite:
    return load_judging(write(folder, text))


def test_a_reduced_file_has_only_what_judging_needs(tmp_path: Path) -> None:
    site = {
        "defaults": {"interval": 60, "confirm": 3, "recover": 2},
        "vantage": ["gw/ping"],
        "targets": {
            "gw": {"depends_on": [], "checks": {"ping": {"confirm": 2}}},
            "a": {"depends_on": ["gw/ping"], "checks": {"ping": {}, "web": None}},
            "me": {"local": True, "checks": {"disk": {"interval": "2h"}}},
        },
        "services": {
            "all": {"contracted": True, "checks": ["a/ping", "a/web"], "need": "all"},
            "any": {"contracted": False, "checks": ["a/ping", "a/web"], "need": "any"},
            "two": {"checks": ["a/ping", "a/web"], "need": {"at_least": 2}},
        },
    }
    got = reduced(tmp_path, json.dumps(site))
    assert list(got.checks) == ["gw/ping", "a/ping", "a/web", "me/disk"]
    assert (got.checks["gw/ping"].confirm, got.checks["a/ping"].confirm) == (2, 3)
    assert got.checks["me/disk"].interval_us == 2 * HOUR
    assert [path for path, rule in got.checks.items() if rule.local] == ["me/disk"]
    assert got.depends_on == {"a": ("gw/ping",)}
    assert got.vantage == ("gw/ping",)
    assert [(s.id, s.need, s.contracted) for s in got.services.values()] == [
        ("all", 2, True),
        ("any", 1, False),
        ("two", 2, False),
    ]
    assert got.reopen_us == 4 * HOUR


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    rule = reduced(tmp_path, "targets: {a: {checks: {ping: }}}").checks["a/ping"]
    assert (rule.interval_us, rule.confirm, rule.recover) == (MINUTE, 3, 2)


def test_a_whole_file_is_read_without_knowing_its_probes(tmp_path: Path) -> None:
    site = load_judging(FOLDER / "issue.yaml")
    assert site.checks["core-switch/uplinks"].interval_us == MINUTE
    nightly = site.checks["backup/nightly"]
    assert (nightly.interval_us, nightly.confirm) == (26 * HOUR, 1)
    assert nightly.local
    text = HEAD + "targets: {a: {checks: {x: {other: {y: 1}, interval: 5s}}}}\n"
    assert reduced(tmp_path, text).checks["a/x"].interval_us == 5 * SECOND


def test_a_heartbeat_is_local_wherever_it_stands(tmp_path: Path) -> None:
    text = "targets: {a: {checks: {n: {heartbeat: {every: 1h, grace: 600}}, p: x}}}"
    site = reduced(tmp_path, text)
    assert [rule.local for rule in site.checks.values()] == [True, False]
    assert site.checks["a/n"].interval_us == 70 * MINUTE


def test_both_ways_of_reading_a_whole_file_agree(tmp_path: Path) -> None:
    (tmp_path / "terms.yaml").write_text(
        "id: x\ntitle: X\nyear_start: 2026-01-01\ntickets: {reopen: 2h}\n", "utf-8"
    )
    text = (
        HEAD
        + "contract: terms.yaml\nvantage: [gateway/ping]\n"
        + "defaults: {interval: 30s, confirm: 2}\n"
        + "profiles: {p: {recover: 4, checks: {ping: {icmp: , confirm: 7}}}}\n"
        + TARGETS
        + "  c: {address: 192.0.2.9, use: p, depends_on: [gateway/ping]}\n"
        + "services: {erp: {contracted: true, checks: [erp/db, c/ping]}}\n"
    )
    site = judging_site(loaded(tmp_path, text))
    other = reduced(tmp_path, text)
    assert {
        p: (r.interval_us, r.confirm, r.recover, r.local, r.target)
        for p, r in site.checks.items()
    } == {
        p: (r.interval_us, r.confirm, r.recover, r.local, r.target)
        for p, r in other.checks.items()
    }
    assert all(rule.definition for rule in site.checks.values())
    assert (site.depends_on, site.vantage) == (other.depends_on, other.vantage)
    assert (site.services, site.reopen_us) == (other.services, other.reopen_us)
    assert site.reopen_us == 2 * HOUR


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "targts: {}",
            "1:1: 'targts' is no key of the site file; did you mean 'targets'?",
        ),
        (
            "targets: {a: {checks: {p: {confirm: 0}}}}",
            "1:37: 'confirm' of check 'a/p': at least 1 is needed, not '0'",
        ),
        (
            "targets: {a: {local: true, depends_on: [b/p], checks: {p: }}, "
            "b: {checks: {p: }}}",
            "1:41: target 'a' is local and depends on 'b/p', which is not: "
            "a local target depends only on local ones",
        ),
        (
            "targets: {a: {checks: {p: }}}\nvantage: [a/q]",
            "2:11: vantage names 'a/q', which is no check; did you mean 'a/p'?",
        ),
        (
            "targets: {a: {checks: {p: {heartbeat: {every: soon}}}}}",
            "1:47: 'heartbeat.every' of check 'a/p': 'soon' is not a duration "
            "such as 30s, 5m, 2h or 500ms",
        ),
        (
            "targets: {a: {checks: {p: heartbeat}}}",
            "1:24: 'heartbeat' of check 'a/p' has no 'every', which it needs",
        ),
        (
            "targets: {a: {checks: {p: {heartbeat: [1h]}}}}",
            "1:39: 'heartbeat' of check 'a/p': keys with values are needed, "
            "such as {key: value}",
        ),
    ],
)
def test_faults_have_their_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reduced(tmp_path, text)
    assert str(caught.value) == f"{tmp_path}/site.yaml:{expected}"
