"""The key `forecast` in a site file: which limit it means, and what is refused."""

from pathlib import Path

import pytest

from scudo_agent import config
from scudo_agent.config.judging import judging_site
from scudo_agent.config.site import Check
from scudo_agent.errors import ConfigError
from scudo_agent.instant import DAY, HOUR
from scudo_agent.model import Limit, Shape, Trend
from scudo_agent.probes.registry import SETTINGS

HEAD = """\
version: 1
site: prova
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
credentials: {lan: {snmp: {version: 2c, community: 'env:SCUDO_TEST_COMMUNITY'}}}
targets:
"""
HOST = "  here: {{local: true, checks: {{it: {{host: {}}}}}}}\n"
WEB = "  web: {{address: web.example, checks: {{it: {{tls: {}}}}}}}\n"
DEVICE = (
    "  ups: {{address: 192.0.2.9, credentials: lan, checks: {{it: {{snmp: {}}}}}}}\n"
)
USED = "UCD-SNMP-MIB::dskPercent.1"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCUDO_TEST_COMMUNITY", "long-enough-1")


def loaded(folder: Path, target: str, settings: str) -> Check:
    path = folder / "site.yaml"
    path.write_text(HEAD + target.format(settings), "utf-8")
    site = config.load(path, SETTINGS)
    [check] = site.checks.values()
    rule = judging_site(site).checks[check.path]
    trend = check.settings.trend(check.target.address)
    assert rule.forecasts is (trend is not None)
    return check


def used(
    bound: float, *, measure: str = "host disk /", within_us: int = 14 * DAY
) -> Trend:
    return Trend(
        limits=(Limit(value="used", bound=bound),),
        within_us=within_us,
        measure=measure,
        shape=Shape.RATIO,
    )


@pytest.mark.parametrize(
    ("target", "settings", "trend"),
    [
        (HOST, "{disk: /, warn: 85%, degraded: 95%}", None),
        (HOST, "{disk: /, warn: 85%, degraded: 95%, forecast: 14d}", used(0.95)),
        (HOST, "{disk: /, warn: 85%, forecast: 14d}", used(0.85)),
        (HOST, "{disk: /, forecast: 14d}", used(1.0)),
        (HOST, "{inodes: /, forecast: 14d}", used(1.0, measure="host inodes /")),
        (
            HOST,
            "{memory: true, degraded: 90%, forecast: 12h}",
            used(0.9, measure="host memory", within_us=12 * HOUR),
        ),
        (
            WEB,
            "{forecast: 7d}",
            Trend(
                limits=(Limit(value="days_left", bound=14.0, above=False),),
                within_us=7 * DAY,
                measure="tls web.example:443",
                shape=Shape.DAYS,
                pace=-1.0,
            ),
        ),
        (
            DEVICE,
            f"{{get: '{USED}', warn: {{above: 80, below: 5}}, forecast: 30d}}",
            Trend(
                limits=(
                    Limit(value="value", bound=80.0),
                    Limit(value="value", bound=5.0, above=False),
                ),
                within_us=30 * DAY,
                measure=f"snmp 192.0.2.9:161 {USED}",
            ),
        ),
        (
            DEVICE,
            f"{{get: '{USED}', warn: {{above: 80}}, degraded: {{above: 90}},"
            " forecast: 30d}",
            Trend(
                limits=(Limit(value="value", bound=90.0),),
                within_us=30 * DAY,
                measure=f"snmp 192.0.2.9:161 {USED}",
            ),
        ),
    ],
)
def test_the_limit_is_that_of_degraded_else_of_warn(
    tmp_path: Path, target: str, settings: str, trend: Trend | None
) -> None:
    check = loaded(tmp_path, target, settings)
    assert check.settings.trend(check.target.address) == trend


@pytest.mark.parametrize(
    ("target", "settings", "line"),
    [
        (
            HOST,
            "{memory: true, forecast: 14d}",
            "7:68: 'host.forecast' of check 'here/it': "
            "needs a limit to run into; such as degraded: 95%",
        ),
        (
            HOST,
            "{load: 5, warn: 200%, forecast: 14d}",
            "a load comes and goes, it has no forecast; such as warn",
        ),
        (HOST, "{disk: /, forecast: 57d}", "is out of range: from 1h to 56d"),
        (HOST, "{disk: /, forecast: 10m}", "is out of range: from 1h to 56d"),
        (HOST, "{disk: /, forecast: soon}", "'soon' is not a duration"),
        (HOST, "{disk: /, forcast: 14d}", "did you mean 'forecast'?"),
        (
            WEB,
            "{warn: null, forecast: 7d}",
            "'tls.forecast' of check 'web/it': "
            "needs a limit to run into; such as warn: 14d",
        ),
        (WEB, "{forecast: 10s}", "is less than an hour; write days such as 14d"),
        (
            DEVICE,
            f"{{get: '{USED}', forecast: 7d}}",
            "'snmp.forecast' of check 'ups/it': "
            "needs a limit to run into; such as warn: {above: 80}",
        ),
    ],
)
def test_a_forecast_without_a_limit_is_a_fault(
    tmp_path: Path, target: str, settings: str, line: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, target, settings)
    [told] = str(caught.value).splitlines()
    assert line in told


def test_a_forecast_is_part_of_what_a_check_means(tmp_path: Path) -> None:
    plain = loaded(tmp_path, HOST, "{disk: /, warn: 85%}")
    foreseen = loaded(tmp_path, HOST, "{disk: /, warn: 85%, forecast: 14d}")
    assert plain.definition != foreseen.definition
