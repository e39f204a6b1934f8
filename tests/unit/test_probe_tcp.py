"""`tcp`: its settings."""

import pytest
from pydantic import ValidationError

from scudo_agent.model import Limit
from scudo_agent.probes.tcp import TcpSettings


def test_limits_are_read_as_people_write_them() -> None:
    settings = TcpSettings.model_validate(
        {"port": 5432, "degraded": {"latency": "200ms"}, "warn": {"latency": 0.1}}
    )
    assert settings.degraded_limits() == (Limit(value="latency_s", bound=0.2),)
    assert settings.warn_limits() == (Limit(value="latency_s", bound=0.1),)


def test_without_limits_an_answer_is_never_degraded() -> None:
    settings = TcpSettings(port=22)
    assert settings.degraded_limits() == settings.warn_limits() == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"port": 0},
        {"port": 65536},
        {"port": 1, "prot": 2},
        {"port": 1, "degraded": {"latency": 0}},
        {"port": 1, "degraded": {"latency": "soon"}},
        {"port": 1, "degraded": {"rtt": 1}},
    ],
)
def test_wrong_settings_are_faults(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TcpSettings.model_validate(wrong)


def test_it_names_what_it_asks_and_how_to_ask_it() -> None:
    settings = TcpSettings(port=5432)
    assert settings.SHORT == "port"
    assert settings.endpoint("192.0.2.1") == "192.0.2.1:5432"
    assert settings.endpoint("2001:db8::1") == "[2001:db8::1]:5432"
    assert settings.reproduce("192.0.2.1") == "nc -vz 192.0.2.1 5432"
    assert settings.hosts("192.0.2.1") == ("192.0.2.1",)
