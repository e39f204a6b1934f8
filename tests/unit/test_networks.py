"""What may be probed: declared networks, else the targets' own addresses."""

from ipaddress import ip_network

import pytest

from scudo_agent.agent.networks import Allowance


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.0.2.7", True),
        ("192.0.3.7", False),
        ("2001:db8::7", True),
        ("2001:db9::7", False),
        ("::ffff:192.0.2.7", True),
        ("::ffff:169.254.169.254", False),
        ("169.254.169.254", False),
        ("not an address", False),
    ],
)
def test_declared_networks_decide(address: str, allowed: bool) -> None:
    networks = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]
    assert Allowance(networks, ["192.0.3.7"])(address) is allowed


def test_without_networks_only_the_targets_own_address() -> None:
    allowance = Allowance(None, ["192.0.2.7"])
    assert allowance("192.0.2.7")
    assert not allowance("192.0.2.8")
    assert not allowance("169.254.169.254")


def test_a_target_with_a_name_may_resolve_anywhere_but_to_odd_addresses() -> None:
    allowance = Allowance(None, ["erp.example"])
    assert allowance("192.0.2.8")
    for odd in ("169.254.169.254", "224.0.0.1", "::", "fe80::1%eth0"):
        assert not allowance(odd)
