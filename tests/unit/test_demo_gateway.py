"""Which gateway and which interface the demo takes."""

from pathlib import Path

import pytest

from scudo_agent.demo import gateway
from scudo_agent.demo.gateway import Gateway, Route

_HEAD = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
)
_ROUTE = Route(address="10.0.2.2", interface="eth0")


def _table(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "route"
    path.write_text(_HEAD + "".join(f"{row}\n" for row in rows), encoding="ascii")
    return path


def _row(interface: str, address: str, *, flags: str = "0003", metric: int = 0) -> str:
    fields = (interface, "00000000", address, flags, "0", "0", str(metric), "00000000")
    return "\t".join((*fields, "0", "0", "0"))


def test_default_route_is_the_one_with_the_smallest_metric(tmp_path: Path) -> None:
    table = _table(
        tmp_path,
        _row("wlan0", "0101A8C0", metric=600),
        _row("eth0", "0202000A", metric=100),
        "eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0",
    )
    assert gateway.default_route(table) == _ROUTE


def test_no_default_route_without_a_gateway_or_a_table(tmp_path: Path) -> None:
    assert gateway.default_route(_table(tmp_path)) is None
    assert (
        gateway.default_route(_table(tmp_path, _row("tun0", "0" * 8, flags="0001")))
        is None
    )
    assert gateway.default_route(tmp_path / "missing") is None


def test_the_real_gateway_is_taken_when_it_answers() -> None:
    asked: list[str] = []

    def ask(address: str) -> bool:
        asked.append(address)
        return True

    chosen = gateway.choose(None, route=lambda: _ROUTE, ask=ask)
    assert chosen.words() == "gateway 10.0.2.2"
    assert asked == ["10.0.2.2"]


@pytest.mark.parametrize(
    ("route", "answered", "words"),
    [
        (_ROUTE, False, "gateway 127.0.0.1 (stand-in: 10.0.2.2 did not answer)"),
        (_ROUTE, None, "gateway 127.0.0.1 (stand-in: this user may not send ICMP)"),
        (None, True, "gateway 127.0.0.1 (stand-in: this machine has no default route)"),
    ],
)
def test_a_stand_in_is_taken_else_and_says_why(
    route: Route | None, answered: bool | None, words: str
) -> None:
    chosen = gateway.choose(None, route=lambda: route, ask=lambda _address: answered)
    assert chosen.words() == words


def test_what_was_asked_for_is_not_probed() -> None:
    def ask(address: str) -> bool:
        raise AssertionError(address)

    wanted = gateway.choose("192.0.2.7", route=lambda: _ROUTE, ask=ask)
    assert wanted == Gateway(address="192.0.2.7")
    stand_in = gateway.choose("stand-in", route=lambda: _ROUTE, ask=ask)
    assert stand_in.address == gateway.STAND_IN


@pytest.mark.parametrize(("operstate", "row"), [("up", 4), ("down", 1), (None, 1)])
def test_the_row_is_of_an_interface_that_is_up(
    tmp_path: Path, operstate: str | None, row: int
) -> None:
    states = {"lo": ("1", "unknown")}
    if operstate is not None:
        states["eth0"] = ("4", operstate)
    for name, (index, state) in states.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "ifindex").write_text(f"{index}\n", encoding="ascii")
        (tmp_path / name / "operstate").write_text(f"{state}\n", encoding="ascii")
    assert gateway.uplink_index(_ROUTE, interfaces=tmp_path) == row
    assert gateway.uplink_index(None, interfaces=tmp_path) == 1
