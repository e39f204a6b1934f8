"""`dns`: its settings."""

import pytest
from pydantic import ValidationError

from scudo_agent.model import Limit
from scudo_agent.probes.dns import DnsSettings


def test_settings_are_read_as_people_write_them() -> None:
    settings = DnsSettings.model_validate(
        {
            "name": "acme.example",
            "type": "MX",
            "expect": "10 mail.acme.example",
            "degraded": {"latency": "500ms"},
            "warn": {"latency": "100ms"},
        }
    )
    assert settings.expect == ("10 mail.acme.example",)
    assert settings.degraded_limits() == (Limit(value="latency_s", bound=0.5),)
    assert settings.warn_limits() == (Limit(value="latency_s", bound=0.1),)
    assert DnsSettings(name="acme.example").degraded_limits() == ()


@pytest.mark.parametrize(
    "name",
    ["acme.example", "acme.example.", ".", "_dmarc.acme.example", "xn--80ak6.example"],
)
def test_names_that_can_be_asked_for(name: str) -> None:
    assert DnsSettings(name=name).name == name


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"name": ""},
        {"name": "a..b"},
        {"name": "-a.example"},
        {"name": "a b.example"},
        {"name": "a.example\n"},
        {"name": "x" * 64 + ".example"},
        {"name": "a.example", "type": "ANY"},
        {"name": "a.example", "expect": []},
        {"name": "a.example", "port": 0},
        {"name": "a.example", "server": "192.0.2.1"},
    ],
)
def test_wrong_settings_are_faults(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DnsSettings.model_validate(wrong)


def test_it_names_what_it_asks_and_how_to_ask_it() -> None:
    settings = DnsSettings(name="acme.example")
    assert settings.SHORT == "name"
    assert settings.endpoint("192.0.2.53") == "192.0.2.53:53 acme.example A"
    assert settings.reproduce("192.0.2.53") == "dig @192.0.2.53 acme.example A"
    other = DnsSettings(name="acme.example", type="MX", port=5353)
    assert other.reproduce("::1") == "dig @::1 -p 5353 acme.example MX"
