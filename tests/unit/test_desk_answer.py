"""With a remote desk its answer is one more vantage check."""

from pathlib import Path

import pytest

from scudo_agent import config
from scudo_agent.config.judging import judging_site, load_judging
from scudo_agent.errors import ConfigError
from scudo_agent.probes.registry import SETTINGS
from scudo_agent.stages import StageWriter
from support.sites import SITE, write_site

REMOTE = SITE.replace(
    "desk: embedded", "desk: {url: https://desk.example, key: env:DESK_KEY}"
).replace("contract: contract.yaml", "contract: prova")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_KEY", "k" * 40)


def test_a_remote_desk_adds_its_answer_to_the_vantage_checks(tmp_path: Path) -> None:
    path = write_site(tmp_path, REMOTE)
    site = config.load(path, SETTINGS)
    assert site.vantage == ("gateway/ping", "desk/answer")
    assert site.checks["desk/answer"].target.address == "desk.example"
    assert load_judging(path) == judging_site_without_definitions(path)


def judging_site_without_definitions(path: Path) -> object:
    """Both views agree but for what a replay does not know of a probe."""
    from dataclasses import replace

    site = judging_site(config.load(path, SETTINGS))
    known = load_judging(path).checks
    checks = {
        name: replace(
            rule, definition=known[name].definition, warns=True, forecasts=True
        )
        for name, rule in site.checks.items()
    }
    return replace(site, checks=checks)


def test_that_the_desk_is_silent_is_for_the_provider_only() -> None:
    assert StageWriter.audience("check:desk/answer") == "provider"
    assert StageWriter.audience("check:erp/db") == "customer"


def test_an_embedded_desk_adds_none(tmp_path: Path) -> None:
    site = config.load(write_site(tmp_path), SETTINGS)
    assert site.vantage == ("gateway/ping",)
    assert "desk/answer" not in site.checks


def test_no_target_may_have_the_desks_name(tmp_path: Path) -> None:
    path = write_site(tmp_path, REMOTE.replace("  switch:", "  desk:", 1))
    with pytest.raises(ConfigError, match="'desk' is the remote desk itself"):
        config.load(path, SETTINGS)
