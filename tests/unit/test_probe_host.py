"""`host`: its settings."""

import pytest
from pydantic import ValidationError

from scudo_agent.model import Limit
from scudo_agent.probes.host import HostSettings


def test_a_disk_has_its_limits_as_shares() -> None:
    settings = HostSettings.model_validate(
        {"disk": "/", "warn": "85%", "degraded": "95%"}
    )
    assert settings.warn_limits() == (Limit(value="used", bound=0.85),)
    assert settings.degraded_limits() == (Limit(value="used", bound=0.95),)


def test_a_load_is_counted_by_cpu() -> None:
    settings = HostSettings.model_validate({"load": 5, "degraded": 1.5})
    assert settings.degraded_limits() == (Limit(value="load5_per_cpu", bound=1.5),)
    assert settings.warn_limits() == ()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "not none"),
        ({"disk": "/", "memory": True}, "not disk and memory"),
        ({"disk": "data"}, "disk"),
        ({"memory": False}, "memory"),
        ({"load": 3}, "load"),
        ({"disk": "/", "warn": 85}, "disk never exceeds 100%"),
        ({"disk": "/", "warn": 0}, "warn"),
        ({"disc": "/"}, "disc"),
    ],
)
def test_wrong_settings_are_faults(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        HostSettings.model_validate(wrong)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "endpoint", "command"),
    [
        ({"disk": "/srv"}, "/srv", "df -h /srv"),
        ({"inodes": "/srv"}, "/srv", "df -i /srv"),
        ({"memory": True}, "memory", "free -h"),
        ({"swap": True}, "swap", "free -h"),
        ({"load": 15}, "load", "uptime"),
    ],
)
def test_it_names_what_it_measures(
    settings: dict[str, object], endpoint: str, command: str
) -> None:
    one = HostSettings.model_validate(settings)
    assert not one.NEEDS_ADDRESS
    assert one.hosts(None) == ()
    assert one.endpoint(None) == endpoint
    assert one.reproduce(None) == command
