"""Whether a site has screenshots: its file, and a browser."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scudo_agent import config
from scudo_agent.agent import health
from scudo_agent.agent.runtime import Runtime
from scudo_agent.agent.screenshots import sights_of
from scudo_agent.config.site import Site
from scudo_agent.errors import ConfigError
from scudo_agent.probes.registry import SETTINGS
from support.sites import SITE, write_site

WEB = SITE.replace(
    "web: {tcp: {port: 443}}", "web: {http: {url: https://erp.example/login}}"
)


def loaded(folder: Path, text: str) -> Site:
    """The site of a file."""
    return config.load(write_site(folder, text), SETTINGS)


def views(site: Site, program: str | None) -> list[str]:
    """Checks that can be looked at."""
    runtime: Any = SimpleNamespace(
        site=site,
        pipeline=SimpleNamespace(outcomes={}),
        judge=SimpleNamespace(isolated=None),
        timeline=SimpleNamespace(now=lambda: 0),
    )
    sights = sights_of(cast(Runtime, runtime), browser=program, count=lambda _: None)
    return list(sights.views)


def test_a_site_has_them_where_a_browser_is(tmp_path: Path) -> None:
    site = loaded(tmp_path, WEB)
    assert site.screenshots
    assert views(site, "/usr/bin/chromium") == ["erp/web"]
    assert views(site, None) == []


def test_a_site_may_do_without(tmp_path: Path) -> None:
    site = loaded(tmp_path, WEB + "screenshots: false\n")
    assert not site.screenshots
    assert views(site, "/usr/bin/chromium") == []


def test_a_picture_goes_nowhere_but_to_the_sites_networks(tmp_path: Path) -> None:
    site = loaded(tmp_path, WEB + "networks: [192.0.2.0/24, 198.51.100.1]\n")
    runtime: Any = SimpleNamespace(
        site=site,
        pipeline=SimpleNamespace(outcomes={}),
        judge=SimpleNamespace(isolated=None),
        timeline=SimpleNamespace(now=lambda: 0),
    )
    sights = sights_of(cast(Runtime, runtime), browser="x", count=lambda _: None)
    allowed = sights.views["erp/web"].allowed
    assert allowed("192.0.2.10")
    assert not allowed("127.0.0.1")
    assert not allowed("169.254.169.254")


def test_anything_but_true_and_false_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="screenshots"):
        loaded(tmp_path, WEB + "screenshots: on\n")


def test_the_doctor_says_which_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(text: str) -> list[tuple[str, str]]:
        found = health._browser(loaded(tmp_path, text))
        return [(one.level, one.seen) for one in found]

    asked: list[str] = []

    def which(name: str) -> str | None:
        asked.append(name)
        return "/opt/google-chrome" if name == "google-chrome" else None

    monkeypatch.setattr(shutil, "which", which)
    assert said(WEB) == [("ok", "/opt/google-chrome takes screenshots for tickets")]
    assert asked[0] == "chromium"
    assert said(SITE) == []
    assert said(WEB + "screenshots: false\n")[0][0] == "ok"
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    ((level, seen),) = said(WEB)
    assert level == "warning"
    assert "none is installed" in seen
